"""Which networks exist: spaces as data, with sampling, mutation, crossover, size, membership."""

from .document import arch_of, from_dict, list_spaces, named
from .gene import Gene, SpaceError, Value
from .groups import Group, depths_of, group_of
from .hrnet import HRSpace
from .mbconv import MBConvSpace, StageChoices
from .mbconv_hull import MBConvHull, hull_of
from .mbconv_papers import bignas_space, scalenet_scaled_space, scalenet_space, scalenet_stages
from .scaled import FACTORS, STEP, ScaledSpace, ScalingStage, base_macs, mean_macs
from .space import AbstractSpace
from .together import Weights

__all__ = [
    'FACTORS',
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
    'arch_of',
    'base_macs',
    'bignas_space',
    'depths_of',
    'from_dict',
    'group_of',
    'hull_of',
    'list_spaces',
    'mean_macs',
    'named',
    'scalenet_scaled_space',
    'scalenet_space',
    'scalenet_stages',
]
