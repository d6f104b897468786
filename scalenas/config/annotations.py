"""What is wrong with a COCO annotation file, in one line, before anything is built from it.

The packages drop what they cannot use without a word: a file of boxes given for keypoints, or of
other classes, ends as a network that learned nothing, hours later.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from scalenas.arch.strict import suggest

from .errors import DataError

TOLERATED = 0.01
"""Share of boxes without size or outside of their picture that is reported, but no error: COCO's
own train2017 has some, and mmdet and mmpose leave them out."""


@dataclass(frozen=True)
class Wanted:
    """What a data set makes of an annotation file.

    where, hint: variable of the config, and how to get the data, for the message; folder: where the
    pictures lie; classes: names of those that become labels, in order (mmdet); keypoints: number of
    them (mmpose); fields: what every annotation needs beside its box; labelled: False for pictures
    whose labels only a server has, as COCO's test-dev.
    """

    where: str
    folder: Path
    classes: tuple[str, ...] = ()
    keypoints: int = 0
    hint: str = 'see the head of the config'
    fields: tuple[str, ...] = ()
    labelled: bool = True


def check_annotations(path: Path, wanted: Wanted) -> None:
    """Pass when the COCO file at `path` is good to train on or to test with.

    Raises:
        DataError: names the first thing that is wrong, an example, and what to do.
    """
    at = f'{wanted.where}: {path}'
    content = _read(path, at, wanted.labelled)
    try:
        _check(at, content, wanted)
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        line = ' '.join(f'{type(error).__name__}: {error}'.split())
        raise DataError(
            f"{at}: an entry is not as COCO's format wants it: {line}; "
            'see cocodataset.org/#format-data'
        ) from None


def _check(at: str, content: Mapping[str, list[dict[str, Any]]], wanted: Wanted) -> None:
    images = {image.get('id'): image for image in content['images']}
    if not images:
        raise DataError(f"{at}: its list 'images' is empty; {wanted.hint}")
    annotations = content.get('annotations', [])
    if wanted.labelled and not annotations:
        raise DataError(f"{at}: its list 'annotations' is empty; {wanted.hint}")
    if wanted.keypoints and annotations:
        _check_keypoints(at, annotations, wanted.keypoints)
    _check_structure(at, images, annotations, wanted.fields)
    for kind, rows in (('image', content['images']), ('annotation', annotations)):
        number, times = Counter(row['id'] for row in rows).most_common(1)[0] if rows else (0, 0)
        if times > 1:
            raise DataError(f'{at}: {times} {kind}s have the id {number}; ids must differ')
    _check_categories(at, content['categories'], annotations, wanted.classes)
    used = [a for a in annotations if 'keypoints' in a] if wanted.keypoints else annotations
    _check_boxes(at, images, used)
    _check_pictures(at, [image['file_name'] for image in content['images']], wanted)


def _read(path: Path, at: str, labelled: bool) -> dict[str, list[dict[str, Any]]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        line = ' '.join(str(error).split())
        raise DataError(f'{at}: cannot be read as json: {line}') from None
    for name in ('images', 'annotations', 'categories'):
        if name == 'annotations' and not labelled and name not in content:
            continue
        rows = content.get(name) if isinstance(content, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(
                f'{at}: is no COCO annotation file: {name!r} must be a list of tables; '
                'see cocodataset.org/#format-data'
            )
    return dict(content)


def _check_structure(
    at: str,
    images: Mapping[Any, Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    fields: Sequence[str],
) -> None:
    for kind, rows, names in (
        ('image', images.values(), ('id', 'file_name', 'width', 'height')),
        ('annotation', annotations, ('id', 'image_id', 'category_id', 'bbox', *fields)),
    ):
        for row in rows:
            for name in names:
                if name not in row:
                    raise DataError(f'{at}: {kind} {row.get("id")} has no {name!r}')
    for row in annotations:
        if row['image_id'] not in images:
            raise DataError(
                f'{at}: annotation {row["id"]} is of image {row["image_id"]}, which is not in '
                "'images'"
            )


def _check_keypoints(at: str, annotations: Sequence[Mapping[str, Any]], count: int) -> None:
    given = [a for a in annotations if 'keypoints' in a]
    if not given:
        raise DataError(
            f"{at}: no annotation has 'keypoints': it holds boxes only; for COCO give "
            'person_keypoints_*.json instead of instances_*.json'
        )
    for row in given:
        if len(row['keypoints']) != 3 * count:
            raise DataError(
                f'{at}: annotation {row.get("id")} has {len(row["keypoints"])} numbers as '
                f'keypoints, expected {3 * count}: x, y, visibility of {count}; the number is that '
                "of the data set's metainfo"
            )
    if not any(any(v > 0 for v in row['keypoints'][2::3]) for row in given):
        raise DataError(
            f'{at}: no keypoint of any annotation is labelled: all visibilities are 0, so there '
            'is nothing to learn'
        )


def _check_categories(
    at: str,
    categories: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
) -> None:
    names = {row.get('id'): str(row.get('name')) for row in categories}
    counts = Counter(row['category_id'] for row in annotations)
    for number, count in counts.items():
        if number not in names:
            known = ', '.join(f'{k} {v}' for k, v in list(names.items())[:5]) or 'none'
            raise DataError(
                f'{at}: {count} annotations have category_id {number}, which is not among its '
                f'categories ({known})'
            )
    if not classes:
        return
    found = [name for name in names.values() if name in classes]
    listed = ', '.join(list(names.values())[:5]) + (', ...' if len(names) > 5 else '')
    if not found:
        raise DataError(
            f'{at}: none of its categories ({listed}) is a class of the data set '
            f'({classes[0]}{", ..." if len(classes) > 1 else ""})'
            f"{suggest(listed, classes)}; set dataset.metainfo=dict(classes=('NAME', ...))"
        )
    if found != list(classes[: len(found)]):
        wrong = next(i for i, name in enumerate(found) if name != classes[i])
        raise DataError(
            f'{at}: label {wrong} would be {found[wrong]!r} by its categories, but '
            f'{classes[wrong]!r} by the classes of the data set; give '
            'dataset.metainfo.classes in the order of the file'
        )
    if counts and not any(names[number] in classes for number in counts):
        raise DataError(f'{at}: no annotation is of a class of the data set ({", ".join(found)})')


def _check_boxes(
    at: str, images: Mapping[Any, Mapping[str, Any]], annotations: Sequence[Mapping[str, Any]]
) -> None:
    bad = [(a, why) for a in annotations if (why := _box_fault(a['bbox'], images[a['image_id']]))]
    if not bad:
        return
    row, why = bad[0]
    text = (
        f'{at}: {len(bad)} of {len(annotations)} boxes are of no use, the first in annotation '
        f'{row["id"]}: {row["bbox"]} {why}'
    )
    if len(bad) > TOLERATED * len(annotations):
        raise DataError(f'{text}; boxes are [x, y, width, height] in pixels: mend or remove them')
    print_log(f'{text}; they are left out', 'current', 30)


def _box_fault(box: Any, image: Mapping[str, Any]) -> str:
    """Empty for a good box."""
    numbers = isinstance(box, list) and all(isinstance(v, int | float) for v in box)
    if not numbers or len(box) != 4 or not all(abs(v) < 1e9 for v in box):
        return 'is not four numbers'
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return 'has no size'
    if x >= image['width'] or y >= image['height'] or x + width <= 0 or y + height <= 0:
        return f'lies outside of the picture of {image["width"]} x {image["height"]}'
    return ''


def _check_pictures(at: str, names: Collection[str], wanted: Wanted) -> None:
    # Each folder is listed once: a question per picture takes minutes on a network's disk.
    there: dict[Path, set[str]] = {}
    missing = []
    for name in names:
        path = wanted.folder / name
        if path.parent not in there:
            there[path.parent] = set(os.listdir(path.parent)) if path.parent.is_dir() else set()
        if path.name not in there[path.parent]:
            missing.append(path)
    if missing:
        raise DataError(
            f'{at}: {len(missing)} of {len(names)} pictures are missing, such as {missing[0]}; '
            f'look at data_prefix and data_root, or {wanted.hint}'
        )
