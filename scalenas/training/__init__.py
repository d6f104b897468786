"""Training sub-nets of a supernet: the model wrapper, distillation, hooks, and launching a run."""

from .errors import ConfigError, DataError, TrainingError
from .hooks import InvalidLossHook, SpaceHook
from .losses import OHEMCrossEntropy
from .supernet import SuperNet

__all__ = [
    'ConfigError',
    'DataError',
    'InvalidLossHook',
    'OHEMCrossEntropy',
    'SpaceHook',
    'SuperNet',
    'TrainingError',
]
