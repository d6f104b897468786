"""Convolutions and norms from OpenMMLab's `conv_cfg` and `norm_cfg`; mmcv only for exotic types.

And how a part of one runs, for supernets.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from scalenas.arch.strict import as_choice, as_flag, as_mapping
from scalenas.errors import UserError

from .weight_slices import Index, cut

NORMS: dict[str, tuple[str, type[nn.Module]]] = {
    'BN': ('bn', nn.BatchNorm2d),
    'BN2d': ('bn', nn.BatchNorm2d),
    'SyncBN': ('bn', nn.SyncBatchNorm),
    'GN': ('gn', nn.GroupNorm),
}
"""Type in a `norm_cfg` -> its short name in state dicts, and its class."""


def make_conv(
    cfg: Mapping[str, Any] | None,
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
) -> nn.Module:
    """A convolution of odd kernel with 'same' padding and no bias."""
    options: dict[str, Any] = {
        'stride': stride,
        'padding': kernel // 2,
        'groups': groups,
        'bias': False,
    }
    if cfg is not None and not isinstance(cfg, Mapping):
        raise UserError(where='conv_cfg', got=cfg, allowed="None or dict(type='Conv2d', ...)")
    if cfg is None or (cfg.get('type') in ('Conv2d', 'Conv') and len(cfg) == 1):
        return nn.Conv2d(c_in, c_out, kernel, **options)
    from mmcv.cnn import build_conv_layer

    result: nn.Module = build_conv_layer(dict(cfg), c_in, c_out, kernel, **options)
    return result


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """x (N, C, H, W) with the zeros around it that TensorFlow's 'same' padding adds.

    Of an odd number of rows or columns the last side gets one more, so it differs from torch's
    padding where the stride is 2. Source: mmcv's Conv2dAdaptivePadding.
    """
    pads: list[int] = []
    for side in (x.shape[-1], x.shape[-2]):
        more = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [more // 2, more - more // 2]
    return F.pad(x, pads) if any(pads) else x


def make_norm(cfg: Mapping[str, Any], channels: int) -> nn.Module:
    """The norm layer that a `norm_cfg` describes, over `channels` maps.

    Raises:
        UserError: for a type that is none, or keys that its class does not take.
    """
    options, kind = dict(cfg), _kind_of(cfg)
    if kind not in NORMS:
        return _of_mmcv(cfg, channels)[1]
    del options['type']
    allowed = _options_of(kind)
    for key in options:
        if key not in allowed:
            raise UserError(f'unknown key of {kind!r}', where='norm_cfg', got=key, allowed=allowed)
    requires_grad = as_flag(options.pop('requires_grad', True), 'norm_cfg.requires_grad')
    if kind == 'GN':
        groups = options.get('num_groups')
        if not isinstance(groups, int) or groups < 1 or channels % groups:
            raise UserError(
                where='norm_cfg.num_groups',
                got=groups,
                allowed=f'a divisor of all numbers of channels, here {channels}',
            )
        norm: nn.Module = nn.GroupNorm(num_channels=channels, **options)
    else:
        norm = NORMS[kind][1](channels, **options)
    for param in norm.parameters():
        param.requires_grad = requires_grad
    return norm


def norm_abbreviation(cfg: Mapping[str, Any]) -> str:
    """How mmcv names a norm of this type in state dicts, e.g. 'bn'."""
    kind = _kind_of(cfg)
    return NORMS[kind][0] if kind in NORMS else _of_mmcv(cfg, 1)[0]


@dataclass(frozen=True)
class Build:
    """How every convolution and norm of a network is made."""

    conv_cfg: Mapping[str, Any] | None = None
    norm_cfg: Mapping[str, Any] = field(default_factory=lambda: {'type': 'BN'})
    with_cp: bool = False

    def conv(
        self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> nn.Module:
        """A convolution without bias."""
        return make_conv(self.conv_cfg, c_in, c_out, kernel, stride, groups)

    def norm(self, channels: int) -> nn.Module:
        """A norm layer."""
        return make_norm(self.norm_cfg, channels)

    def unit(self, c_in: int, c_out: int, kernel: int, stride: int, relu: bool) -> nn.Sequential:
        """Convolution, norm and perhaps ReLU, in sequence."""
        parts = [self.conv(c_in, c_out, kernel, stride), self.norm(c_out)]
        return nn.Sequential(*parts, nn.ReLU(inplace=True)) if relu else nn.Sequential(*parts)


def _kind_of(cfg: Mapping[str, Any]) -> str:
    if not isinstance(cfg, Mapping) or not isinstance(cfg.get('type'), str):
        raise UserError(where='norm_cfg', got=cfg, allowed="dict(type='BN', ...)")
    kind: str = cfg['type']
    return kind


@cache
def _options_of(kind: str) -> tuple[str, ...]:
    names = inspect.signature(NORMS[kind][1]).parameters
    others = ('num_features', 'num_channels', 'device', 'dtype')
    return (*(name for name in names if name not in others), 'requires_grad')


def _of_mmcv(cfg: Mapping[str, Any], channels: int) -> tuple[str, nn.Module]:
    try:
        from mmcv.cnn import build_norm_layer

        built: tuple[str, nn.Module] = build_norm_layer(dict(cfg), channels)
    except (ImportError, KeyError) as error:
        there = 'is not installed' if isinstance(error, ImportError) else 'has no such norm'
        raise UserError(
            f'mmcv {there}', where='norm_cfg.type', got=cfg['type'], allowed=NORMS
        ) from None
    except TypeError as error:
        raise UserError(
            f'it does not take these keys: {error}', where='norm_cfg', got=cfg['type']
        ) from None
    return built


CONVS = ('Conv2d', 'Conv2dAdaptivePadding')
"""Convolutions of which a part can run."""


def check_conv(conv_cfg: Mapping[str, Any] | None) -> None:
    """Pass for convolutions of which a part can run.

    Raises:
        ArchError: for others.
    """
    if conv_cfg is not None:
        kind = as_mapping(conv_cfg, 'conv_cfg', ('type',))['type']
        as_choice(kind, 'conv_cfg.type', CONVS)


class ChannelSlice(NamedTuple):
    """Which part of a convolution runs: of its weight, and of its bias and norm."""

    weight: Index = ()
    channels: Index = ()


def run_conv(conv: nn.Module, part: ChannelSlice, x: Tensor) -> Tensor:
    """A convolution with 'same' padding; one that is depthwise stays so."""
    assert isinstance(conv, nn.Conv2d)
    weight = cut(conv.weight, part.weight)
    bias = None if conv.bias is None else cut(conv.bias, part.channels)
    groups = weight.shape[0] if conv.groups > 1 else 1
    padding = weight.shape[-1] // 2
    if type(conv) is not nn.Conv2d:  # mmcv's, with the padding of TensorFlow
        x, padding = padded(x, weight.shape[-1], conv.stride[0]), 0
    return F.conv2d(x, weight, bias, conv.stride, padding, groups=groups)


def run_norm(norm: nn.Module, channels: Index, x: Tensor) -> Tensor:
    """A batch norm on some of its channels; in training their statistics, and no others, move.

    The module itself is called, so that its hooks see the forward.
    """
    if not channels:
        whole: Tensor = norm(x)
        return whole
    vectors = [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]
    parts = {name: value[channels] for name, value in vectors if value.dim()}
    if torch.jit.is_tracing():
        return _traced(norm, parts, x)
    result: Tensor = functional_call(norm, parts, (x,), tie_weights=False)
    return result


def _traced(norm: nn.Module, parts: Mapping[str, Tensor], x: Tensor) -> Tensor:
    # functional_call refuses to be traced; cost analysers and exports to ONNX trace.
    tables: tuple[dict[str, Any], ...] = (norm._parameters, norm._buffers)
    whole = [(held, dict(held)) for held in tables]
    try:
        for held, before in whole:
            held.update((name, parts[name]) for name in before if name in parts)
        result: Tensor = norm(x)
        return result
    finally:
        for held, before in whole:
            held.update(before)
