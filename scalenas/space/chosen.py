"""Networks of a space by a word: its ends, a name of the zoo, a file, plain data."""

from __future__ import annotations

from typing import Any

from scalenas.arch import find, of_family

from .space import A, AbstractSpace


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
