"""Running a part of a layer: convolutions, norms and squeeze-excitations, sliced as they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from .blocks import ConvNorm, SqueezeExcitation
from .parts import Index, cut


class Cut(NamedTuple):
    """Which part of a convolution runs: of its weight, and of its bias and norm."""

    weight: Index = ()
    channels: Index = ()


def run_conv_norm(unit: ConvNorm, part: Cut, x: Tensor) -> Tensor:
    """x: (N, c_in, H, W) -> (N, c_out, H', W') with the part's channels and kernel."""
    x = run_conv(unit.get_submodule('conv'), part, x)
    # Bound anew, so that the map before the norm is not kept while the next one is made.
    x = run_norm(unit.norm, part.channels, x)
    return unit.activate(x)


def run_conv(conv: nn.Module, part: Cut, x: Tensor) -> Tensor:
    """A convolution with 'same' padding; one that is depthwise stays so."""
    assert isinstance(conv, nn.Conv2d)
    weight = cut(conv.weight, part.weight)
    bias = None if conv.bias is None else cut(conv.bias, part.channels)
    groups = weight.shape[0] if conv.groups > 1 else 1
    return F.conv2d(x, weight, bias, conv.stride, weight.shape[-1] // 2, groups=groups)


def run_norm(norm: nn.Module, channels: Index, x: Tensor) -> Tensor:
    """A batch norm on some of its channels; in training their statistics, and no others, move.

    The module itself is called, so that its hooks see the forward.
    """
    if not channels:
        return norm(x)
    vectors = [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]
    parts = {name: value[channels] for name, value in vectors if value.dim()}
    if torch.jit.is_tracing():
        return _traced(norm, parts, x)
    return functional_call(norm, parts, (x,), tie_weights=False)


def _traced(norm: nn.Module, parts: Mapping[str, Tensor], x: Tensor) -> Tensor:
    # functional_call refuses to be traced; cost analysers and exports to ONNX trace.
    tables: tuple[dict[str, Any], ...] = (norm._parameters, norm._buffers)
    whole = [(held, dict(held)) for held in tables]
    try:
        for held, before in whole:
            held.update((name, parts[name]) for name in before if name in parts)
        return norm(x)
    finally:
        for held, before in whole:
            held.update(before)


def run_squeeze(se: SqueezeExcitation, parts: Mapping[str, Cut], x: Tensor) -> Tensor:
    """Squeeze-excitation of the channels of x; `parts` by the names of its two convolutions."""
    squeeze, excite = se.names
    factors = run_conv(se.get_submodule(squeeze), parts[squeeze], x.mean((2, 3), keepdim=True))
    factors = run_conv(se.get_submodule(excite), parts[excite], se.activate(factors))
    return x * factors.sigmoid()
