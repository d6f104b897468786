"""Networks in torch: the static backbones, the supernet, and their weights."""

from scalenas.registry import MODELS

from .families import FAMILIES, Supernet, is_supernet, supernet_types
from .feature_dropout import FeatureDropout
from .hrnet import ScaleHRNet
from .mbconv import ScaleMBConvNet
from .mmpretrain_keys import from_mmpretrain, mmpretrain_key_map
from .regnet import ScaleRegNet
from .slicing import key_map, slice_state_dict
from .super_hrnet import SuperScaleHRNet
from .super_linear import SuperLinear, super_linear_cls_head
from .super_mbconv import ChoiceMBConvNet, SuperMBConvNet

for _kind in (
    ScaleHRNet,
    SuperScaleHRNet,
    ScaleMBConvNet,
    SuperMBConvNet,
    ChoiceMBConvNet,
    ScaleRegNet,
):
    MODELS.register_module(module=_kind)
MODELS.register_module('SuperLinearClsHead', module=super_linear_cls_head)

__all__ = [
    'FAMILIES',
    'ChoiceMBConvNet',
    'FeatureDropout',
    'ScaleHRNet',
    'ScaleMBConvNet',
    'ScaleRegNet',
    'SuperLinear',
    'SuperMBConvNet',
    'SuperScaleHRNet',
    'Supernet',
    'from_mmpretrain',
    'is_supernet',
    'key_map',
    'mmpretrain_key_map',
    'slice_state_dict',
    'supernet_types',
]
