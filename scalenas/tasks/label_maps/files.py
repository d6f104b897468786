"""Is a split of segmentation data whole, and do its labels fit? Every file is asked for, some read.

mmseg pairs files by their names and reads any image as labels. What it leaves out, ignores or
takes for a class is found by nobody but the metric.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from scalenas.errors import DataError

from ..heads import metrics, task_model
from ..loading import Folders
from .labels import (
    LabelMap,
    LabelRule,
    check_maps,
    check_variety,
    padded,
    read_label,
    size_of_batch,
)

SAMPLE = 24
"""Images of a split that are read."""

MORE = 400
"""That many more, while all labels are of one class: rare things are rare."""

PATIENCE = 5.0
LIMIT = 30.0
"""Seconds until it is said what takes so long, and until a sample is big enough."""

WIDE = ('I', 'F')
"""First letters of Pillow's modes with more than 8 bits, of which mmseg keeps the last 8."""


def check_segmentation(
    cfg: Mapping[str, Any], dataset: Any, loader: str, rule: LabelRule | None, hint: str
) -> None:
    """Pass when a data set of mmseg can be trained on, or scored.

    Without a rule (a head that does not say how many classes there are) values are not judged.

    Raises:
        DataError: names the first file that is wrong, and what to do.
    """
    if not len(dataset):
        raise _no_image(dataset, loader)
    rows = [dataset.get_data_info(i) for i in range(len(dataset))]
    unlabelled = loader == 'calibration_dataloader' or _only_formats(cfg, loader)
    _check_images(rows, dataset, loader, hint)
    if not unlabelled and any('Annotation' in type(t).__name__ for t in _transforms(dataset)):
        _check_pairs(rows, dataset, loader, hint)
    maps: list[LabelMap] = []
    sizes: dict[tuple[int, ...], str] = {}
    for row, out in _read(dataset, rows, _spread(len(rows), SAMPLE), loader):
        shape = _shape(out)
        if shape is not None:
            sizes.setdefault(shape, str(row['img_path']))
        if not unlabelled and _has_classes(out):
            maps.append(_label(dataset, row, out, loader))
    _check_sizes(cfg, sizes, loader)
    if rule is not None and maps:
        total = check_maps(maps, rule, loader)
        _check_variety(dataset, rows, maps, total, rule, loader)


def _check_variety(
    dataset: Any,
    rows: Sequence[Mapping[str, Any]],
    maps: Sequence[LabelMap],
    total: Counter[int],
    rule: LabelRule,
    loader: str,
) -> None:
    seen = len(maps)
    first = set(_spread(len(rows), SAMPLE))
    rest = [i for i in _spread(len(rows), SAMPLE + MORE) if i not in first]
    if sum(rule.is_class(value) for value in total) < 2 and rest:
        more = []
        for row, out in _read(dataset, rows, rest, loader):
            more.append(_label(dataset, row, out, loader))
            if any(rule.is_class(v) and not total.get(v) for v in more[-1].pixels):
                break
        total += check_maps(more, rule, loader)
        seen += len(more)
    reduced = bool(getattr(dataset, 'reduce_zero_label', False))
    try:
        check_variety(total, rule, f'{loader}: {_folder(dataset)}', reduced)
    except DataError as error:
        ignored = rule.ignore is not None and total.get(rule.ignore, 0) > 0
        if seen >= len(rows) or (ignored and seen > SAMPLE):
            raise
        print_log(f'{error} ({seen} of {len(rows)} labels were looked at)', 'current', 30)


def _read(
    dataset: Any, rows: Sequence[Mapping[str, Any]], indices: Sequence[int], loader: str
) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """What the data set's pipeline makes of some of its images; time that passes is said."""
    start, said = time.monotonic(), False
    for count, index in enumerate(indices):
        out = dataset.prepare_data(index)
        if out is not None:
            yield rows[index], out
        passed = time.monotonic() - start
        if passed > PATIENCE and not said:
            said = True
            print_log(f'{loader}: looking at {len(indices)} of {len(rows)} images', 'current')
        if passed > LIMIT and count:
            print_log(f'{loader}: looked at {count + 1} images only: they take long', 'current')
            return


