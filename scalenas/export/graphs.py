"""The graphs of an export: ONNX, OpenVINO's two files, and int8 with the metric that it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.arch import Size
from scalenas.deploy.graph import apart, need_packages, open_graph
from scalenas.deploy.onnx_runtime import session_options
from scalenas.deploy.openvino_runtime import compiled_model
from scalenas.deploy.quantize import has_vnni, quantized
from scalenas.deploy.runtime import Images
from scalenas.deploy.stand_in import standing_in
from scalenas.deploy.task_graph import (
    TOLERANCE,
    GraphForm,
    TaskGraph,
    TaskNet,
    task_graph,
    with_outputs,
)
from scalenas.errors import ExportError
from scalenas.evaluation import SubnetEvaluator
from scalenas.version import __version__

RAW = GraphForm()


@dataclass(frozen=True, slots=True)
class Graphs:
    """Which graphs an export writes: NAME.onnx, NAME.xml with NAME.bin, NAME_int8.onnx.

    All have the same form; int8 is quantized on the calibration images of the config.
    """

    onnx: bool = False
    openvino: bool = False
    int8: bool = False
    form: GraphForm = RAW

    @property
    def any(self) -> bool:
        """Whether one is asked for."""
        return self.onnx or self.openvino or self.int8

    def check(self, model: nn.Module) -> None:
        """Pass when they can be tried: asked before the work of an export.

        Raises:
            ExportError: for a missing package, or a form that the model does not have.
        """
        asked = [name for name in ('onnx', 'openvino', 'int8') if getattr(self, name)]
        if not asked:
            return
        self.form.check(model, f'--{asked[0]}')
        if self.openvino:
            need_packages('openvino', where='--openvino', kind=ExportError)

    def write(
        self,
        model: nn.Module,
        stage: Path,
        name: str,
        size: Size,
        arch: Any,
        evaluator: SubnetEvaluator,
    ) -> dict[str, Any]:
        """Writes them of an exported model; what the card says of them.

        Raises:
            ExportError: for one that computes something else, or images that int8 cannot take.
        """
        if not self.any:
            return {}
        device = next(model.parameters()).device
        model.cpu()
        about: dict[str, Any] = {'arch': arch.to_dict(), 'name': name, 'scalenas': __version__}
        classes = (evaluator.evaluator.dataset_meta or {}).get('classes')
        if classes is not None:
            about['classes'] = list(classes)
        channels = arch.in_channels
        found = task_graph(model, size, self.form, channels, about, with_raw=self.int8)
        plain = with_outputs(found.graph, found.outputs)
        if self.onnx:
            (stage / f'{name}.onnx').write_bytes(plain)
        if self.openvino:
            write_openvino(plain, stage / f'{name}.xml', TaskNet(model, self.form), size, channels)
        model.to(device)
        if not self.int8:
            return {}
        small, card = self._int8(found, model, evaluator)
        (stage / f'{name}_int8.onnx').write_bytes(with_outputs(small, found.outputs))
        return {'int8': card}

    def _int8(
        self, found: TaskGraph, model: nn.Module, evaluator: SubnetEvaluator
    ) -> tuple[bytes, dict[str, Any]]:
        """The quantized graph, and its metrics on the test images, from which raw outputs go on."""
        batches = [batch['inputs'] for batch in evaluator.calibration]
        net, reduced = TaskNet(model, self.form), not has_vnni()
        session = open_graph(found.graph, session_options(), where='--int8')
        shape = session.get_inputs()[0].shape

        def single(of: str, images: Iterable[Tensor]) -> Iterator[Images]:
            for image in images:
                _check_size(image.shape, shape, of)
                yield net.images(image[None].cpu()).numpy()

        small = quantized(found.graph, single('calibration', _all(batches)), reduced, found.raw)
        session = open_graph(small, session_options(torch.get_num_threads()), where='--int8')

        def call(image: Tensor) -> list[Tensor]:
            (given,) = single('test', image)
            return [torch.from_numpy(part) for part in session.run(found.raw, {'image': given})]

        with standing_in(model, call, batches[0]):
            metrics = evaluator.measure(model)
        card = {
            'metrics': metrics,
            'calibration_images': sum(map(len, batches)),
            'reduced_range': reduced,
            'onnxruntime': version('onnxruntime'),
        }
        return small, card


def _all(batches: Iterable[Tensor]) -> Iterator[Tensor]:
    for batch in batches:
        yield from batch


def _check_size(image: Sequence[int], graph: Sequence[Any], of: str) -> None:
    """Pass when a graph takes an image (C, H, W); what is free in it has a name for its length.

    Raises:
        ExportError: when it does not.
    """
    fixed = [side for side in graph[2:] if isinstance(side, int)]
    if any(isinstance(b, int) and a != b for a, b in zip(image[1:], graph[2:], strict=True)):
        raise ExportError(
            f'an image of the {of} dataloader has another size than the graph',
            where='--int8',
            got=tuple(image[1:]),
            allowed=' x '.join(map(str, fixed)),
            hint='free it with --dynamic height width, or name another --size',
        )


@torch.no_grad()
def write_openvino(graph: bytes, path: Path, net: TaskNet, size: Size, in_channels: int) -> None:
    """Converts an ONNX graph to `path` and the .bin beside it; weights stay float32.

    Raises:
        ExportError: when OpenVINO computes something else than torch.
    """
    import openvino

    model = openvino.Core().read_model(graph)
    for i, operation in enumerate(model.get_ordered_ops()):
        kind, name = operation.get_type_name(), operation.get_friendly_name()
        if re.fullmatch(rf'{kind}_\d+', name):  # a counter of this process
            operation.set_friendly_name(f'{kind}_{i}')
    openvino.save_model(model, path, compress_to_fp16=False)
    image = torch.randn(1, in_channels, *size, generator=torch.Generator().manual_seed(0))
    image = net.images(image)
    results = compiled_model(path, 'fp32', torch.get_num_threads())(image.numpy())
    outputs = [torch.from_numpy(results[i]) for i in range(len(results))]
    worst = max(apart(outputs, net.eval()(image)))
    if not worst <= TOLERANCE:
        raise ExportError(
            'relative difference of OpenVINO and torch',
            where='--openvino',
            got=worst,
            allowed=f'at most {TOLERANCE:g}',
        )
