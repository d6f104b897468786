"""Networks in torch: the static backbones, the supernet, and their weights."""

from scalenas.registry import MODELS, WEIGHT_INITIALIZERS

from .hrnet import ScaleHRNet
from .mbconv import ScaleMBConvNet
from .mmpretrain_keys import from_mmpretrain, mmpretrain_key_map
from .regnet import ScaleRegNet
from .slicing import key_map, slice_state_dict
from .super_hrnet import SuperScaleHRNet
from .supernet_init import SupernetInit

for _kind in (ScaleHRNet, SuperScaleHRNet, ScaleMBConvNet, ScaleRegNet):
    MODELS.register_module(module=_kind)
WEIGHT_INITIALIZERS.register_module(module=SupernetInit)

__all__ = [
    'ScaleHRNet',
    'ScaleMBConvNet',
    'ScaleRegNet',
    'SuperScaleHRNet',
    'SupernetInit',
    'from_mmpretrain',
    'key_map',
    'mmpretrain_key_map',
    'slice_state_dict',
]