def _has_classes(out: Mapping[str, Any]) -> bool:
    """False for depth, and for volumes, which mmseg's data sets may hold, too."""
    sample: Any = out.get('data_samples')
    image = out.get('inputs')
    deep = 'gt_depth_map' in out or (hasattr(sample, 'keys') and 'gt_depth_map' in sample)
    return not deep and getattr(image, 'ndim', 3) == 3


def _label(dataset: Any, row: Mapping[str, Any], out: Mapping[str, Any], loader: str) -> LabelMap:
    file = str(row.get('seg_map_path') or row.get('img_path'))
    sample = out.get('data_samples')
    if isinstance(sample, list | tuple):  # of test time augmentation
        sample, out = sample[0], {}
    if sample is not None and 'gt_sem_seg' in sample:
        label = sample.gt_sem_seg.data
    elif out.get('gt_seg_map') is not None:
        label = np.asarray(out['gt_seg_map'])[None]
    else:
        raise DataError(
            'its labels are not loaded',
            where=f'{loader}.dataset',
            hint="give data_prefix.seg_map_path, and dict(type='LoadAnnotations') in the pipeline",
        )
    size = _shape(out)
    if loader != 'train_dataloader' and sample is not None:
        # A prediction is brought to the size of the file.
        size = sample.metainfo.get('ori_shape', size)
    _check_depth(dataset, row, loader)
    return read_label(label, file, loader, size, bool(row.get('reduce_zero_label')))


def _check_depth(dataset: Any, row: Mapping[str, Any], loader: str) -> None:
    """Pass unless mmseg's own reader would cut a number to its last 8 bits."""
    file = Path(str(row.get('seg_map_path') or ''))
    loads = [t for t in _transforms(dataset) if type(t).__name__ == 'LoadAnnotations']
    if not file.is_file() or not any(type(t).__module__.startswith('mmseg.') for t in loads):
        return
    try:
        with Image.open(file) as image:
            if not image.mode.startswith(WIDE):
                return
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        return  # another reader read it
    wrong = np.unique(values[(values < 0) | (values > 255) | (values != np.floor(values))])
    if len(wrong):
        raise DataError(
            'the label has values of which mmseg keeps the last 8 bits',
            where=f'{loader}: {file}',
            got=[value.item() for value in wrong[:5]],
            allowed='whole numbers from 0 to 255',
            hint='save the numbers of the classes with 8 bits',
        )


def _transforms(dataset: Any) -> list[Any]:
    return list(getattr(getattr(dataset, 'pipeline', None), 'transforms', ()))


def _shape(out: Mapping[str, Any]) -> tuple[int, ...] | None:
    """(height, width) of what a batch is made of."""
    image = out.get('inputs')
    if image is None:
        image = out.get('img')
        shape = getattr(image, 'shape', ())[:2]
    else:
        shape = getattr(image, 'shape', ())[-2:]
    return tuple(shape) if len(shape) == 2 else None


def _check_sizes(cfg: Mapping[str, Any], sizes: Mapping[tuple[int, ...], str], loader: str) -> None:
    """Pass unless images of a batch would differ in size."""
    batch = (cfg.get(loader) or {}).get('batch_size', 1)
    if len(sizes) < 2 or not isinstance(batch, int) or batch < 2:
        return
    if loader == 'train_dataloader':
        about = task_model(cfg)[1].get('data_preprocessor') or cfg.get('data_preprocessor') or {}
        if len(padded(list(sizes), about.get('size'))) < 2:
            return
    raise size_of_batch(sizes, batch, loader)


