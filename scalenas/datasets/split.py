"""Images held out of training for a search: annotations in two files, disjoint by image.

Reads COCO's annotations of boxes or keypoints, as mmdet and mmpose do, and MPII's list of people.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scalenas.errors import UserError, foreign, unreadable, unwritable
from scalenas.staging import staged_folder

HEAD_BIAS = 0.6
"""The size of a head in PCKh is that part of its box's diagonal (Andriluka et al. 2014)."""
UPPER_NECK, HEAD_TOP = 8, 9


@dataclass(frozen=True, slots=True)
class Split:
    """Two parts of one annotation file, as data, and what was left out of both.

    `people` are all that the search part is scored by: people, or `kind`.
    """

    rest: Any
    search: Any
    images: int
    people: int
    dropped: int = 0
    kind: str = 'people'


def split_file(
    path: Path, search_images: int, seed: int = 0, renumber: bool = False
) -> tuple[Split, list[Path]]:
    """Write NAME-rest.json and NAME-search.json beside NAME.json (of MPII also NAME-search.mat).

    The images of the search are drawn from those with annotated people, or other objects. Files
    with other content are not overwritten. With `renumber`, annotations get new ids.

    Raises:
        UserError: one line, for a file that is no such annotation, more images than there are,
            or a part that is there with other content.
    """
    data = _read(path)
    if renumber:
        data = renumbered(data, str(path))
    stem = path.with_suffix('')
    parts: dict[Path, Callable[[Path], None]] = {}
    try:
        if isinstance(data, Mapping) and {'images', 'annotations'} <= set(data):
            split = split_coco(data, search_images, seed, str(path))
        elif isinstance(data, list) and data and all(map(_is_person, data)):
            split = split_mpii(data, search_images, seed, str(path))
            sizes = [head_size(person) for person in split.search]
            parts[Path(f'{stem}-search.mat')] = partial(write_head_boxes, sizes=sizes)
        else:
            raise UserError(
                where=path,
                allowed="COCO's annotations (with images and annotations) or MPII's list of people "
                '(with image, joints and joints_vis)',
            )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        problem = f'an annotation is not as it should be: {foreign(error)}'
        raise UserError(problem, where=path) from None
    for name, part in (('rest', split.rest), ('search', split.search)):
        text = json.dumps(part)
        parts[Path(f'{stem}-{name}.json')] = partial(_write_text, text=text)
    _place(parts)
    return split, list(parts)


def renumber_file(path: Path) -> Path:
    """Write NAME-renumbered.json beside NAME.json: the same, with annotations numbered from 1.

    COCO's tools take what is found at annotation 0 for a mistake, and confuse those of one id.

    Raises:
        UserError: for a file that is none of COCO's, or one that is there with other content.
    """
    target = path.with_name(f'{path.stem}-renumbered.json')
    text = json.dumps(renumbered(_read(path), str(path)))
    _place({target: partial(_write_text, text=text)})
    return target


def renumbered(data: Any, where: str) -> dict[str, Any]:
    """COCO annotations whose ids are 1, 2, 3, ...; nothing else in the format refers to them."""
    rows = data.get('annotations') if isinstance(data, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UserError("are no annotations of COCO's, which have ids", where=where)
    return {**data, 'annotations': [{**row, 'id': n} for n, row in enumerate(rows, 1)]}


def split_coco(data: Mapping[str, Any], search_images: int, seed: int, where: str) -> Split:
    """The parts of COCO annotations; images without anything that counts stay in the rest.

    Where some annotations have keypoints, what counts is people with joints, else any object.
    """
    rows = data['annotations']
    posed = any('keypoints' in a for a in rows)
    kind = 'people' if posed else 'objects'
    people = [
        a
        for a in rows
        if not a.get('iscrowd')
        and (a.get('num_keypoints', 1) and a.get('keypoints') if posed else a.get('bbox'))
    ]
    chosen = drawn({a['image_id'] for a in people}, search_images, seed, where, kind)

    def part(held_out: bool) -> dict[str, Any]:
        images = [i for i in data['images'] if (i['id'] in chosen) == held_out]
        annotations = [a for a in data['annotations'] if (a['image_id'] in chosen) == held_out]
        return {**data, 'images': images, 'annotations': annotations}

    searched = sum(a['image_id'] in chosen for a in people)
    return Split(part(False), part(True), len(chosen), searched, kind=kind)


def split_mpii(
    people: Sequence[Mapping[str, Any]], search_images: int, seed: int, where: str
) -> Split:
    """The parts of MPII's people; of the held out ones those stay whose head can be measured."""
    measured = {p['image'] for p in people if head_size(p) > 0}
    chosen = drawn(measured, search_images, seed, where)
    held_out = [p for p in people if p['image'] in chosen]
    search = [p for p in held_out if head_size(p) > 0]
    rest = [p for p in people if p['image'] not in chosen]
    return Split(rest, search, len(chosen), len(search), len(held_out) - len(search))


def head_size(person: Mapping[str, Any]) -> float:
    """Pixels from the upper neck to the top of the head; 0 where one is not annotated."""
    if not (person['joints_vis'][UPPER_NECK] and person['joints_vis'][HEAD_TOP]):
        return 0.0
    return math.dist(person['joints'][UPPER_NECK], person['joints'][HEAD_TOP])


def write_head_boxes(path: Path, sizes: Sequence[float]) -> None:
    """A .mat of boxes (2, 2, N) that mmpose's MpiiDataset reads as heads of these sizes."""
    import numpy as np
    from scipy.io import savemat

    boxes = np.zeros((2, 2, len(sizes)))
    boxes[1, 0] = np.asarray(sizes) / HEAD_BIAS
    with path.open('wb') as file:
        savemat(file, {'headboxes_src': boxes})


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error, UserError, 'annotations in JSON') from None


def _is_person(item: object) -> bool:
    return isinstance(item, Mapping) and {'image', 'joints', 'joints_vis'} <= set(item)


def drawn(images: set[Any], count: int, seed: int, where: str, kind: str = 'people') -> set[Any]:
    """`count` of the images, whatever their order; `kind` is what is annotated in them.

    Raises:
        UserError: when there are less than two, or none would be left.
    """
    what = f'images with annotated {kind}' if kind else 'images'
    if len(images) < 2:
        allowed = f'two {what} at least'
        raise UserError(where=where, got=len(images), allowed=allowed)
    if not 0 < count < len(images):
        allowed = f'1 to {len(images) - 1} of the {what} in {where}'
        raise UserError(where='--search-images', got=count, allowed=allowed)
    return set(random.Random(seed).sample(sorted(images), count))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding='utf-8')


def _place(parts: Mapping[Path, Callable[[Path], None]]) -> None:
    """Write all beside their places, then move them: a conflict or a kill leaves no half."""
    folder = next(iter(parts)).parent
    try:
        with staged_folder(folder, 'split') as stage:
            for target, write in parts.items():
                part = stage / target.name
                write(part)
                if target.exists() and not _equal(target, part):
                    problem = 'is there with other content'
                    raise UserError(problem, where=target, hint='remove it to split anew')
            for target in parts:
                os.replace(stage / target.name, target)
    except OSError as error:
        raise unwritable(folder, error, UserError) from None


def _equal(one: Path, other: Path) -> bool:
    if one.suffix == '.json':
        return one.read_bytes() == other.read_bytes()
    # A .mat begins with the time of its making, in 116 bytes of text.
    return one.read_bytes()[116:] == other.read_bytes()[116:]
