"""Which networks exist: spaces as data, with sampling, mutation, crossover, size, membership."""

from scalenas.arch.strict import as_choice

from .gene import Gene, Value
from .hrnet import Group, HRSpace
from .space import AbstractSpace, SpaceError

SPACES: dict[str, type[HRSpace]] = {'hrnet': HRSpace}
"""Family name -> the class of its spaces. A new family is one more entry."""


def from_dict(data: object, where: str = 'space') -> HRSpace:
    """The space that plain data (from a config or a checkpoint) describes.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    family = data.get('family') if isinstance(data, dict) else None
    return SPACES[as_choice(family, f'{where}.family', tuple(SPACES))].from_dict(data, where)


__all__ = [
    'SPACES',
    'AbstractSpace',
    'Gene',
    'Group',
    'HRSpace',
    'SpaceError',
    'Value',
    'from_dict',
]
