"""Ground truth of COCO metrics: the images that their dataloader shows, and no others.

Metrics with an annotation file of their own count every object of that file: with a dataloader that
shows a part, the rest would be misses. Here the built metric is told what is shown. Nothing is
evaluated on a file that lacks what the metric needs.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from scalenas.errors import DataError, did_you_mean, short

from ..loading import leaves
from .detected_boxes import PERSON

Fit = Callable[[Any, Any, Sequence[Mapping[str, Any]], str], None]
"""Of a metric, the data set, what that says of each image or person, and the place."""


def fit_truth(metrics: Sequence[Any], loader: Any, where: str, fit: Fit) -> None:
    """Let metrics of COCO's kind score what `loader` shows, each by `fit`.

    `where` is the variable of the config that describes the metrics.

    Raises:
        DataError: when the truth is of other images or classes, or has nothing to score.
    """
    if all(getattr(metric, 'format_only', False) for metric in metrics):
        return
    if getattr(loader, 'drop_last', False) and len(loader.dataset) % (loader.batch_size or 1):
        raise DataError(
            where=where,
            hint='set drop_last=False in the loader, which leaves out '
            'images of the last batch that the metric would count as misses',
        )
    shown = list(_shown(loader.dataset))
    if not shown:
        return
    for metric in metrics:
        fit(metric, loader.dataset, shown, where)


def check_scores(rows: Sequence[Any], where: str) -> None:
    """Pass when there is an object to score."""
    if not rows:
        raise DataError(
            'nothing in the images of its loader can be scored: no object of a class, or all are '
            'crowds; every net would score -1, which is no score',
            where=where,
        )


def check_once(keys: Sequence[Any], kind: str, where: str) -> None:
    """Pass when a dataloader shows no image or person twice."""
    key, times = Counter(keys).most_common(1)[0]
    if times > 1:
        raise DataError(
            f'the loader shows {times} {kind}s of id {key}: what is found in one would be scored '
            'by the labels of all',
            where=where,
            hint='show each once, and give files of one loader ids of their own',
        )


def check_names(truth: Any, shown: Sequence[Mapping[str, Any]], where: str) -> None:
    """Pass when every shown image is the one that the truth has under its id."""
    for info in shown:
        image = truth.imgs.get(info['img_id'])
        mine = Path(str(info.get('img_path', ''))).name
        # A truth that a metric gathered from its samples has no names.
        given = mine if image is None else image.get('file_name') or mine
        if image is None or Path(given).name != mine:
            other = 'no image' if image is None else short(given)
            raise DataError(
                f'the truth has {other} under the id {info["img_id"]} of {short(mine)}',
                where=where,
                hint='give ann_file of the evaluator that of its loader',
            )


def check_samples_tell(dataset: Any, key: str, where: str) -> None:
    """Pass when samples carry the truth to a metric that has no file."""
    for leaf in leaves(dataset):
        transforms = getattr(leaf.pipeline, 'transforms', ())
        keys = getattr(transforms[-1], 'meta_keys', None) if transforms else None
        if keys is not None and key not in keys:
            raise DataError(
                f'has no ann_file, and the samples do not carry {key!r}',
                where=where,
                hint=f'give it ann_file, or the last transform {key!r} in meta_keys',
            )


def _shown(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """What a built data set says of each image or person; nothing where it tells no ids."""
    plain = isinstance(dataset, BaseDataset)
    read = BaseDataset.get_data_info if plain else getattr(type(dataset), 'get_data_info', None)
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _shown(part)
    elif read is not None:
        for number in range(len(dataset)):
            info = read(dataset, number)
            if 'img_id' not in info:
                return
            yield info


AVERAGED = 100
"""COCO's mAP is that of so many boxes an image, and -1 where a metric does not count so many."""


