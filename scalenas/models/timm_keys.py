"""Where the weights of timm's EfficientNet and RegNet go in the networks of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from scalenas.arch import MBConvArch, RegNetArch

from .renaming import check_options, key_map_of, renamed

T = TypeVar('T')

HEADS = {'classifier.': 'head.fc.', 'head.fc.': 'head.fc.'}
"""Prefix of a classifier's keys in timm -> in mmpretrain's `LinearClsHead`."""
# With and without an expansion in front, timm counts convolutions and norms of a block anew.
_EXPANDED = {
    'expand_conv': ('conv_pw', 'bn1'),
    'depthwise_conv': ('conv_dw', 'bn2'),
    'linear_conv': ('conv_pwl', 'bn3'),
}
_PLAIN = {'depthwise_conv': ('conv_dw', 'bn1'), 'linear_conv': ('conv_pw', 'bn2')}
_SQUEEZE = {'conv1': 'conv_reduce', 'conv2': 'conv_expand'}


def timm_key_map(arch: MBConvArch | RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of timm's network; shapes are the same.

    The computation is the same, too, but for two things. Networks whose name begins with `tf_`
    need `conv_cfg=dict(type='Conv2dAdaptivePadding')` and `norm_cfg=dict(type='BN', eps=1e-3)`.
    A RegNetZ without last convolution (`regnetz_040`) activates its last map before the pooling.

    Raises:
        CheckpointError: when timm has no such network.
    """
    theirs = _efficientnet_names(arch) if isinstance(arch, MBConvArch) else _regnet_names(arch)
    return key_map_of(arch, theirs)


def from_timm(state: Mapping[str, T], arch: MBConvArch | RegNetArch) -> dict[str, T]:
    """A state dict of timm as one of an mmpretrain classifier with `arch` as its backbone.

    Backbone keys begin with `backbone.`, those of the classifier, where there is one, with
    `head.fc.`.

    Raises:
        CheckpointError: when backbone keys are missing or left over; names the first.
    """
    heads = {
        new + key.removeprefix(old): key
        for old, new in HEADS.items()
        for key in state
        if key.startswith(old)
    }
    taken = set(heads.values())
    backbone = {key: value for key, value in state.items() if key not in taken}
    found = renamed(backbone, timm_key_map(arch), 'timm')
    return {f'backbone.{key}': value for key, value in found.items()} | {
        ours: state[key] for ours, key in heads.items()
    }


def _efficientnet_names(arch: MBConvArch) -> dict[str, tuple[str, str]]:
    check_options(arch, 'timm', shortcut='identity')
    found = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            found[layer.name] = ('conv_head', 'bn2') if int(index) else ('conv_stem', 'bn1')
            continue
        stage, block, part = int(index) - 1, int(rest[0]), rest[1]
        path = f'blocks.{stage}.{block}'
        if part == 'se':
            found[layer.name] = f'{path}.se.{_SQUEEZE[rest[2]]}', ''
        else:
            expand = arch.stages[stage].blocks[block].expand
            conv, norm = (_PLAIN if expand == 1 else _EXPANDED)[part]
            found[layer.name] = f'{path}.{conv}', f'{path}.{norm}'
    return found


def _regnet_names(arch: RegNetArch) -> dict[str, tuple[str, str]]:
    check_options(arch, 'timm', stem_type='simple')
    return {
        layer.name: (layer.name, f'{layer.name.rpartition(".")[0]}.bn') for layer in arch.layers()
    }
