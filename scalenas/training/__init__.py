"""Training sub-nets of a supernet: the model wrapper, distillation, hooks, and launching a run."""

from scalenas.errors import TrainingError

from .hooks import InvalidLossHook, SpaceHook
from .losses import OHEMCrossEntropy, SpatialCrossEntropyLoss
from .saving import WholeCheckpointHook
from .schedule import ExponentialLRWithFloor
from .step import SuperNetDDP
from .supernet import SuperNet

__all__ = [
    'ExponentialLRWithFloor',
    'InvalidLossHook',
    'OHEMCrossEntropy',
    'SpaceHook',
    'SpatialCrossEntropyLoss',
    'SuperNet',
    'SuperNetDDP',
    'TrainingError',
    'WholeCheckpointHook',
]
