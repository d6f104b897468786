"""Where the weights of mmpretrain's EfficientNet and RegNet go in the networks of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from scalenas.arch import MBConvArch, RegNetArch

from .renaming import check_options, key_map_of, renamed

T = TypeVar('T')


def mmpretrain_key_map(arch: MBConvArch | RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of mmpretrain's network; shapes are the same.

    Only the keys differ: EfficientNet there puts a stage of stride 1 into the entry before it.
    Its computation is that of `conv_cfg=dict(type='Conv2dAdaptivePadding')` and
    `norm_cfg=dict(type='BN', eps=1e-3)`.

    Raises:
        CheckpointError: when mmpretrain has no such network.
    """
    theirs = _efficientnet_names(arch) if isinstance(arch, MBConvArch) else _regnet_names(arch)
    return key_map_of(arch, theirs)


def from_mmpretrain(
    state: Mapping[str, T], arch: MBConvArch | RegNetArch, prefix: str = 'backbone.'
) -> dict[str, T]:
    """A state dict of mmpretrain with the backbone's keys renamed; others stay as they are.

    Raises:
        CheckpointError: when backbone keys are missing or left over; names the first.
    """
    keys = mmpretrain_key_map(arch)
    backbone = {key: value for key, value in state.items() if key.startswith(prefix)}
    kept = {key: value for key, value in state.items() if not key.startswith(prefix)}
    return renamed(backbone, keys, 'mmpretrain', prefix) | kept


def _efficientnet_names(arch: MBConvArch) -> dict[str, tuple[str, str]]:
    """Path of each convolution here -> paths of convolution and norm there."""
    places: list[tuple[int, int]] = []
    entry = offset = 0
    for s, stage in enumerate(arch.stages):
        if s == 0 or stage.stride != 1:
            entry, offset = entry + 1, 0
        places.append((entry, offset))
        offset += len(stage.blocks)
    found = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            path = f'layers.{entry + 1 if int(index) else 0}'
        else:
            there, start = places[int(index) - 1]
            path = '.'.join(['layers', str(there), str(start + int(rest[0])), *rest[1:-1]])
        found[layer.name] = f'{path}.conv', f'{path}.bn'
    return found


def _regnet_names(arch: RegNetArch) -> dict[str, tuple[str, str]]:
    """Path of each convolution here -> paths of convolution and norm there."""
    check_options(arch, 'mmpretrain', block='x', conv_out=None, stem_type='simple')
    found = {'stem.conv': ('conv1', 'bn1')}
    for layer in arch.layers():
        if layer.name == 'stem.conv':
            continue
        stage, block, part, _ = layer.name.split('.')
        path = f'layer{stage[1:]}.{int(block[1:]) - 1}'
        if part == 'downsample':
            found[layer.name] = f'{path}.downsample.0', f'{path}.downsample.1'
        else:
            found[layer.name] = f'{path}.{part}', f'{path}.{part.replace("conv", "bn")}'
    return found
