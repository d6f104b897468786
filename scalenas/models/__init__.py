"""Networks in torch: the static backbones, the supernet, and their weights."""

from scalenas.registry import MODELS, WEIGHT_INITIALIZERS

from .families import BACKBONES
from .hrnet import ScaleHRNet
from .mbconv import ScaleMBConvNet
from .mmpretrain_keys import from_mmpretrain, mmpretrain_key_map
from .regnet import ScaleRegNet
from .slicing import key_map, slice_state_dict
from .super_hrnet import SuperScaleHRNet
from .supernet_init import SupernetInit
from .timm_keys import from_timm, timm_key_map

for _kind in (ScaleHRNet, SuperScaleHRNet, ScaleMBConvNet, ScaleRegNet):
    MODELS.register_module(module=_kind)
WEIGHT_INITIALIZERS.register_module(module=SupernetInit)

__all__ = [
    'BACKBONES',
    'ScaleHRNet',
    'ScaleMBConvNet',
    'ScaleRegNet',
    'SuperScaleHRNet',
    'SupernetInit',
    'from_mmpretrain',
    'from_timm',
    'key_map',
    'mmpretrain_key_map',
    'slice_state_dict',
    'timm_key_map',
]
