"""Networks in torch: the static backbones, the supernets, and their weights."""

from scalenas.family import follow
from scalenas.registry import WEIGHT_INITIALIZERS

from .backbone import AbstractBackbone, StaticNet
from .classifier import FeatureDropout, SuperLinear
from .families import backbone_type, net_types, register_nets, static_types, supernet_types
from .folding import FoldedNorm, deployed_by, deployed_net
from .hrnet import ScaleHRNet
from .installed import InstalledInit
from .mbconv import ScaleMBConvNet
from .pretrained import from_stock, stock_key_map
from .regnet import ScaleRegNet
from .super_hrnet import SuperScaleHRNet, key_map, slice_state_dict
from .super_mbconv import ChoiceMBConvNet, SuperMBConvNet
from .supernet import Supernet, as_space, is_supernet, locate, nested, supernet_of
from .supernet_init import SupernetInit

follow(register_nets)
WEIGHT_INITIALIZERS.register_module(module=InstalledInit)
WEIGHT_INITIALIZERS.register_module(module=SupernetInit)

__all__ = [
    'AbstractBackbone',
    'ChoiceMBConvNet',
    'FeatureDropout',
    'FoldedNorm',
    'InstalledInit',
    'ScaleHRNet',
    'ScaleMBConvNet',
    'ScaleRegNet',
    'StaticNet',
    'SuperLinear',
    'SuperMBConvNet',
    'SuperScaleHRNet',
    'Supernet',
    'SupernetInit',
    'as_space',
    'backbone_type',
    'deployed_by',
    'deployed_net',
    'from_stock',
    'is_supernet',
    'key_map',
    'locate',
    'nested',
    'net_types',
    'slice_state_dict',
    'static_types',
    'stock_key_map',
    'supernet_of',
    'supernet_types',
]
