"""Outlines of objects in COCO files: polygons, or run lengths of the whole picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .file import is_number, is_whole

ALLOWED = (
    'polygons [[x, y, x, y, x, y, ...], ...], or run lengths {size: [height, width], counts: ...} '
    'of the whole picture'
)


def outline_fault(value: object, image: Mapping[str, Any], complete: bool = True) -> str:
    """What is wrong with a `segmentation`; empty for a good one.

    Without `complete`, an outline may be missing, and a polygon may have less than three corners,
    which mmdet leaves out when it loads masks.
    """
    if not value and not isinstance(value, Mapping):
        return 'has no segmentation' if complete or value not in (None, []) else ''
    if isinstance(value, list):
        for polygon in value:
            if not isinstance(polygon, list) or not all(map(is_number, polygon)):
                return 'has a polygon that is no list of numbers'
            if complete and (len(polygon) < 6 or len(polygon) % 2):
                return 'has a polygon that is not x, y of at least three corners'
        return ''
    if not isinstance(value, Mapping):
        return 'has a segmentation that is none'
    return _run_fault(value, image)


def is_in_parts(value: object) -> bool:
    """True for polygons without `outline_fault` that do not leave the first pixel."""
    corners = [number for polygon in value for number in polygon] if type(value) is list else []
    return max(corners, default=2) <= 1


def _run_fault(value: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    size, counts = value.get('size'), value.get('counts')
    height, width = int(image['height']), int(image['width'])
    if size != [height, width]:
        return f'has run lengths of another size than its picture of {height} x {width}'
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    # pycocotools fills what they do not cover with whatever the memory holds.
    whole = isinstance(runs, list) and all(is_whole(run) and run >= 0 for run in runs)
    good = whole and sum(runs) == height * width  # type: ignore[arg-type]
    return '' if good else 'has run lengths that do not cover its picture'


def _unpacked(text: str) -> list[int]:
    """The run lengths in COCO's compressed text: base 32, from the third on as differences."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        digit = ord(letter) - 48
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs
