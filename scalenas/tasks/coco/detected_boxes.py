"""What is wrong with a file of detected boxes, which top-down pose takes as `bbox_file`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalenas.errors import NOTHING, DataError

from .file import is_box, is_number, read_json

FIELDS = ('image_id', 'category_id', 'bbox', 'score')
PERSON = 1
"""The only category that mmpose takes boxes of, and as which it scores what it finds in them."""


def check_detected(path: Path, annotations: Path, where: str) -> None:
    """Pass when the file is a list of boxes of people in images of `annotations`.

    Raises:
        DataError: names the first thing that is wrong.
    """
    at = f'{where}.dataset.bbox_file: {path}'
    rows = read_json(path, at)
    truth = read_json(annotations, at)
    images = {image['id']: image for image in truth['images']}
    if not isinstance(rows, list):
        raise DataError(
            'holds the tables of an annotation file' if isinstance(rows, dict) else '',
            where=at,
            got=rows,
            allowed=f'a list of boxes with {", ".join(FIELDS)}, as the results of a detector are',
        )
    for number, row in enumerate(rows):
        fault = _fault(row, images)
        if fault is not None:
            name, got, allowed = fault
            raise DataError(f'{name} of entry {number}', where=at, got=got, allowed=allowed)
    if not any(row['category_id'] == PERSON for row in rows):
        raise DataError(
            f'none of its {len(rows)} boxes is of category_id {PERSON}, a person', where=at
        )
    people = [row for row in rows if row['category_id'] == PERSON]
    if not any(_shows(row['bbox'], images[row['image_id']]) for row in people):
        raise DataError(
            f'none of its {len(people)} boxes of people shows a pixel of its image',
            where=at,
            got=people[0]['bbox'],
            allowed='[x, y, width, height] in pixels',
        )


def _shows(box: Sequence[float], image: Mapping[str, Any]) -> bool:
    """False for a box without size, outside of its image, or normalized to 0..1."""
    x, y, width, height = box[:4]
    if min(width, height) <= 0 or max(x + width, y + height) <= 1:
        return False
    return bool(x < image['width'] and y < image['height'] and x + width > 0 and y + height > 0)


def _fault(row: Any, images: Mapping[Any, Any]) -> tuple[str, object, str] | None:
    """None for a good row; else what of it is wrong, its value, and what that may be."""
    if not isinstance(row, dict):
        return 'the whole', row, f'a table with {", ".join(FIELDS)}'
    for name in FIELDS:
        if name not in row:
            return name, NOTHING, 'a value: it has none'
    box = row['bbox']
    if not isinstance(box, list) or not is_box(box[:4]) or min(box[2:4]) < 0:
        return 'bbox', box, '[x, y, width, height], the last two not negative'
    if not is_number(row['score']):
        return 'score', row['score'], 'a number'
    number = row['image_id']
    if row['category_id'] == PERSON and not (isinstance(number, Hashable) and number in images):
        return 'image_id', number, 'that of an image of the annotations'
    return None
