"""A torch module as an ONNX graph in one piece, without shape arithmetic that can be folded."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.errors import ExportError, UserError, foreign, unreadable

OPSET = 17
"""Old enough for TensorRT and OpenVINO of some years ago, new enough for int8 per channel."""

AXES = {'batch': 0, 'height': 2, 'width': 3}
"""What may be free in the images of a graph."""


TIED = 0.1
"""Weight of a share of labels that differ, next to a relative difference of scores."""


@torch.no_grad()
def onnx_graph(
    net: nn.Module,
    images: Tensor,
    outputs: Sequence[str] = (),
    free: Sequence[str] = (),
    where: str = 'ONNX',
) -> bytes:
    """`net` as it computes `images`, (N, C, H, W) on the CPU; its input is called `image`.

    torch's older exporter writes it: the newer one needs two packages more and takes some five
    times as long. onnxruntime then folds what is constant, batch norms among it: with fixed sizes
    nothing is left that computes shapes.

    Args:
        outputs: names of what it gives, in torch's order; by default `map0`, `map1`, ...
        free: those of `AXES` whose length is that of the images given, not of `images`.
        where: what an error is said of.

    Raises:
        UserError: for an operator that ONNX or onnxruntime lack.
    """
    import onnx

    maps = _maps(net, images)
    outputs = outputs or [f'map{i}' for i in range(len(maps))]
    buffer: Any = io.BytesIO()  # which the stubs do not know
    try:
        with _silent():
            torch.onnx.export(
                net,
                (images,),
                buffer,
                input_names=['image'],
                output_names=list(outputs),
                opset_version=OPSET,
                dynamic_axes={'image': {AXES[name]: name for name in free}} if free else None,
                dynamo=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
        raise UserError(
            f'{type(net).__name__} cannot be written as ONNX: {foreign(error)}', where=where
        ) from None
    model = onnx.load_from_string(folded(buffer.getvalue(), where))
    others = _maps(net, _enlarged(images, free)) if free else maps
    for output, one, other in zip(model.graph.output, maps, others, strict=True):
        dims = output.type.tensor_type.shape.dim
        for axis, (a, b) in enumerate(zip(one.shape, other.shape, strict=True)):
            if a == b:
                dims[axis].dim_value = a
            else:
                dims[axis].dim_param = 'batch' if axis == 0 else f'{output.name}_{axis}'
    result: bytes = model.SerializeToString()
    return result


def _maps(net: nn.Module, images: Tensor) -> list[Tensor]:
    maps = net(images)
    return [maps] if isinstance(maps, Tensor) else list(maps)


def _enlarged(images: Tensor, free: Sequence[str]) -> Tensor:
    """Images of which each free length is another, by more than a stride and a multiple of 32."""
    shape = list(images.shape)
    for name in free:
        shape[AXES[name]] += 1 if name == 'batch' else 160
    return images.new_zeros(shape)


@contextmanager
def _silent() -> Iterator[None]:
    """Without warnings, and without the page that torch prints of an operator that ONNX lacks.

    The exporter asks this function whether to print, but does not call it: it is always true.
    """
    private: Any = torch._C
    asked, private._jit_is_onnx_log_enabled = private._jit_is_onnx_log_enabled, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that it is the older exporter; traced sizes
            yield
    finally:
        private._jit_is_onnx_log_enabled = asked


def folded(graph: bytes, where: str = 'ONNX') -> bytes:
    """The same graph, with constants folded and equal nodes joined; operators of ONNX only.

    Raises:
        UserError: for an operator that onnxruntime lacks.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'graph.onnx')
        options.optimized_model_filepath = str(path)
        open_graph(graph, options, where=where)
        model = onnx.load(path)
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in {'', *used}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.producer_name = 'scalenas'
    onnx.checker.check_model(model, full_check=True)
    result: bytes = model.SerializeToString()
    return result


def open_graph(
    graph: bytes, options: Any, providers: Sequence[Any] = (), where: str = 'runtime onnxruntime'
) -> Any:
    """onnxruntime's session of a graph.

    Raises:
        UserError: for an operator that it lacks, or a graph that it does not take.
    """
    import onnxruntime

    chosen = list(providers) or ['CPUExecutionProvider']
    try:
        return onnxruntime.InferenceSession(graph, options, providers=chosen)
    except Exception as error:  # its exceptions have no common class of their own
        raise UserError(
            f'onnxruntime does not take this network: {foreign(error)}', where=where
        ) from None


@contextmanager
def taken(size: Sequence[int]) -> Iterator[None]:
    """Around the first forward of a model for images of a size.

    Raises:
        UserError: when it does not take them.
    """
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f'the model takes no images of {size[0]}x{size[1]}: {foreign(error)}',
            where='--size',
            hint='multiples of 32 usually fit',
        ) from None


def need_packages(*names: str, where: str, kind: type[UserError] = UserError) -> None:
    """Pass where these packages are installed.

    Raises:
        UserError: for one that is not.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        hint = f'pip install {" ".join(missing)}'
        raise kind(f'needs {" and ".join(missing)}', where=where, hint=hint)


def read_graph(path: Path) -> bytes:
    """The content of an ONNX file.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, UserError, 'a graph in ONNX') from None


def apart(outputs: Sequence[Any], expected: Sequence[Tensor]) -> list[float]:
    """Largest difference of each output from torch's, relative to its largest value or 1.

    Of labels it is a tenth of the share that differs: where two classes have nearly the same score,
    rounding decides, and one such pixel in a large image says nothing of a graph.

    Raises:
        ExportError: for outputs of another number or shape.
    """
    shapes = [[tuple(part.shape) for part in parts] for parts in (outputs, expected)]
    if shapes[0] != shapes[1]:
        raise ExportError('shapes of outputs', got=shapes[0], allowed=f'{shapes[1]}, as of torch')
    return [_apart(torch.as_tensor(a), b) for a, b in zip(outputs, expected, strict=True)]


def _apart(a: Tensor, b: Tensor) -> float:
    if not b.is_floating_point():
        return TIED * float((a != b).double().mean())
    return float((a.double() - b.double()).abs().max() / b.abs().max().clamp(min=1.0))


def flat(output: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples and mappings, in order.

    Raises:
        ExportError: for an output that is neither.
    """
    if isinstance(output, Tensor):
        return [output]
    parts = output.values() if isinstance(output, Mapping) else output
    if not isinstance(output, Mapping | list | tuple):
        raise ExportError(
            where='output of the model', got=type(output).__name__, allowed='tensors, nested or not'
        )
    return [tensor for part in parts for tensor in flat(part)]
