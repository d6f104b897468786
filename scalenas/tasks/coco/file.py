"""A COCO file as the packages read it: its three lists, and every value of the kind it must be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalenas.errors import DataError, short

FORMAT = 'see cocodataset.org/#format-data'
NOT_AS = "an entry is not as COCO's format wants it"
RENUMBER = '`python tools/split_annotations.py FILE --renumber` gives each its own'
LARGEST = 10**9
"""No coordinate is larger: float32, as the packages take it, would not tell pixels apart."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """The lists of a file; `at` says which file, and for which variable of the config."""

    at: str
    images: Sequence[dict[str, Any]]
    annotations: Sequence[dict[str, Any]]
    categories: Sequence[dict[str, Any]]

    @classmethod
    def from_file(cls, path: Path, at: str, labelled: bool = True) -> CocoFile:
        """The file at `path`; without `labelled` it needs no annotations.

        Raises:
            DataError: when it is no json with these lists of tables.
        """
        content = read_json(path, at)
        lists: dict[str, list[dict[str, Any]]] = {}
        for name in ('images', 'annotations', 'categories'):
            rows = content.get(name) if isinstance(content, dict) else None
            if name == 'annotations' and not labelled and rows is None:
                rows = []
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise DataError(
                    f'is no COCO annotation file: {name!r} must be a list of tables',
                    where=at,
                    hint=FORMAT,
                )
            lists[name] = rows
        return cls(at, **lists)

    def check_values(
        self, fields: Sequence[str], rows: Sequence[Row], of_images: Sequence[str] = ()
    ) -> None:
        """Pass when ids, sizes, boxes and flags are what they must be.

        Of the annotations, `rows` are those whose boxes, areas and flags are read. All have
        `fields`, besides what every annotation has, and images have numbers `of_images`.

        Raises:
            DataError: names the first entry that is not as it must be.
        """
        for image in self.images:
            self._has('image', image, ('id', 'file_name', 'width', 'height', *of_images))
            for name in of_images:
                self._require('image', image, name, is_number, 'a number')
            self._require('image', image, 'id', is_whole, 'a whole number')
            self._require('image', image, 'file_name', _is_name, 'the name of an image')
            for side in ('width', 'height'):
                self._require('image', image, side, _is_side, 'a whole number of pixels')
        for row in self.annotations:
            self._has('annotation', row, ('id', 'image_id', 'category_id', 'bbox', *fields))
            for name in ('id', 'image_id', 'category_id'):
                self._require('annotation', row, name, is_whole, 'a whole number')
        for row in self.categories:
            self._has('category', row, ('id', 'name'))
            self._require('category', row, 'id', is_whole, 'a whole number')
            self._require('category', row, 'name', _is_name, 'a name')
        for read in rows:
            if not is_box(read['bbox']):
                raise DataError(
                    f'{NOT_AS}: the box of annotation {read["id"]} is not four numbers',
                    where=self.at,
                    got=read['bbox'],
                    allowed='[x, y, width, height] in pixels',
                )
            for name in ('iscrowd', 'ignore'):
                self._require('annotation', read, name, _is_flag, '0 or 1')
            self._require('annotation', read, 'area', is_number, 'a number of pixels')

    def check_keypoints(self, rows: Sequence[Row]) -> None:
        """Pass when keypoints and their number are what they must be.

        Raises:
            DataError: names the first annotation that is wrong.
        """
        for row in rows:
            numbers = 'a list of x, y, visibility of each keypoint'
            self._require('annotation', row, 'keypoints', _are_keypoints, numbers)
            self._require('annotation', row, 'num_keypoints', _is_count, 'a whole number from 0 on')

    def check_references(self) -> None:
        """Pass when ids differ, and what annotations refer to is there.

        Raises:
            DataError: names the first id that is given twice, or is of nothing.
        """
        images = _unique(self.at, 'images', self.images)
        categories = _unique(self.at, 'categories', self.categories)
        _unique(self.at, 'annotations', self.annotations)
        for row in self.annotations:
            if row['image_id'] not in images:
                raise DataError(
                    f"annotation {row['id']} is of an image that is not in 'images'",
                    where=self.at,
                    got=row['image_id'],
                )
            if row['category_id'] not in categories:
                count = sum(a['category_id'] == row['category_id'] for a in self.annotations)
                names = [f'{c["id"]} {plain(c["name"])}' for c in self.categories]
                raise DataError(
                    f'{count} annotations have a category_id that is none of its categories',
                    where=self.at,
                    got=row['category_id'],
                    allowed=names or 'none',
                )

    def _has(self, kind: str, row: Row, names: Sequence[str]) -> None:
        for name in names:
            if name not in row:
                raise DataError(f'{kind} {short(row.get("id"))} has no {name!r}', where=self.at)

    def _require(self, kind: str, row: Row, name: str, test: Any, allowed: str) -> None:
        if name in row and not test(row[name]):
            raise DataError(
                f'{NOT_AS}: {kind} {short(row.get("id"))}: {name}',
                where=self.at,
                got=row[name],
                allowed=allowed,
                hint=FORMAT,
            )


def read_json(path: Path, at: str) -> Any:
    """What a json file holds, read as the packages do: as UTF-8 without a byte-order mark.

    Raises:
        DataError: when they could not read it.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        line = ' '.join(str(error).split())
        mark = 'BOM' in line
        hint = 'save it as UTF-8 without a byte-order mark (BOM)' if mark else ''
        if isinstance(error, UnicodeDecodeError):
            hint = 'it must be text in UTF-8, not compressed'
        raise DataError(f'cannot be read as json: {line}', where=at, hint=hint) from None


def plain(text: object) -> str:
    """A name of a file in a message: in one line, and not too long."""
    line = ' '.join(str(text).split())
    return line if len(line) <= 200 else f'{line[:197]}...'


def is_number(value: object) -> bool:
    """A finite number, small enough for a coordinate or an area."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # False of NaN and infinity, and right of whole numbers beyond any float.
    return abs(value) < LARGEST**2


def is_whole(value: object) -> bool:
    """A whole number that a 64 bit integer holds; 1.0 is one, too."""
    return is_number(value) and abs(value) < 2**53 and value == int(value)  # type: ignore


def is_box(value: object) -> bool:
    """Four finite numbers."""
    return isinstance(value, list) and len(value) == 4 and all(map(_is_coordinate, value))


def _is_coordinate(value: object) -> bool:
    return is_number(value) and abs(value) < LARGEST  # type: ignore[arg-type]


def _is_side(value: object) -> bool:
    return is_whole(value) and 0 < value < LARGEST  # type: ignore[operator]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and '\0' not in value


def _is_flag(value: object) -> bool:
    # Text is true, whatever it says: '0' would make a crowd.
    return isinstance(value, int | float) and value in (0, 1)


def _is_count(value: object) -> bool:
    return is_whole(value) and value >= 0  # type: ignore[operator]


def _are_keypoints(value: object) -> bool:
    if not isinstance(value, list) or len(value) % 3 or not all(map(_is_coordinate, value)):
        return False
    return all(v >= 0 for v in value[2::3])


def _unique(at: str, kind: str, rows: Sequence[Row]) -> set[Any]:
    seen = set()
    for row in rows:
        if row['id'] in seen:
            times = sum(other['id'] == row['id'] for other in rows)
            raise DataError(
                f'{times} {kind} have the same id',
                where=at,
                got=row['id'],
                hint=RENUMBER if kind == 'annotations' else '',
            )
        seen.add(row['id'])
    return seen
