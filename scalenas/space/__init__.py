"""Which networks exist: spaces as data, with sampling, mutation, crossover, size, membership."""

from collections.abc import Callable
from typing import Any

from scalenas.arch.strict import as_choice

from .gene import Gene, Value
from .hrnet import Group, HRSpace
from .mbconv import MBConvSpace, StageChoices, bignas_space, scalenet_space
from .space import AbstractSpace, SpaceError

SPACES: dict[str, Callable[[object, str], AbstractSpace[Any]]] = {
    'hrnet': HRSpace.from_dict,
    'mbconv': MBConvSpace.from_dict,
}
"""Family name -> what reads its spaces. A new family is one more entry."""


def from_dict(data: object, where: str = 'space') -> AbstractSpace[Any]:
    """The space that plain data (from a config or a checkpoint) describes.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    family = data.get('family') if isinstance(data, dict) else None
    return SPACES[as_choice(family, f'{where}.family', tuple(SPACES))](data, where)


__all__ = [
    'SPACES',
    'AbstractSpace',
    'Gene',
    'Group',
    'HRSpace',
    'MBConvSpace',
    'SpaceError',
    'StageChoices',
    'Value',
    'bignas_space',
    'from_dict',
    'scalenet_space',
]