def _check_images(rows: Sequence[Mapping[str, Any]], dataset: Any, loader: str, hint: str) -> None:
    listed = Folders()
    missing = [row['img_path'] for row in rows if not listed.has(row['img_path'])]
    if missing:
        suffix = getattr(dataset, 'img_suffix', '')
        if suffix and Path(missing[0]).name.endswith(suffix * 2):
            hint = f'the list names files with their suffix: leave {suffix!r} out of it'
        elif suffix and Path(missing[0]).name == suffix:
            hint = f'the list has an empty line: {getattr(dataset, "ann_file", "")}'
        elif '\ufeff' in missing[0]:
            hint = 'save the list as UTF-8 without a byte-order mark (BOM)'
        raise DataError(
            f'{len(missing)} of {len(rows)} images are missing',
            where=f'{loader}: {missing[0]}',
            hint=hint,
        )


def _check_pairs(rows: Sequence[Mapping[str, Any]], dataset: Any, loader: str, hint: str) -> None:
    """Pass when every image has a label, and every label an image."""
    labels = [row['seg_map_path'] for row in rows if row.get('seg_map_path')]
    listed = Folders()
    missing = [label for label in labels if not listed.has(label)]
    if missing:
        raise DataError(
            f'{len(missing)} of {len(rows)} images have no label',
            where=f'{loader}: {missing[0]}',
            hint=f'give the labels, or look at seg_map_suffix and data_prefix; {hint}',
        )
    alone = _without_image(dataset, rows)
    if alone:
        raise DataError(
            f'{len(alone)} labels have no image, and would be left out',
            where=f'{loader}: {alone[0]}',
            hint=f'give the images (*{dataset.img_suffix}), or name those that are meant in a list '
            'as ann_file',
        )


def _without_image(dataset: Any, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of a folder that are of no image; where a list names the images, none."""
    mro = type(dataset).__mro__
    base: Any = next(kind for kind in mro if kind.__name__ == 'BaseSegDataset')
    own = type(dataset).load_data_list is base.load_data_list
    prefix = dataset.data_prefix.get('seg_map_path')
    ann_file = getattr(dataset, 'ann_file', '')
    chosen = getattr(dataset, '_indices', None) is not None
    if not own or not prefix or chosen or (ann_file and not os.path.isdir(ann_file)):
        return []
    root, suffix = Path(prefix), dataset.seg_map_suffix
    known = {os.path.normpath(row['seg_map_path']) for row in rows if row.get('seg_map_path')}
    stems = {path.removesuffix(suffix) for path in known}
    names = []
    for path in sorted(root.rglob(f'*{suffix}')):
        name = os.path.normpath(path)
        hidden = any(part.startswith('.') for part in path.relative_to(root).parts)
        if name not in known and not hidden and not _is_made_of(name, stems):
            names.append(str(path))
    return names


def _is_made_of(name: str, stems: set[str]) -> bool:
    """True for the likes of `a_colour.png` beside `a.png`."""
    folder, file = os.path.split(name)
    cuts = (i for i, letter in enumerate(file) if letter in '_-.')
    return any(os.path.join(folder, file[:cut]) in stems for cut in cuts)


def _no_image(dataset: Any, loader: str) -> DataError:
    """An empty list, and the files that are there instead."""
    folder, suffix = Path(_folder(dataset)), getattr(dataset, 'img_suffix', '')
    kinds = Counter(p.suffix for p in folder.rglob('*') if p.is_file()) if folder.is_dir() else {}
    names = ', '.join(f'{n} *{ending}' for ending, n in Counter(kinds).most_common(3))
    return DataError(
        'no image found' + (f' among {names}' if names else ''),
        where=f'{loader}: {folder}',
        got=f'*{suffix}',
        hint='set img_suffix, or data_root and data_prefix.img_path',
    )


def _folder(dataset: Any) -> str:
    return str((getattr(dataset, 'data_prefix', None) or {}).get('img_path') or '')


def _only_formats(cfg: Mapping[str, Any], loader: str) -> bool:
    """True for images that are not scored here: a server has their labels."""
    given = [metric for _, metric in metrics(cfg, loader)]
    scored = loader != 'train_dataloader'
    return scored and bool(given) and all(m.get('format_only') for m in given)


def _spread(number: int, count: int) -> list[int]:
    """`count` of `number` indices, evenly spaced, the first and the last among them."""
    if number <= count:
        return list(range(number))
    return [i * (number - 1) // max(count - 1, 1) for i in range(count)]
