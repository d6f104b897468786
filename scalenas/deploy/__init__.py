"""Getting out to a device: runtimes, each an adapter of one well-kept package."""

from .runtime import RUNTIMES, Runtime, Session, register_runtime, runtime
from .torch_runtime import TorchRuntime

__all__ = ['RUNTIMES', 'Runtime', 'Session', 'TorchRuntime', 'register_runtime', 'runtime']
