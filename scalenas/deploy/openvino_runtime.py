"""OpenVINO on the CPU, from the ONNX graph: its own converter of torch takes five times as long."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from scalenas.errors import UserError, foreign

from .graph import onnx_graph, read_graph
from .quantize import quantized
from .runtime import Images, Maps, Runtime, Session, register_runtime


@dataclass(frozen=True)
class OpenVINOSession(Session):
    """A compiled model and its one request."""

    compiled: Any

    def _run(self, images: Images) -> Maps:
        with same_signal_stack():
            results = self.compiled(images)
        return [np.array(results[i], np.float32) for i in range(len(results))]


@register_runtime
class OpenVINORuntime(Runtime):
    """OpenVINO; fp32 is fp32, which it is not by default on processors with bf16.

    int8 is onnxruntime's quantized graph.
    """

    name: ClassVar[str] = 'openvino'
    packages: ClassVar[tuple[str, ...]] = ('openvino', 'onnx', 'onnxruntime')
    precisions: ClassVar[tuple[str, ...]] = ('fp32', 'bf16', 'int8')

    def lacking(self, precision: str) -> str:
        return '' if precision != 'bf16' or computes_bf16() else 'a processor that computes bf16'

    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session:
        graph = onnx_graph(net, images, where=f'runtime {self.name}')
        if precision == 'int8':
            graph = quantized(graph, (batch.numpy() for batch in calibration))
        compiled = compiled_model(graph, precision, threads)
        about = (f'{self.name} {self.version()}', precision, device, threads)
        return OpenVINOSession(*about, tuple(images.shape), compiled)

    def _load_file(self, path: Path, shape: tuple[int, ...], device: str, threads: int) -> Session:
        import openvino

        compiled = compiled_model(read_graph(path), threads=threads)
        wanted = openvino.PartialShape(list(shape))
        if len(compiled.inputs) != 1 or not compiled.input(0).partial_shape.compatible(wanted):
            raise UserError(
                where=path,
                got=', '.join(str(each.partial_shape) for each in compiled.inputs),
                allowed=f'one input that takes images {shape}',
            )
        about = (f'{self.name} {self.version()}', 'fp32', device, threads)
        return OpenVINOSession(*about, tuple(shape), compiled)


class _SignalStack(ctypes.Structure):
    _fields_ = (('at', ctypes.c_void_p), ('flags', ctypes.c_int), ('size', ctypes.c_size_t))


@contextmanager
def same_signal_stack() -> Iterator[None]:
    """Keeps the stack on which this thread handles signals, which OpenVINO replaces by its own.

    Its models put back what they found, in any order, so that of two the memory of one that is gone
    can stay: the next signal, such as the end of a data loader's worker, then ends the process
    without a word (OpenVINO 2026.4.1, Linux).
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, 'sigaltstack'):
        yield
        return
    before = _SignalStack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)


def computes_bf16() -> bool:
    """True on processors with bf16; on others OpenVINO would compute in fp32."""
    import openvino

    return 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


def compiled_model(model: bytes | Path, precision: str = 'fp32', threads: int = 1) -> Any:
    """An ONNX graph, or the XML file of OpenVINO, compiled for latency, in just this precision.

    Raises:
        UserError: for bf16 on a processor without, or an operator that the CPU lacks.
    """
    import openvino

    if precision == 'bf16' and not computes_bf16():
        raise UserError(
            'this processor computes no bf16',
            where='precision of runtime openvino',
            got=precision,
            allowed='fp32',
        )
    exact = precision != 'bf16'
    hints = {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'f32' if exact else 'bf16',
        'EXECUTION_MODE_HINT': 'ACCURACY' if exact else 'PERFORMANCE',
        'INFERENCE_NUM_THREADS': threads,
    }
    try:
        with same_signal_stack():
            core = openvino.Core()
            return core.compile_model(core.read_model(model), 'CPU', hints)
    except RuntimeError as error:
        raise UserError(
            f'does not take this network: {foreign(error)}', where='runtime openvino'
        ) from None