def fit_boxes(metric: Any, dataset: Any, shown: Sequence[Mapping[str, Any]], where: str) -> None:
    """Lets mmdet's CocoMetric score what is shown, and nothing else.

    Raises:
        DataError: when the truth does not fit, or holds nothing to score.
    """
    check_once([info['img_id'] for info in shown], 'image', where)
    if {'bbox', 'segm'} & set(metric.metrics):
        items, counted = metric.metric_items, list(metric.proposal_nums)
        if len(counted) < 3 or (AVERAGED not in counted and (items is None or 'mAP' in items)):
            raise DataError(
                where=f'{where}.proposal_nums',
                got=counted,
                allowed=f'at least three numbers, one of them {AVERAGED}: else COCO has no mAP',
            )
    if isinstance(metric.iou_thrs, list | tuple):
        # pycocotools looks for thresholds in an array.
        metric.iou_thrs = np.array(metric.iou_thrs)
    if not hasattr(metric, '_coco_api'):  # LVIS's own tools
        metric.img_ids = [info['img_id'] for info in shown]
        return
    truth = metric._coco_api
    if truth is None:
        check_samples_tell(dataset, 'instances', where)
        instances = [one for info in shown for one in info.get('instances', ())]
        check_scores([one for one in instances if not one.get('ignore_flag')], where)
        return
    classes = list((metric.dataset_meta or {}).get('classes', ()))
    names = {number: row['name'] for number, row in truth.cats.items()}
    given = [names[number] for number in truth.get_cat_ids(cat_names=classes)]
    if given != classes:
        lacking = next((name for name in classes if name not in given), None)
        problem = (
            'the categories of the truth have another order than the classes of the data set'
            if lacking is None
            else f'no category of the truth is called {lacking!r}, as a class of the data set is'
        )
        raise DataError(
            problem,
            where=where,
            got=list(names.values()),
            allowed=short(classes),
            hint=did_you_mean(lacking, names.values()),
        )
    check_names(truth, shown, where)
    metric.img_ids = [info['img_id'] for info in shown]
    _renumber(truth, where)
    numbers = set(truth.get_cat_ids(cat_names=classes))
    rows = truth.load_anns(truth.get_ann_ids(img_ids=metric.img_ids))
    check_scores([a for a in rows if a['category_id'] in numbers and not a.get('iscrowd')], where)


def _renumber(truth: Any, where: str) -> None:
    """No annotation may have the id 0: for pycocotools that means "no object"."""
    if 0 not in truth.anns:
        return
    print_log(
        f'{where}: annotation 0 of the truth gets another id here: pycocotools, and with it '
        "mmdet's own tool, takes whatever is found there for a mistake; `python "
        'tools/split_annotations.py FILE --renumber` writes a file that both score alike',
        'current',
        30,
    )
    for number, row in enumerate(truth.dataset['annotations'], 1):
        row['id'] = number
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
    truth.img_ann_map, truth.cat_img_map = truth.imgToAnns, truth.catToImgs


def fit_poses(metric: Any, dataset: Any, shown: Sequence[Mapping[str, Any]], where: str) -> None:
    """Lets mmpose's CocoMetric score what is shown, and nothing else.

    Raises:
        DataError: when the truth does not fit, or holds nothing to score.
    """
    leaf = next(leaves(dataset))
    if not hasattr(leaf, 'data_mode'):
        return
    people = leaf.data_mode == 'topdown' and not leaf.bbox_file
    if leaf.bbox_file and any(part._indices is not None for part in leaves(dataset)):
        raise DataError(
            'detected boxes that are not shown would be misses',
            where=f'{where.replace("_evaluator", "_dataloader")}.dataset.indices',
            got=leaf._indices,
            hint='leave it out, and name a file of fewer images (tools/split_annotations.py)',
        )
    truth = metric.coco
    if truth is None:
        # With a file mmpose takes the same person twice for one.
        check_once([str(info['id']) for info in shown], 'person', where)
        check_samples_tell(dataset, 'raw_ann_info', where)
        return
    check_names(truth, shown, where)
    if not leaf.bbox_file:
        numbers = {info['img_id'] for info in shown}
        ids = {info['id'] for info in shown} if people else set()
        rows = truth.dataset['annotations']
        if people and (strange := ids - set(truth.anns)):
            raise DataError(
                f'{len(strange)} people of the loader are not in the truth, such as annotation '
                f'{min(strange)}',
                where=where,
            )
        if people:
            kept = [row for row in rows if row['id'] in ids or not _would_show(leaf, truth, row)]
        else:
            kept = [row for row in rows if row['image_id'] in numbers]
        if len(kept) < len(rows):
            truth.dataset['annotations'] = kept
            with contextlib.redirect_stdout(io.StringIO()):
                truth.createIndex()
    scored = [row for row in truth.dataset['annotations'] if _has_joints(row)]
    check_scores(scored, where)
    if 'category_id' not in shown[0] or not people:
        others = {row['category_id'] for row in scored} - {PERSON}
        if len(others) == len({row['category_id'] for row in scored}):
            raise DataError(
                f'people of the truth are of category {min(others)}, while mmpose scores those '
                f'that it finds in detected boxes or whole images as category {PERSON}',
                where=where,
                hint=f'give the people of the file the category id {PERSON}',
            )


def _would_show(leaf: Any, truth: Any, row: Mapping[str, Any]) -> bool:
    """Whether the data set shows such a person, if it shows all."""
    if 'keypoints' not in row:
        return False
    image = {**truth.imgs[row['image_id']], 'img_id': row['image_id'], 'img_path': ''}
    row = {name: value for name, value in row.items() if name != 'segmentation'}
    info = leaf.parse_data_info({'raw_ann_info': row, 'raw_img_info': image})
    return bool(info) and leaf._is_valid_instance(info)


def _has_joints(row: Mapping[str, Any]) -> bool:
    return not row.get('iscrowd') and any(v > 0 for v in row.get('keypoints', ())[2::3])
