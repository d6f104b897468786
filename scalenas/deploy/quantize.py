"""int8: onnxruntime's static quantizer, with the settings that are fast."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .runtime import Images


def quantized(
    graph: bytes,
    batches: Iterable[Images],
    reduce_range: bool | None = None,
    last: Sequence[str] = (),
) -> bytes:
    """A graph whose convolutions and the sums between them compute in int8.

    Activations are unsigned: of a residual net, a convolution whose input also feeds a skip stays
    in float32 with signed ones. Weights are signed, with a scale for each output channel. The
    range of each map is the least and the largest value over all batches.

    Args:
        batches: (N, C, H, W), as the graph takes them; one or more.
        reduce_range: weights of 7 bits. A processor without instructions for int8 sums pairs of
            products in 16 bits, where 8 bits saturate; by default where this one has none.
        last: values of the graph after which it stays in float32, as does a cheap layer before.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches: Iterator[Images] = iter(batches)

        def get_next(self) -> dict[str, Images] | None:
            batch = next(self.batches, None)
            return None if batch is None else {'image': np.ascontiguousarray(batch, np.float32)}

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, small = (Path(folder, name) for name in ('a.onnx', 'b.onnx', 'c.onnx'))
        plain.write_bytes(graph)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        kept = _float(model.graph, last)
        onnx.save(model, prepared)
        quantize_static(
            prepared,
            small,
            Reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=kept,
            reduce_range=not has_vnni() if reduce_range is None else reduce_range,
        )
        return small.read_bytes()


def _float(graph: Any, values: Sequence[str]) -> list[str]:
    """Names of the nodes that stay in float32: what reads the values, and a cheap last layer.

    A linear layer or a convolution of one position that makes them costs little, and with 256
    levels two classes would often have the same score.
    """
    weights = {weight.name: weight.dims for weight in graph.initializer}
    reached, found = set(values), []
    for i, node in enumerate(graph.node):  # in the order in which they run
        node.name = node.name or f'node{i}'
        if reached & {*node.input}:
            reached |= {*node.output}
            found.append(node.name)
        elif node.op_type in ('Conv', 'Gemm', 'MatMul') and {*values} & {*node.output}:
            kernel = weights.get(node.input[1], ())[2:]
            found += [node.name] if all(side == 1 for side in kernel) else []
    return found


def has_vnni() -> bool:
    """Whether this processor sums products of int8 in 32 bits; True where it does not say."""
    try:
        text = Path('/proc/cpuinfo').read_text(encoding='utf-8')
    except OSError:
        return True
    x86 = platform.machine().lower() in ('x86_64', 'amd64')
    return not x86 or 'avx512_vnni' in text or 'avx_vnni' in text
