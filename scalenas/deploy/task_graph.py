"""A task model as an ONNX graph: what comes out, what is free, and what its metadata says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas.arch import Size
from scalenas.errors import ExportError
from scalenas.tasks import Task, task_of_model

from .form import deployed
from .graph import AXES, apart, flat, need_packages, onnx_graph, open_graph, taken
from .onnx_runtime import session_options

TOLERANCE = 1e-4
"""Largest difference of outputs, relative to the largest value: another order of float32 sums."""

PLACES = ('metadata', 'inside')
"""Where mean and std of the images may be."""


@dataclass(frozen=True, slots=True)
class GraphForm:
    """What a graph of a task model takes and gives.

    Attributes:
        output: 'raw' for what the heads give; 'task' for the finished output, such as logits at
            the size of the image; others as the task package has them (`Task.graphs`).
        free: those of batch, height and width that are free.
        normalize: 'metadata' where images come normalized, and mean and std are in the metadata;
            'inside' for images of 0 ... 255, with the channels in the order of the metadata.
    """

    output: str = 'raw'
    free: tuple[str, ...] = ()
    normalize: str = 'metadata'

    def check(self, model: nn.Module, where: str = '--onnx') -> None:
        """Pass when such a graph of `model` can be tried: asked before the work of an export.

        Raises:
            ExportError: for a missing package, or a value that is not allowed.
        """
        need_packages('onnx', 'onnxruntime', where=where, kind=ExportError)
        graphs = task_of_model(model).graphs
        for option, got, allowed in (
            ('--onnx-output', [self.output], graphs),
            ('--dynamic', self.free, tuple(AXES)),
            ('--normalize', [self.normalize], PLACES),
        ):
            for value in got:
                if value not in allowed:
                    raise ExportError(where=option, got=value, allowed=allowed)


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """A graph, and its largest difference from torch, relative to the largest of an output.

    Attributes:
        outputs: names of those that were asked for.
        raw: of raw ones, which may be the same or stand behind them.
    """

    graph: bytes
    outputs: tuple[str, ...]
    raw: tuple[str, ...]
    difference: float


class TaskNet(nn.Module):
    """A task model as a function of images alone: to the outputs that a graph of it has."""

    def __init__(self, model: nn.Module, form: GraphForm, with_raw: bool = False) -> None:
        super().__init__()
        self.model, self.form = model, form
        self.kinds = (form.output, *(['raw'] if with_raw else []))
        self.task: Task = task_of_model(model)
        mean, std = normalization(model)
        self.register_buffer('mean', torch.tensor(mean or [0.0]).view(-1, 1, 1))
        self.register_buffer('std', torch.tensor(std or [1.0]).view(-1, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """image: (N, C, H, W), as the form says -> its outputs; raw ones behind the others."""
        named: dict[str, Tensor] = {}
        for kind in self.kinds:
            named |= self._named(image, kind)
        return tuple(named.values())

    def names(self, image: Tensor) -> list[tuple[str, ...]]:
        """What the outputs of each kind are called: `raw`, or of several `raw0`, `raw1`, ..."""
        return [tuple(self._named(image, kind)) for kind in self.kinds]

    def images(self, normalized: Tensor) -> Tensor:
        """Images as the form takes them, of those that the preprocessor normalized."""
        if self.form.normalize != 'inside':
            return normalized
        return normalized * self.get_buffer('std') + self.get_buffer('mean')

    def _named(self, image: Tensor, kind: str) -> dict[str, Tensor]:
        if self.form.normalize == 'inside':
            image = (image - self.get_buffer('mean')) / self.get_buffer('std')
        named: dict[str, Tensor] = {}
        for name, value in self.task.graph(self.model, image, kind).items():
            parts = flat(value)
            several = len(parts) > 1
            named |= {f'{name}{i}' if several else name: part for i, part in enumerate(parts)}
        return named


@torch.no_grad()
def task_graph(
    model: nn.Module,
    size: Size,
    form: GraphForm,
    in_channels: int = 3,
    about: Mapping[str, Any] | None = None,
    with_raw: bool = False,
) -> TaskGraph:
    """The graph of a task model on the CPU, compared with torch by onnxruntime.

    It is compared at `size` and, where sizes are free, at an odd one and for two images. Of a
    fixed size the graph is that of the deployed form, whose sums hold for one size.

    Args:
        size: of the images, as far as it is not free.
        about: more entries for the metadata, written as JSON.
        with_raw: raw outputs are there, too.

    Raises:
        ExportError: when the graph computes something else.
        UserError: for an operator that ONNX lacks, or a size that the model does not take.
    """
    net = TaskNet(model, form, with_raw).eval()
    image = _image(net, (1, in_channels, *size))
    with taken(size):
        kinds = net.names(image)
    names = list(dict.fromkeys(name for each in kinds for name in each))
    entries = _metadata(model, size, form, about or {})
    traced = net
    if not {'height', 'width'} & {*form.free} and isinstance(model, BaseModel):
        # `image` may be images of 0 ... 255, and this one is normalized.
        shown = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
        traced = TaskNet(deployed(model, shown, channels_last=False), form, with_raw).eval()
    graph = _described(onnx_graph(traced, image, names, form.free), entries)
    worst = check_graph(graph, net, names, _shapes(net, image.shape, form.free))
    return TaskGraph(graph, kinds[0], kinds[-1], worst)


@torch.no_grad()
def check_graph(
    graph: bytes, net: TaskNet, names: Sequence[str], shapes: Sequence[Sequence[int]]
) -> float:
    """The largest difference of onnxruntime from torch, relative to each output's largest value.

    Raises:
        ExportError: when it is more than `TOLERANCE`, for images of one of the shapes.
    """
    session = open_graph(graph, session_options(torch.get_num_threads()), where='--onnx')
    worst = 0.0
    for shape in shapes:
        image = _image(net, shape)
        found = [torch.from_numpy(part) for part in session.run(None, {'image': image.numpy()})]
        for name, value in zip(names, apart(found, net(image)), strict=True):
            if not value <= TOLERANCE:
                raise ExportError(
                    f'relative difference of onnxruntime and torch for {tuple(shape)}',
                    where=f'--onnx: {name}',
                    got=value,
                    allowed=f'at most {TOLERANCE:g}',
                )
            worst = max(worst, value)
    return worst


def normalization(model: nn.Module) -> tuple[list[float], list[float]]:
    """Mean and std of a task model's preprocessor, a value for each channel; empty without."""
    preprocessor: Any = getattr(model, 'data_preprocessor', None)
    if not getattr(preprocessor, '_enable_normalize', False):
        return [], []
    return preprocessor.mean.flatten().tolist(), preprocessor.std.flatten().tolist()


