"""The exported model as an ONNX graph of fixed size, compared with torch (optional)."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from scalenas.arch import Size
from scalenas.errors import ExportError
from scalenas.tasks import task_of_model

from .verify import flat

TOLERANCE = 1e-4
"""Largest difference of raw outputs, relative to the largest: another order of float32 sums."""


class _Raw(nn.Module):
    """A task model from images to raw outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """image: (N, C, H, W), normalized as the data preprocessor does -> raw outputs."""
        return tuple(flat(self.model(image, None, mode='tensor')))


def check_onnx(model: nn.Module) -> None:
    """Pass when `write_onnx` can be tried: asked before the work of an export.

    Raises:
        ExportError: when a package is missing, or the model is a two-stage detector.
    """
    missing = [name for name in ('onnx', 'onnxruntime') if find_spec(name) is None]
    if missing:
        raise ExportError(
            f'needs {" and ".join(missing)}',
            where='--onnx',
            hint=f'pip install {" ".join(missing)}',
        )
    fault = task_of_model(model).graph_fault(model)
    if fault:
        raise ExportError(
            f'{fault}, which a graph of raw outputs cannot hold',
            where='--onnx',
            hint='export it without --onnx',
        )


@torch.no_grad()
def write_onnx(model: nn.Module, path: Path, size: Size, in_channels: int = 3) -> float:
    """Writes `model` for one image of `size`; gives back the largest difference to torch.

    Its output is called `raw`; of a model with several `raw0`, `raw1`, ..., in torch's order.

    Raises:
        ExportError: as `check_onnx`, or when the graph computes something else.
    """
    check_onnx(model)
    import onnxruntime

    raw = _Raw(model).cpu().eval()  # ours, which gives itself back
    image = torch.randn(1, in_channels, *size, generator=torch.Generator().manual_seed(0))
    expected = raw(image)
    several = len(expected) > 1
    names = [f'raw{i}' if several else 'raw' for i in range(len(expected))]
    with warnings.catch_warnings():
        # The exporter that needs no further package is the older one, and says so.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            raw, (image,), str(path), input_names=['image'], output_names=names, dynamo=False
        )
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    outputs = [torch.from_numpy(part) for part in session.run(None, {'image': image.numpy()})]
    worst = 0.0
    for name, a, b in zip(names, outputs, expected, strict=True):
        apart = float((a - b).abs().max() / b.abs().max().clamp(min=1.0))
        if not apart <= TOLERANCE:
            raise ExportError(
                'relative difference of onnxruntime and torch',
                where=f'{path.name}: {name}' if several else path.name,
                got=apart,
                allowed=f'at most {TOLERANCE:g}',
            )
        worst = max(worst, apart)
    return worst
