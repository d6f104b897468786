"""Convolutions and norms from OpenMMLab's `conv_cfg` and `norm_cfg`; mmcv only for exotic types."""

from __future__ import annotations

from collections.abc import Mapping
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
    cfg: Mapping[str, Any] | None, c_in: int, c_out: int, kernel: int, stride: int = 1
) -> nn.Module:
    """A convolution of odd kernel with 'same' padding and no bias."""
    options: dict[str, Any] = {'stride': stride, 'padding': kernel // 2, 'bias': False}
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
