"""Networks in torch: the static backbone, the supernet, and their weights."""

from scalenas.registry import MODELS

from .hrnet import ScaleHRNet
from .slicing import key_map, slice_state_dict
from .super_hrnet import SuperScaleHRNet

MODELS.register_module(module=ScaleHRNet)
MODELS.register_module(module=SuperScaleHRNet)

__all__ = ['ScaleHRNet', 'SuperScaleHRNet', 'key_map', 'slice_state_dict']
