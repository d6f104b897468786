"""Weights that other packages trained, as those of task models with a backbone from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch
from scalenas.errors import CheckpointError
from scalenas.family import WeightMap, families, family_of

from .checkpoint import check_values, misfits
from .families import backbone_type
from .renaming import renamed

T = TypeVar('T')
_EPSILON = 1e-5  # of torch's batch norms


def sources() -> tuple[str, ...]:
    """Who trained weights that some family can take; `timm-tf` are timm's nets named `tf_...`."""
    return tuple(dict.fromkeys(source for family in families() for source in family.weights))


def stock_key_map(arch: Arch, source: str) -> dict[str, str]:
    """State-dict key of `arch` -> the key of the network of `source`; shapes are the same.

    Raises:
        CheckpointError: when `source` has no such network.
    """
    keys: dict[str, str] = _weights_of(arch, source).keys(arch)
    return keys


def from_stock(
    state: Mapping[str, T], arch: Arch, source: str, prefix: str = 'backbone.'
) -> dict[str, T]:
    """A state dict of `source` as one of a task model with `arch` as its backbone.

    Backbone keys begin with `prefix` then; heads get the names of OpenMMLab's, where they differ.

    Raises:
        CheckpointError: when backbone keys are missing or left over; names the first.
    """
    weights = _weights_of(arch, source)
    theirs = prefix if weights.prefixed else ''
    heads = {
        new + key.removeprefix(old): key
        for old, new in weights.heads.items()
        for key in state
        if key.startswith(old)
    }
    taken = set(heads.values())
    rest = {key: value for key, value in state.items() if key not in taken}
    backbone = {key: value for key, value in rest.items() if key.startswith(theirs)}
    kept = {key: value for key, value in rest.items() if not key.startswith(theirs)}
    done = renamed(backbone, weights.keys(arch), source, theirs)
    named = {f'{prefix}{key.removeprefix(theirs)}': value for key, value in done.items()}
    return named | kept | {ours: state[key] for ours, key in heads.items()}


def backbone_for(arch: Arch, source: str) -> dict[str, Any]:
    """The config of the backbone that computes with weights of `source` what it computed there.

    Raises:
        CheckpointError: for a family that has no such weights.
    """
    options = _weights_of(arch, source).options
    return {'type': backbone_type(arch), 'arch': arch.to_dict(), **options}


def caveat(arch: Arch, source: str) -> str:
    """What the weights alone cannot tell about the network that they are from; mostly nothing."""
    say = _weights_of(arch, source).caveat
    return say(arch) if say else ''


def unlike(net: nn.Module, arch: Arch, source: str) -> str:
    """Which arguments keep `net` from computing what weights of `source` were trained for.

    '' where there is none; else a line that names them, for a log.
    """
    options = _weights_of(arch, source).options
    parts = list(net.modules())
    padding = type(next(part for part in parts if isinstance(part, nn.Conv2d))).__name__
    epsilon = next((part.eps for part in parts if isinstance(part, _BatchNorm)), None)
    missing = []
    if padding != options.get('conv_cfg', {}).get('type', 'Conv2d'):
        missing.append('conv_cfg')
    if epsilon not in (None, options.get('norm_cfg', {}).get('eps', _EPSILON)):
        missing.append('norm_cfg')
    if not missing:
        return ''
    wanted = ', '.join(f'{key}={options.get(key)!r}' for key in missing)
    return f'weights of {source} were trained with {wanted}: without, they compute something else'


def from_source(
    state: Mapping[str, Tensor], arch: Arch, source: str, where: str
) -> dict[str, Tensor]:
    """As `from_stock`, and every weight of the backbone is there, and has its shape.

    Raises:
        CheckpointError: for weights that are missing, left over or of another shape, and for a
            family that has no such weights.
    """
    net = family_of(arch).net
    try:
        converted = from_stock(state, arch, source)
    except CheckpointError as error:
        raise error.of(where) from None
    with torch.device('meta'):
        own = {f'backbone.{k}': v for k, v in net(arch.to_dict()).state_dict().items()}
    # Old checkpoints do not count batches.
    counters = (key for key in own if key.endswith('.num_batches_tracked') and key not in converted)
    converted |= {key: torch.zeros((), dtype=torch.long) for key in counters}
    of_backbone = {key: converted[key] for key in own}
    if wrong := misfits(own, of_backbone):
        raise CheckpointError(f'not the weights of {source} for this arch: {wrong}', where=where)
    check_values(own, of_backbone, where)
    return converted


def _weights_of(arch: Arch, source: str) -> WeightMap:
    known = family_of(arch).weights
    if source not in known:
        raise CheckpointError(
            where=f'weights for the family {arch.family}',
            got=source,
            allowed=known or 'none: nobody said how they are renamed',
        )
    return known[source]
