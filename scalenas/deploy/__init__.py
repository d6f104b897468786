"""Getting out to a device: runtimes, each an adapter of one well-kept package; stopwatches."""

from .benchmark import Benchmark, benchmark, candidate
from .command import CommandStopwatch
from .nets import Subject, subject
from .runtime import RUNTIMES, Runtime, Session, register_runtime, runtime
from .stopwatch import NoMemoryError, RuntimeStopwatch, Stopwatch, device_name
from .timer import NetTimer, TrainingStopwatch
from .torch_runtime import TorchRuntime
from .units import measured_table, space_named, unit_nets

__all__ = [
    'RUNTIMES',
    'Benchmark',
    'CommandStopwatch',
    'NetTimer',
    'NoMemoryError',
    'Runtime',
    'RuntimeStopwatch',
    'Session',
    'Stopwatch',
    'Subject',
    'TorchRuntime',
    'TrainingStopwatch',
    'benchmark',
    'candidate',
    'device_name',
    'measured_table',
    'register_runtime',
    'runtime',
    'space_named',
    'subject',
    'unit_nets',
]
