"""Getting out to a device: the deployed form, and runtimes, each an adapter of one package."""

from .form import deployed
from .runtime import RUNTIMES, Runtime, Session, register_runtime, runtime
from .torch_runtime import TorchRuntime

__all__ = [
    'RUNTIMES',
    'Runtime',
    'Session',
    'TorchRuntime',
    'deployed',
    'register_runtime',
    'runtime',
]
