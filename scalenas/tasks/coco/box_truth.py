"""The truth of boxes and masks: classes, ids and thresholds that COCO's tools need."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from scalenas.errors import DataError, did_you_mean, short

from .truth import check_names, check_once, check_samples_tell, check_scores

AVERAGED = 100
"""COCO's mAP is that of so many boxes a picture, and -1 where a metric does not count so many."""


def fit_boxes(metric: Any, dataset: Any, shown: Sequence[Mapping[str, Any]], where: str) -> None:
    """Lets mmdet's CocoMetric score what is shown, and nothing else.

    Raises:
        DataError: when the truth does not fit, or holds nothing to score.
    """
    check_once([info['img_id'] for info in shown], 'picture', where)
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
        told = [one for info in shown for one in info.get('instances', ())]
        check_scores([one for one in told if not one.get('ignore_flag')], where)
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
