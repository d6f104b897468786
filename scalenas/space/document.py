"""Spaces as plain data: what a config or a checkpoint says, and which class reads it."""

from __future__ import annotations

from typing import Any

from scalenas.arch.strict import as_choice
from scalenas.family import family_named, with_part

from .bounds import SpaceError
from .scaled import SCALED, ScaledSpace
from .space import AbstractSpace


def from_dict(data: object, where: str = 'space') -> AbstractSpace[Any]:
    """The space that plain data (from a config or a checkpoint) describes.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    known = (*(family.name for family in with_part('space')), SCALED)
    name = data.get('family') if isinstance(data, dict) else None
    if as_choice(name, f'{where}.family', known) != SCALED:
        kind: type[AbstractSpace[Any]] = family_named(str(name)).space
        return kind.from_dict(data, where)
    assert isinstance(data, dict)
    table = ScaledSpace.table(data, where)
    base = table['base']
    if isinstance(base, dict) and base.get('family') == SCALED:
        raise SpaceError(f'{where}.base: a scaled space cannot be scaled again')
    return ScaledSpace.read(from_dict(base, f'{where}.base'), table, where)
