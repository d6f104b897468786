"""The weights that the authors of ScaleNAS released, in the names of OpenMMLab, and back.

Backbones need no renaming. Heads do: their first convolution has a bias that mmseg's has not, so
it goes into the running mean of the norm behind it, which leaves every output as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scalenas.errors import CheckpointError
from scalenas.space import HRSpace

from .super_hrnet import SuperScaleHRNet
from .weights import check_values

HEADS = {
    'last_layer.0.': 'decode_head.convs.0.conv.',
    'last_layer.1.': 'decode_head.convs.0.bn.',
    'last_layer.3.': 'decode_head.conv_seg.',
    'final_layer.': 'head.final_layer.',
}
"""Prefix of a head's keys in the release -> in mmseg's EncoderDecoder or mmpose's estimators."""
SEG_BIAS, SEG_MEAN = 'last_layer.0.bias', 'last_layer.1.running_mean'


def from_official(state: Mapping[str, Tensor], where: str) -> tuple[dict[str, Tensor], HRSpace]:
    """The state dict of a task model with SuperScaleHRNet, and its space; every key is used.

    Names that DataParallel or the released trainer put before all keys are cut off.

    Raises:
        CheckpointError: for keys that are missing, unknown or of another shape.
    """
    state = _bare(state)
    space = _space_of(state, where)
    wanted = _official_shapes(space, state)
    _check(state, wanted, where)
    done: dict[str, Tensor] = {}
    for key in wanted:
        # Checkpoints of PyTorch before 0.4.1 do not count batches.
        value = state[key] if key in state else torch.zeros((), dtype=torch.long)
        if key == SEG_MEAN:
            value = value - state[SEG_BIAS]
        if key != SEG_BIAS:
            done[_renamed(key, HEADS, 'backbone.')] = value
    return done, space


def to_official(state: Mapping[str, Tensor], space: HRSpace, where: str) -> dict[str, Tensor]:
    """The inverse: the released names for the state dict of a task model; the bias is zero.

    Raises:
        CheckpointError: for keys that the release has no name for, or that are missing, and for
            a space that is not the released one of its width.
    """
    released = HRSpace(space.width, output=space.largest().output).to_dict()
    for name, value in space.to_dict().items():
        if value != released[name]:
            raise CheckpointError(
                'the released code would build another net from these weights',
                where=f'{where}: space.{name}',
                got=value,
                allowed=f'{released[name]!r}, as in all released supernets',
            )
    back = {ours: theirs for theirs, ours in HEADS.items()} | {'backbone.': ''}
    for key in state:
        if not key.startswith(tuple(back)):
            raise CheckpointError(
                'the release has no place for this weight',
                where=where,
                got=key,
                allowed=f'{", ".join(back)}*',
            )
    done = {_renamed(key, back, ''): value for key, value in state.items()}
    if SEG_MEAN in done:
        done[SEG_BIAS] = torch.zeros_like(done[SEG_MEAN])
    _check(done, _official_shapes(space, done), where)
    return done


def _renamed(key: str, prefixes: Mapping[str, str], otherwise: str) -> str:
    for old, new in prefixes.items():
        if key.startswith(old):
            return new + key[len(old) :]
    return otherwise + key


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = dict(state)
    for prefix in ('module.', 'model.'):
        if any(key.startswith(prefix) for key in weights):
            # Beside `model.` the released trainer keeps the weights of its loss.
            weights = {
                key.removeprefix(prefix): value
                for key, value in weights.items()
                if not (prefix == 'model.' and key.startswith('loss.'))
            }
    return weights


def _space_of(state: Mapping[str, Any], where: str) -> HRSpace:
    block, heads = 'stage2.0.branches.0.0.conv1.weight', tuple(HEADS)
    if block not in state or not any(key.startswith(heads) for key in state):
        raise CheckpointError(
            f'not a released supernet of ScaleNAS, by its {len(state)} keys',
            where=where,
            allowed=f'{block} and a head ({" or ".join(heads)}...) among them',
        )
    single = any(key.startswith('final_layer.') for key in state)
    return HRSpace(width=state[block].shape[0], output='single' if single else 'multi')


def _official_shapes(space: HRSpace, state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    with torch.device('meta'):
        backbone = SuperScaleHRNet(space).state_dict()
    shapes = {key: tuple(value.shape) for key, value in backbone.items()}
    channels = space.largest().out_channels
    c, name = sum(channels), 'final_layer.weight' if len(channels) == 1 else 'last_layer.3.weight'
    # The task decides how many classes or joints there are.
    outputs = state[name].shape[0] if name in state else 1
    if len(channels) == 1:
        return shapes | {name: (outputs, c, 1, 1), 'final_layer.bias': (outputs,)}
    norm = {f'last_layer.1.{k}': (c,) for k in ('weight', 'bias', 'running_mean', 'running_var')}
    return {
        **shapes,
        'last_layer.0.weight': (c, c, 1, 1),
        SEG_BIAS: (c,),
        **norm,
        'last_layer.1.num_batches_tracked': (),
        name: (outputs, c, 1, 1),
        'last_layer.3.bias': (outputs,),
    }


def _check(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], where: str) -> None:
    unknown = [key for key in state if key not in wanted]
    missing = [k for k in wanted if k not in state and not k.endswith('.num_batches_tracked')]
    for kind, keys in (('unknown', unknown), ('missing', missing)):
        if keys:
            raise CheckpointError(
                f'not a released supernet of ScaleNAS: {len(keys)} of {len(wanted)} keys are '
                f'{kind}, this one first',
                where=f'{where}: {keys[0]}',
            )
    own = {
        key: torch.empty(
            shape, dtype=torch.long if key.endswith('_tracked') else None, device='meta'
        )
        for key, shape in wanted.items()
    }
    check_values(own, state, where)
    for key, value in state.items():
        if tuple(value.shape) != wanted[key]:
            raise CheckpointError(
                where=f'{where}: {key}',
                got=tuple(value.shape),
                allowed=f'a weight of shape {wanted[key]}',
            )
