"""Registries of scope `scalenas`, children of mmengine's; imports nothing but mmengine."""

from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import Registry

MODELS = Registry('model', parent=MMENGINE_MODELS, locations=['scalenas.models'])
