"""Do the labels of classification data fit: folders of classes, lists, numbers beyond the head?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from .errors import DataError
from .heads import check_class_count, heads

SAMPLE = 16
"""Images of a split that are read."""


def check_class_folders(cfg: Mapping[str, Any], dataset: Any, loader: str) -> tuple[str, ...]:
    """Pass when a data set of mmpretrain can be trained on, or scored; names of its classes.

    Labels are known for all images, and looked at for all; a sample of the images is read.

    Raises:
        UserError: names the class, the label or the file that is wrong.
    """
    classes = tuple(dataset.metainfo.get('classes') or ())
    rows = [dataset.get_data_info(i) for i in range(len(dataset))]
    where = f'{loader}: {getattr(dataset, "img_prefix", "")}'
    if not rows:
        raise DataError('no image found', where=where, hint='look at data_root and data_prefix')
    labels = [_labels(row) for row in rows]
    if all(found is None for found in labels):
        return classes  # of a task without classes
    _check_numbers(cfg, rows, labels, classes, loader)
    counts = Counter(label for found in labels for label in found or ())
    if loader != 'calibration_dataloader' and all(len(found or ()) == 1 for found in labels):
        _check_counts(counts, classes, len(rows), where, loader)
    for index in {i * (len(rows) - 1) // (SAMPLE - 1) for i in range(SAMPLE)}:
        dataset.prepare_data(index)
    return classes


def check_same_classes(classes: Mapping[str, Sequence[str]]) -> None:
    """Pass when all splits number their classes alike: loader -> names.

    Folders are numbered by their order, so one that a split lacks shifts all after it.

    Raises:
        DataError: names the first class that differs.
    """
    items = [(loader, list(names)) for loader, names in classes.items() if names]
    for loader, names in items[1:]:
        first, others = items[0]
        if names == others:
            continue
        place = next(
            (i for i, (a, b) in enumerate(zip(names, others, strict=False)) if a != b),
            min(len(names), len(others)),
        )
        mine, theirs = (n[place] if place < len(n) else None for n in (names, others))
        raise DataError(
            f'label {place} is {mine!r} here, and {theirs!r} in {first}',
            where=f'{loader}.dataset',
            got=names,
            allowed=f'the classes of {first}, in their order',
            hint='give both the same folders of classes, or lists (ann_file) with labels, and '
            'metainfo.classes',
        )


def _check_numbers(
    cfg: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[Sequence[int] | None],
    classes: Sequence[str],
    loader: str,
) -> None:
    for place, head in heads(cfg, 'head'):
        number = head.get('num_classes')
        if not isinstance(number, int):
            continue
        for row, found in zip(rows, labels, strict=True):
            wrong = [label for label in found or () if not 0 <= label < number]
            if wrong:
                raise DataError(
                    'the label is no class of the head',
                    where=f'{loader}: {row.get("img_path")}',
                    got=wrong[0],
                    allowed=f'0 ... {number - 1}, for {place}.num_classes={number}',
                    hint='labels count from 0; a head has one output for each class',
                )
        if classes:
            check_class_count(number, f'{place}.num_classes', classes, loader)


def _check_counts(
    counts: Counter[int], classes: Sequence[str], total: int, where: str, loader: str
) -> None:
    empty = [name for label, name in enumerate(classes) if not counts[label]]
    if len(counts) == 1:
        label = next(iter(counts))
        name = classes[label] if label < len(classes) else label
        raise DataError(
            f'all {total} images are of one class',
            where=where,
            got=name,
            allowed='at least two classes',
            hint='images of a folder are sorted by class: indices=N takes the first N of them',
        )
    if empty and loader == 'train_dataloader':
        raise DataError(
            f'{len(empty)} of {len(classes)} classes have no image',
            where=where,
            got=empty[:5],
            hint='give images of them, or take their folders away: a folder is a class',
        )
    if empty:
        print_log(
            f'{where}: {len(empty)} of {len(classes)} classes have no image, such as {empty[0]!r}',
            'current',
            30,
        )


def _labels(row: Mapping[str, Any]) -> list[int] | None:
    """The labels of an image; None where it has none."""
    label = row.get('gt_label')
    if label is None:
        return None
    return [int(v) for v in np.atleast_1d(np.asarray(label))]
