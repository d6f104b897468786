"""onnxruntime: on the CPU, or on a GPU where its CUDA provider is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from scalenas.errors import UserError

from .graph import onnx_graph, open_graph, read_graph
from .quantize import quantized
from .runtime import Images, Maps, Runtime, Session, register_runtime


@dataclass(frozen=True)
class OnnxSession(Session):
    """A graph in onnxruntime."""

    session: Any
    input: str = 'image'

    def _run(self, images: Images) -> Maps:
        maps: Maps = self.session.run(None, {self.input: images})
        return maps


@register_runtime
class OnnxRuntime(Runtime):
    """onnxruntime; int8 is quantized by its static quantizer."""

    name: ClassVar[str] = 'onnxruntime'
    packages: ClassVar[tuple[str, ...]] = ('onnxruntime', 'onnx')
    precisions: ClassVar[tuple[str, ...]] = ('fp32', 'int8')
    devices: ClassVar[tuple[str, ...]] = ('cpu', 'cuda')

    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session:
        providers = self._providers(device)
        graph = onnx_graph(net, images, where=f'runtime {self.name}')
        if precision == 'int8':
            graph = quantized(graph, (batch.numpy() for batch in calibration))
        session = open_graph(graph, session_options(threads), providers)
        about = (f'{self.name} {self.version()}', precision, device, threads)
        return OnnxSession(*about, tuple(images.shape), session)

    def _load_file(self, path: Path, shape: tuple[int, ...], device: str, threads: int) -> Session:
        session = open_graph(read_graph(path), session_options(threads), self._providers(device))
        (given, *more) = session.get_inputs()
        fits = len(given.shape) == len(shape) and all(
            not isinstance(length, int) or length == own
            for length, own in zip(given.shape, shape, strict=True)
        )
        if more or not fits or given.type != 'tensor(float)':
            raise UserError(
                where=path,
                got=f'{1 + len(more)} inputs, the first {given.type} {given.shape}',
                allowed=f'one input that takes float images {shape}',
            )
        about = (f'{self.name} {self.version()}', 'fp32', device, threads)
        return OnnxSession(*about, tuple(shape), session, given.name)

    def _providers(self, device: str) -> list[Any]:
        import onnxruntime

        if device == 'cpu':
            return []
        if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
            raise UserError(
                'this build of onnxruntime has no CUDA',
                where=f'device of runtime {self.name}',
                got=device,
                allowed='cpu',
                hint='pip install onnxruntime-gpu in its place',
            )
        index = int(device.partition(':')[2] or 0)
        # Without TF32, which it takes for fp32 by default.
        return [('CUDAExecutionProvider', {'device_id': index, 'use_tf32': 0})]


def session_options(threads: int = 1) -> Any:
    """All of its optimizations, `threads` for an operator, one operator after another."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
