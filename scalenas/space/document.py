"""Spaces and their networks as plain data, as configs and checkpoints name them."""

from __future__ import annotations

from typing import Any

from scalenas.arch import find, of_family
from scalenas.arch.strict import as_choice
from scalenas.errors import did_you_mean
from scalenas.family import families, family_named, loaded, with_field

from .gene import SpaceError
from .scaled import SCALED, ScaledSpace, scaled_again
from .space import A, AbstractSpace


def list_spaces(family: str | None = None) -> list[str]:
    """Names of all spaces, or of those of one family."""
    asked = families() if family is None else (family_named(family),)
    return sorted(name for each in asked for name in each.spaces)


def named(name: object, where: str = 'space') -> AbstractSpace[Any]:
    """The space of this name, e.g. `named('scalenas_w32')`.

    Raises:
        SpaceError: for an unknown name; says which are known.
    """
    for family in families():
        if isinstance(name, str) and name in family.spaces:
            space: AbstractSpace[Any] = loaded(family.spaces[name])()
            return space
    known = list_spaces()
    raise SpaceError(
        where=where,
        got=name,
        allowed=f"a mapping with 'family', or one of {', '.join(known)}",
        hint=did_you_mean(name, known),
    )


def from_dict(data: object, where: str = 'space') -> AbstractSpace[Any]:
    """The space that plain data (from a config or a checkpoint) describes.

    That is the name of a space, such as 'scalenet'; a mapping with 'name' and what is different,
    such as `dict(name='bignas', where=[['*.depth', [2]]])`; or a mapping with 'family'.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    if isinstance(data, str):
        return named(data, where)
    if isinstance(data, dict) and 'name' in data:
        rest = {key: value for key, value in data.items() if key != 'name'}
        return from_dict({**named(data['name'], f'{where}.name').to_dict(), **rest}, where)
    known = (*(family.name for family in with_field('space')), SCALED)
    name = data.get('family') if isinstance(data, dict) else None
    if as_choice(name, f'{where}.family', known) != SCALED:
        kind: type[AbstractSpace[Any]] = family_named(str(name)).space
        return kind.from_dict(data, where)
    assert isinstance(data, dict)
    table = ScaledSpace.table(data, where)
    base = table['base']
    if isinstance(base, dict) and base.get('family') == SCALED:
        raise scaled_again(f'{where}.base')
    return ScaledSpace.from_table(from_dict(base, f'{where}.base'), table, where)


def arch_of(what: Any, space: AbstractSpace[A], where: str = 'arch') -> A:
    """The arch of `space` that `what` is: 'smallest', 'largest', or as `scalenas.arch.find` has it.

    Raises:
        ArchError: when it is no arch, or of another family; `where` says in which key it stood.
        SpaceError: when it is none of the space.
    """
    if what == 'largest':
        return space.largest()
    smallest = space.smallest()
    if what == 'smallest':
        return smallest
    arch = of_family(find(what, where), type(smallest), where)
    space.encode(arch)
    return arch
