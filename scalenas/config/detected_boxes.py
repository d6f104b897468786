"""What is wrong with a file of detected boxes, which top-down pose takes as `bbox_file`."""

from __future__ import annotations

import json
from numbers import Real
from pathlib import Path
from typing import Any

from .errors import DataError

FIELDS = ('image_id', 'category_id', 'bbox', 'score')
PERSON = 1
"""The only category that mmpose takes boxes of."""


def check_detected(path: Path, annotations: Path, where: str) -> None:
    """Pass when the file is a list of boxes of people in pictures of `annotations`.

    Raises:
        DataError: names the first thing that is wrong.
    """
    at = f'{where}.dataset.bbox_file: {path}'
    try:
        rows = json.loads(path.read_bytes())
        images = {image['id'] for image in json.loads(annotations.read_bytes())['images']}
    except (OSError, ValueError) as error:
        raise DataError(f'{at}: cannot be read as json: {" ".join(str(error).split())}') from None
    if not isinstance(rows, list):
        got = 'the tables of an annotation file' if isinstance(rows, dict) else repr(rows)[:80]
        raise DataError(
            f'{at}: must be a list of boxes with {", ".join(FIELDS)}, as the results of a detector '
            f'are, got {got}'
        )
    for number, row in enumerate(rows):
        fault = _fault(row, images)
        if fault:
            raise DataError(f'{at}: entry {number} {fault}')
    if not any(row['category_id'] == PERSON for row in rows):
        raise DataError(f'{at}: none of its {len(rows)} boxes is of category_id {PERSON}, a person')


def _fault(row: Any, images: set[Any]) -> str:
    """Empty for a good row."""
    if not isinstance(row, dict):
        return f'is no table with {", ".join(FIELDS)}'
    for name in FIELDS:
        if name not in row:
            return f'has no {name!r}'
    box = row['bbox']
    if not isinstance(box, list) or len(box) < 4 or not all(isinstance(v, Real) for v in box):
        return f'has the box {box!r}, expected [x, y, width, height]'
    if not isinstance(row['score'], Real):
        return f'has the score {row["score"]!r}, expected a number'
    if row['category_id'] == PERSON and row['image_id'] not in images:
        return f'is of image {row["image_id"]}, which the annotations do not have'
    return ''
