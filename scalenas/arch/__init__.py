"""What a network is: frozen, hashable values, their flat layer plan, and YAML in and out."""

from .document import dump, find, from_dict, from_file, list_archs, load, named, of_family
from .heads import (
    CITYSCAPES,
    ClassificationHead,
    HigherHead,
    PoseHead,
    RCNNHead,
    SegHead,
    arch_for_head,
    default_head,
    parse_head,
)
from .hrnet import HRArch, pruned, stock_hrnet
from .hrnet_module import HRModule, HRStage, module_of
from .layer import (
    Arch,
    Extent,
    Feature,
    Head,
    Layer,
    Section,
    Size,
    Unit,
    layers,
    out_size,
    section_of,
    sections,
)
from .mbconv import MBConvArch, MBStage
from .mbconv_units import MBBlock, SqueezeRule
from .regnet import RegNetArch, RegStage, regnet
from .rounding import ROUNDINGS, Rounding, Scaling, rounding
from .strict import ArchError

__all__ = [
    'CITYSCAPES',
    'ROUNDINGS',
    'Arch',
    'ArchError',
    'ClassificationHead',
    'Extent',
    'Feature',
    'HRArch',
    'HRModule',
    'HRStage',
    'Head',
    'HigherHead',
    'Layer',
    'MBBlock',
    'MBConvArch',
    'MBStage',
    'PoseHead',
    'RCNNHead',
    'RegNetArch',
    'RegStage',
    'Rounding',
    'Scaling',
    'Section',
    'SegHead',
    'Size',
    'SqueezeRule',
    'Unit',
    'arch_for_head',
    'default_head',
    'dump',
    'find',
    'from_dict',
    'from_file',
    'layers',
    'list_archs',
    'load',
    'module_of',
    'named',
    'of_family',
    'out_size',
    'parse_head',
    'pruned',
    'regnet',
    'rounding',
    'section_of',
    'sections',
    'stock_hrnet',
]
