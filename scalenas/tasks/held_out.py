"""Images held out of training for a search: lists, or annotations in two files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalenas.datasets.split import drawn, split_coco
from scalenas.errors import DataError, UserError, unreadable

FOLDER = 'split'
HERE = '{{ fileDirname }}'
"""What mmengine replaces by the folder of the config that says it."""


@dataclass(frozen=True)
class HeldOut:
    """Two disjoint parts of the training data.

    Attributes:
        files: name -> content, of the folder `FOLDER` beside the configs.
        rest: what changes in the description of the training data.
        search: the same for the part of the search.
        truth: what changes in metrics that read a file of annotations.
        counts: images to train on, and those of the search.
    """

    files: Mapping[str, str]
    rest: Mapping[str, Any]
    search: Mapping[str, Any]
    counts: tuple[int, int]
    truth: Mapping[str, Any] = field(default_factory=dict)


def file_here(name: str) -> str:
    """The path of one of the files, as a config beside the folder says it."""
    return f'{HERE}/{FOLDER}/{name}'


def as_lists(rows: Mapping[str, str], chosen: set[str], **also: Any) -> HeldOut:
    """Two lists of images: name -> its line; `also` changes in both descriptions."""
    parts = {
        'train.txt': [line for name, line in rows.items() if name not in chosen],
        'search.txt': [line for name, line in rows.items() if name in chosen],
    }
    files = {name: '\n'.join(lines) + '\n' for name, lines in parts.items()}
    rest, search = ({'ann_file': file_here(name), **also} for name in parts)
    return HeldOut(files, rest, search, (len(parts['train.txt']), len(parts['search.txt'])))


def listed(names: Sequence[str], count: int | None, seed: int, where: str) -> HeldOut:
    """Lists of names; a fifth of them, at most `MOST`, is for the search by default.

    Raises:
        UserError: for fewer than two images, or a count that leaves none to train on.
    """
    check_names(names, where)
    chosen = drawn(set(names), usual(len(names), count), seed, where, 'objects')
    return as_lists({name: name for name in sorted(names)}, chosen)


def check_names(names: Sequence[str], where: str) -> None:
    """Pass unless images that share a name, or have a line break in it, make no list.

    Raises:
        DataError: names the first.
    """
    wrong = next((n for n in names if len(n.splitlines()) != 1), None)
    if wrong is None and len(set(names)) != len(names):
        wrong = next(n for i, n in enumerate(names) if n in names[:i])
    if wrong is not None:
        raise DataError('cannot stand in a list of images', where=where, got=wrong)


MOST = 500


def usual(images: int, count: int | None) -> int:
    """How many images a search gets: those asked for, or a fifth of them, at most `MOST`."""
    return min(MOST, max(1, images // 5)) if count is None else count


def annotated(path: str | Path, count: int | None, seed: int) -> HeldOut:
    """Two files of COCO's annotations, disjoint by image.

    Raises:
        UserError: for a file that is none, or of fewer than two annotated images.
    """
    try:
        data = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error, UserError, "annotations of COCO's, in JSON") from None
    if not isinstance(data, Mapping) or not {'images', 'annotations'} <= set(data):
        raise DataError(where=path, allowed="annotations of COCO's: images and annotations")
    seen = len({row.get('image_id') for row in data['annotations']})
    split = split_coco(data, usual(seen, count), seed, str(path))
    files = {'train.json': json.dumps(split.rest), 'search.json': json.dumps(split.search)}
    rest, search = ({'ann_file': file_here(name)} for name in files)
    counts = (len(split.rest['images']), len(split.search['images']))
    return HeldOut(files, rest, search, counts, search)


def paths_below(dataset: Any, folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each image of a built data set: its path below a folder, and all that is known of it."""
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        yield os.path.relpath(info['img_path'], folder), info
