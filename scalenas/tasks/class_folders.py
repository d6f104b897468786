"""Do the labels of classification data fit: folders of classes, lists, numbers beyond the head?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from scalenas.errors import DataError

from .heads import check_class_count, heads, kind
from .label_maps.labels import size_of_batch
from .loading import Folders

SAMPLE = 16
"""Images of a split that are read."""


def check_class_folders(cfg: Mapping[str, Any], dataset: Any, loader: str) -> tuple[str, ...]:
    """Pass when a data set of mmpretrain can be trained on, or scored; names of its classes.

    Labels are known for all images, and looked at for all; a sample of the images is read.

    Raises:
        UserError: names the class, the label or the file that is wrong.
    """
    classes = tuple(dataset.metainfo.get('classes') or ())
    # `img_prefix` of mmpretrain is an error where a data set reads no image files.
    folder = str((getattr(dataset, 'data_prefix', None) or {}).get('img_path') or '')
    if not len(dataset):
        raise DataError(
            'no image found', where=f'{loader}: {folder}', hint='look at data_root and data_prefix'
        )
    labels, missing, folders = [], [], Folders()
    for index in range(len(dataset)):
        row = dataset.get_data_info(index)
        labels.append(_labels(row))
        path = row.get('img_path')
        if isinstance(path, str) and '://' not in path and not folders.has(path):
            missing.append(path)
    if missing:
        raise DataError(
            f'{len(missing)} of {len(labels)} images are missing', where=f'{loader}: {missing[0]}'
        )
    if all(given is None for given in labels):
        return classes  # of a task without classes
    _check_numbers(cfg, dataset, labels, classes, loader)
    if all(given is not None and len(given) == 1 for given in labels):
        counts = Counter(label for given in labels for label in given or ())
        _check_counts(counts, classes, len(labels), folder, loader)
    _check_sample(cfg, dataset, loader)
    return classes


def _check_sample(cfg: Mapping[str, Any], dataset: Any, loader: str) -> None:
    """Reads some images; where they are stacked as they are, all must be of one size."""
    about = cfg.get(loader) or {}
    batch = about.get('batch_size', 1)
    stacked = kind(about.get('collate_fn')) == 'default_collate'
    sizes: dict[tuple[int, ...], str] = {}
    for index in sorted({i * (len(dataset) - 1) // (SAMPLE - 1) for i in range(SAMPLE)}):
        out = dataset.prepare_data(index) or {}
        shape = tuple(getattr(out.get('inputs'), 'shape', ())[-2:])
        sizes.setdefault(shape, str(dataset.get_data_info(index).get('img_path')))
    if stacked and len(sizes) > 1 and isinstance(batch, int) and batch > 1:
        raise size_of_batch(sizes, batch, loader)


def _check_numbers(
    cfg: Mapping[str, Any],
    dataset: Any,
    labels: Sequence[Sequence[int] | None],
    classes: Sequence[str],
    loader: str,
) -> None:
    for place, head in heads(cfg, 'head'):
        number = head.get('num_classes')
        if not isinstance(number, int):
            continue
        for index, given in enumerate(labels):
            wrong = [label for label in given or () if not 0 <= label < number]
            if wrong:
                raise DataError(
                    'the label is no class of the head',
                    where=f'{loader}: {dataset.get_data_info(index).get("img_path")}',
                    got=wrong[0],
                    allowed=f'0 ... {number - 1}, for {place}.num_classes={number}',
                    hint='labels count from 0; a head has one output for each class',
                )
        if classes:
            check_class_count(number, f'{place}.num_classes', classes, loader)


def _check_counts(
    counts: Counter[int], classes: Sequence[str], total: int, folder: str, loader: str
) -> None:
    where = f'{loader}: {folder}'
    empty = [name for label, name in enumerate(classes) if not counts[label]]
    # A class that a list or the data set's own metainfo names may be left out on purpose.
    folders = [name for name in empty if folder and (Path(folder) / name).is_dir()]
    if len(counts) == 1 and total > 1:
        label = next(iter(counts))
        error = DataError(
            f'all {total} images are of one class',
            where=where,
            got=classes[label] if label < len(classes) else label,
            allowed='at least two classes',
            hint='images of a folder are sorted by class: indices=N takes the first N of them',
        )
        if loader != 'calibration_dataloader':
            raise error
        print_log(str(error), 'current', 30)
    elif folders and loader == 'train_dataloader':
        raise DataError(
            f'{len(folders)} of {len(classes)} classes have a folder without images',
            where=where,
            got=folders[:5],
            hint='give images of them, or take their folders away: a folder is a class',
        )
    elif empty and loader != 'calibration_dataloader':
        print_log(
            f'{where}: {len(empty)} of {len(classes)} classes have no image, such as {empty[0]!r}',
            'current',
            30,
        )


def _labels(row: Mapping[str, Any]) -> list[int] | None:
    """The labels of an image; None where it has none."""
    label = row.get('gt_label')
    if label is None or isinstance(label, int):
        return None if label is None else [label]
    return [int(v) for v in np.atleast_1d(np.asarray(label))]
