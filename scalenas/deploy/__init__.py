"""Getting out to a device: the deployed form, runtimes, stopwatches."""

from .benchmark import Benchmark, benchmark, candidate
from .command import CommandStopwatch
from .form import deployed
from .graph import onnx_graph
from .ncnn_runtime import NcnnRuntime
from .nets import Subject, subject
from .onnx_runtime import OnnxRuntime
from .openvino_runtime import OpenVINORuntime
from .quantize import quantized
from .runtime import RUNTIMES, Runtime, Session, register_runtime, runtime
from .stopwatch import NoMemoryError, RuntimeStopwatch, Stopwatch, device_name
from .tensorrt_runtime import TensorRTRuntime
from .timer import NetTimer, TrainingStopwatch
from .torch_runtime import TorchRuntime
from .units import measured_table, space_named, unit_nets

__all__ = [
    'RUNTIMES',
    'Benchmark',
    'CommandStopwatch',
    'NcnnRuntime',
    'NetTimer',
    'NoMemoryError',
    'OnnxRuntime',
    'OpenVINORuntime',
    'Runtime',
    'RuntimeStopwatch',
    'Session',
    'Stopwatch',
    'Subject',
    'TensorRTRuntime',
    'TorchRuntime',
    'TrainingStopwatch',
    'benchmark',
    'candidate',
    'deployed',
    'device_name',
    'measured_table',
    'onnx_graph',
    'quantized',
    'register_runtime',
    'runtime',
    'space_named',
    'subject',
    'unit_nets',
]
