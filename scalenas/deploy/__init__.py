"""Getting out to a device: runtimes, each an adapter of one well-kept package, and graphs."""

from .graph import onnx_graph
from .ncnn_runtime import NcnnRuntime
from .onnx_runtime import OnnxRuntime
from .openvino_runtime import OpenVINORuntime
from .quantize import quantized
from .runtime import RUNTIMES, Runtime, Session, register_runtime, runtime
from .tensorrt_runtime import TensorRTRuntime
from .torch_runtime import TorchRuntime

__all__ = [
    'RUNTIMES',
    'NcnnRuntime',
    'OnnxRuntime',
    'OpenVINORuntime',
    'Runtime',
    'Session',
    'TensorRTRuntime',
    'TorchRuntime',
    'onnx_graph',
    'quantized',
    'register_runtime',
    'runtime',
]
