"""Data of one's own: in the usual layouts as data sets, and images held out for a search."""

from __future__ import annotations

import colorsys
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
        files: name -> content, of the folder `FOLDER` next to the configs.
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
    """The path of one of the files, as a config next to the folder says it."""
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
    chosen = drawn(set(names), usual(len(names), count), seed, where, '')
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
    data = _read(Path(path))
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


SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class OwnData:
    """Data of one's own.

    Attributes:
        splits: train, val and test -> the data set, without its pipeline.
        classes: their names.
        truth: split -> the file that metrics of COCO's read.
        model: what changes in a model, but for its numbers of classes, below 'model'.
        metric: what scores the data where none of the config's metrics reads such a file.
    """

    splits: Mapping[str, Mapping[str, Any]]
    classes: Sequence[str]
    truth: Mapping[str, str] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    metric: Mapping[str, Any] = field(default_factory=dict)


def folders_of(root: Path, names: Sequence[str], layout: str) -> Path:
    """The first of these folders that is there.

    Raises:
        DataError: when none is; says the layout.
    """
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise DataError('has none of the folders', where=root, got=list(names), allowed=layout)


def splits_of(there: Mapping[str, Any], where: Path, layout: str) -> dict[str, Any]:
    """What there is of each split; a test split that is not there is the validation split.

    Raises:
        DataError: for one that must be there.
    """
    for name in ('train', 'val'):
        if not there.get(name):
            raise DataError(f'has no split {name!r}', where=where, allowed=layout)
    return {name: there.get(name) or there['val'] for name in SPLITS}


def suffix_of(folder: Path) -> str:
    """The one suffix of the files in a folder.

    Raises:
        DataError: for files of several kinds, or none.
    """
    kinds = {path.suffix for path in folder.rglob('*') if path.is_file() and path.suffix}
    if len(kinds) != 1:
        raise DataError(where=folder, got=sorted(kinds), allowed='files of one suffix')
    return kinds.pop()


def colours(count: int) -> list[list[int]]:
    """As many colours that are told apart, around the circle of hues."""
    hues = [colorsys.hsv_to_rgb(n * 0.618 % 1, 0.6, 0.9) for n in range(count)]
    return [[round(255 * part) for part in rgb] for rgb in hues]


SIGMA = 0.05
"""How exactly a joint can be placed, where nobody says: a part of its object's size."""


def joints_of(category: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What mmpose must know of the joints of a category; names with left and right are swapped.

    Raises:
        DataError: for a category that names none.
    """
    names = category.get('keypoints')
    texts = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    if not isinstance(names, list) or not texts or len(set(names)) != len(names):
        raise DataError(
            where=f'{where}: categories[0].keypoints', got=names, allowed='the names of its joints'
        )
    painted = colours(len(names))
    joints = {
        n: {'name': name, 'id': n, 'color': painted[n], 'type': '', 'swap': _mirrored(name, names)}
        for n, name in enumerate(names)
    }
    links = []
    for link in category.get('skeleton') or ():
        if not (isinstance(link, list) and len(link) == 2 and all(type(n) is int for n in link)):
            raise DataError(
                where=f'{where}: categories[0].skeleton',
                got=link,
                allowed='pairs of numbers of joints, which count from 1',
            )
        if min(link) > 0 and max(link) <= len(names):
            links.append(tuple(names[n - 1] for n in link))
    return {
        'dataset_name': 'own',
        'paper_info': {},
        'keypoint_info': joints,
        'skeleton_info': {
            n: {'link': link, 'id': n, 'color': painted[0]} for n, link in enumerate(links)
        },
        'joint_weights': [1.0] * len(names),
        'sigmas': [SIGMA] * len(names),
    }


def _mirrored(name: str, names: Sequence[str]) -> str:
    for one, other in (('left', 'right'), ('right', 'left')):
        if one in name and name.replace(one, other) in names:
            return name.replace(one, other)
    return ''


COCO_LAYOUT = 'train.json, val.json and perhaps test.json, or annotations/*train*.json; images/'


def coco_splits(root: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str], dict[str, Any]]:
    """Data sets over COCO's annotations, the files by split, and the content of that of training.

    Raises:
        UserError: for files that are missing, ambiguous, or no annotations.
    """
    files: dict[str, Path] = {}
    for name in SPLITS:
        found = [*root.glob(f'{name}.json')] or sorted(root.glob(f'annotations/*{name}*.json'))
        if len(found) > 1:
            raise DataError(
                'which of them?', where=root, got=[p.name for p in found], allowed=COCO_LAYOUT
            )
        files |= dict.fromkeys([name], found[0]) if found else {}
    whole = splits_of(files, root, COCO_LAYOUT)
    content = _read(whole['train'])
    splits, truth = {}, {}
    for name, path in whole.items():
        data = content if name == 'train' else _read(path)
        first = data['images'][0] if data['images'] else {}
        first = str(first.get('file_name', '')) if isinstance(first, Mapping) else ''
        if not first:
            raise DataError(
                'names no first image', where=path, allowed='images with a file_name each'
            )
        places = ('images', f'images/{name}', 'images/val', name, 'val', '')
        place = next((p for p in places if (root / p / first).is_file()), None)
        if place is None:
            raise DataError('no such image', where=path, got=first, allowed='a file below images/')
        splits[name] = {
            'data_root': str(root),
            'ann_file': str(path.relative_to(root)),
            'data_prefix': {'img': f'{place}/' if place else ''},
        }
        truth[name] = str(path)
    return splits, truth, content


def _read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        if all(isinstance(data[key], list) for key in ('images', 'annotations', 'categories')):
            return data
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error, UserError, "annotations of COCO's, in JSON") from None
    except (KeyError, TypeError):
        pass
    raise DataError(where=path, allowed="annotations of COCO's: images, annotations, categories")
