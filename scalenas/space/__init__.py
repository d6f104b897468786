"""Which networks exist: spaces as data, with sampling, mutation, crossover, size, membership."""

from collections.abc import Callable
from typing import Any

from scalenas.arch.strict import as_choice, as_mapping

from .gene import Gene, Value
from .hrnet import Group, HRSpace
from .hull import MBConvHull
from .mbconv import MBConvSpace, StageChoices
from .monte_carlo import STEP, base_macs, mean_macs
from .papers import bignas_space, scalenet_scaled_space, scalenet_space, scalenet_stages
from .scaled import FACTORS, ScaledSpace, ScalingStage, hull_of
from .space import AbstractSpace, SpaceError, Weights


def _scaled(data: object, where: str) -> AbstractSpace[Any]:
    table = as_mapping(data, where, ('family', 'base', 'stages'), ('rounding', 'where'))
    base = table['base']
    if isinstance(base, dict) and base.get('family') == 'scaled':
        raise SpaceError(f'{where}.base: a scaled space cannot be scaled again')
    return ScaledSpace.read(from_dict(base, f'{where}.base'), table, where)


SPACES: dict[str, Callable[[object, str], AbstractSpace[Any]]] = {
    'hrnet': HRSpace.from_dict,
    'mbconv': MBConvSpace.from_dict,
    'scaled': _scaled,
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
    'FACTORS',
    'SPACES',
    'STEP',
    'AbstractSpace',
    'Gene',
    'Group',
    'HRSpace',
    'MBConvHull',
    'MBConvSpace',
    'ScaledSpace',
    'ScalingStage',
    'SpaceError',
    'StageChoices',
    'Value',
    'Weights',
    'base_macs',
    'bignas_space',
    'from_dict',
    'hull_of',
    'mean_macs',
    'scalenet_scaled_space',
    'scalenet_space',
    'scalenet_stages',
]
