"""Convolutions and norms from OpenMMLab's `conv_cfg` and `norm_cfg`; mmcv only for exotic types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

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
    if cfg is None or (cfg.get('type') in ('Conv2d', 'Conv') and len(cfg) == 1):
        return nn.Conv2d(c_in, c_out, kernel, **options)
    from mmcv.cnn import build_conv_layer

    return build_conv_layer(dict(cfg), c_in, c_out, kernel, **options)


def make_norm(cfg: Mapping[str, Any], channels: int) -> nn.Module:
    """The norm layer that a `norm_cfg` describes, over `channels` maps."""
    options = dict(cfg)
    kind = options.pop('type')
    if kind not in NORMS:
        from mmcv.cnn import build_norm_layer

        return build_norm_layer(dict(cfg), channels)[1]
    requires_grad = options.pop('requires_grad', True)
    if kind == 'GN':
        norm: nn.Module = nn.GroupNorm(num_channels=channels, **options)
    else:
        norm = NORMS[kind][1](channels, **options)
    for param in norm.parameters():
        param.requires_grad = requires_grad
    return norm


def norm_abbreviation(cfg: Mapping[str, Any]) -> str:
    """How mmcv names a norm of this type in state dicts, e.g. 'bn'."""
    if cfg['type'] in NORMS:
        return NORMS[cfg['type']][0]
    from mmcv.cnn import build_norm_layer

    return build_norm_layer(dict(cfg), 1)[0]


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