def channel_order(model: nn.Module) -> str:
    """'RGB' where the preprocessor turns the channels of an image that was read as BGR."""
    preprocessor: Any = getattr(model, 'data_preprocessor', None)
    switches = ('_channel_conversion', 'channel_conversion', 'to_rgb')
    return 'RGB' if any(getattr(preprocessor, name, False) for name in switches) else 'BGR'


def with_outputs(graph: bytes, names: Sequence[str]) -> bytes:
    """The same graph, giving these of its outputs."""
    import onnx

    model = onnx.load_from_string(graph)
    kept = [output for output in model.graph.output if output.name in names]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    result: bytes = model.SerializeToString()
    return result


def _metadata(
    model: nn.Module, size: Size, form: GraphForm, about: Mapping[str, Any]
) -> dict[str, Any]:
    mean, std = normalization(model)
    return {
        **about,
        'channel_order': channel_order(model),
        'free': list(form.free),
        'mean': mean,
        'normalize': form.normalize,
        'output': form.output,
        'size': list(size),
        'std': std,
    }


def _described(graph: bytes, entries: Mapping[str, Any]) -> bytes:
    import onnx

    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(model, {key: json.dumps(entries[key]) for key in sorted(entries)})
    result: bytes = model.SerializeToString()
    return result


def _image(net: TaskNet, shape: Sequence[int]) -> Tensor:
    """Random images, as the graph takes them."""
    return net.images(torch.randn(*shape, generator=torch.Generator().manual_seed(0)))


def _shapes(net: TaskNet, shape: Sequence[int], free: Sequence[str]) -> list[tuple[int, ...]]:
    """That of the graph, and where something is free another, odd if the model takes such."""
    if not free:
        return [tuple(shape)]
    larger = []
    for steps in ((1, 33, 17), (1, 64, 32)):
        other = list(shape)
        for name, step in zip(AXES, steps, strict=True):
            other[AXES[name]] += step if name in free else 0
        larger.append(tuple(other))
    odd, even = larger
    try:
        net(_image(net, odd))
    except RuntimeError:  # maps that fit together for multiples of the largest stride alone
        return [tuple(shape), even]
    return [tuple(shape), odd]
