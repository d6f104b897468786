"""Which images of a data set are read: spread over it, or held out of training for a search."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalenas.errors import UserError, unreadable


def spread_evenly(items: Sequence[Any], count: int | None) -> list[Any]:
    """`count` items at equal distances, the first included; all of them if None or too few."""
    if count is None or count >= len(items):
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]


def check_spread(count: int | None, owner: str) -> None:
    """Pass for None and for whole numbers from 1 on.

    Raises:
        UserError: for anything else.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise UserError(where=f'{owner}.spread', got=count, allowed='a whole number >= 1')


PARTS = ('rest', 'held_out')
CLASS_LIST = 'a file with one class folder (such as n02869837) a line'


def hold_out(names: Sequence[str], labels: Sequence[int], per_class: int, seed: int) -> set[int]:
    """Indices of `per_class` images of every class; in whatever order the images are listed.

    Source: ScaleNet (Xie et al. 2022), appendix A, where it is 50 of each class of ImageNet.

    Raises:
        UserError: for a class of which none would be left.
    """
    if isinstance(per_class, bool) or not isinstance(per_class, int) or per_class < 1:
        raise UserError(where='per_class', got=per_class, allowed='a whole number >= 1')
    of: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        of.setdefault(label, []).append(index)
    chosen: set[int] = set()
    for label, members in of.items():
        if len(members) <= per_class:
            raise UserError(
                where='per_class',
                got=per_class,
                allowed=f'less than the {len(members)} images of class {label}',
                hint='at least one of a class must be left for training',
            )
        members.sort(key=lambda index: names[index])
        chosen.update(random.Random(f'{seed}/{label}').sample(members, per_class))
    return chosen


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Class folders by a file with one name a line; their order is that of the labels.

    Raises:
        UserError: when the file is not there, is empty, or names a class twice.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        hint = 'docs/scalenet.md says where that of ImageNet-100 is'
        raise unreadable(f'class_list {path}', error, UserError, CLASS_LIST, hint) from None
    names = tuple(line.split()[0] for line in lines if line.split())
    if not names or len(set(names)) != len(names):
        what = 'names a class twice' if names else 'names no class'
        raise UserError(what, where=f'class_list {path}', allowed=CLASS_LIST)
    return names
