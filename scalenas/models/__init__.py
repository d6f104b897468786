"""Networks in torch: the static backbones, the supernets, and their weights."""

from scalenas.family import follow
from scalenas.registry import WEIGHT_INITIALIZERS

from .families import (
    Supernet,
    backbone_type,
    is_supernet,
    register_nets,
    static_types,
    supernet_types,
)
from .feature_dropout import FeatureDropout
from .hrnet import ScaleHRNet
from .mbconv import ScaleMBConvNet
from .mmpretrain_keys import from_mmpretrain, mmpretrain_key_map
from .regnet import ScaleRegNet
from .slicing import key_map, slice_state_dict
from .super_hrnet import SuperScaleHRNet
from .super_linear import SuperLinear
from .super_mbconv import ChoiceMBConvNet, SuperMBConvNet
from .supernet_init import SupernetInit
from .timm_keys import from_timm, timm_key_map

follow(register_nets)
WEIGHT_INITIALIZERS.register_module(module=SupernetInit)

__all__ = [
    'ChoiceMBConvNet',
    'FeatureDropout',
    'ScaleHRNet',
    'ScaleMBConvNet',
    'ScaleRegNet',
    'SuperLinear',
    'SuperMBConvNet',
    'SuperScaleHRNet',
    'Supernet',
    'SupernetInit',
    'backbone_type',
    'from_mmpretrain',
    'from_timm',
    'is_supernet',
    'key_map',
    'mmpretrain_key_map',
    'slice_state_dict',
    'static_types',
    'supernet_types',
    'timm_key_map',
]
