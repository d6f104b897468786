"""The truth of poses: the people whom a loader shows, by their boxes or by whole pictures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from scalenas.errors import DataError

from ..loading import leaves
from .detected_boxes import PERSON
from .truth import check_names, check_once, check_samples_tell, check_scores


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
            hint='leave it out, and name a file of fewer pictures (tools/split_annotations.py)',
        )
    truth = metric.coco
    if truth is None:
        # With a file mmpose takes the same person twice for one.
        check_once([str(info['id']) for info in shown], 'person', where)
        check_samples_tell(dataset, 'raw_ann_info', where)
        return
    check_names(truth, shown, where)
    if not leaf.bbox_file:
        pictures = {info['img_id'] for info in shown}
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
            kept = [row for row in rows if row['image_id'] in pictures]
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
                f'that it finds in detected boxes or whole pictures as category {PERSON}',
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
