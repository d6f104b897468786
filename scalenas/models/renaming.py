"""Renaming weights of another package: from where each convolution lies there to a state dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from scalenas.arch import Arch, layers
from scalenas.errors import CheckpointError

from .weight_slices import NORM_KEYS

T = TypeVar('T')


def key_map_of(arch: Arch, theirs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """State-dict key of `arch` -> their key; shapes are the same.

    `theirs`: path of every convolution here -> paths of the convolution and of its norm there.
    """
    keys = {}
    for layer in layers(arch, arch.size or (64, 64)):
        conv, norm = theirs[layer.name]
        keys[f'{layer.name}.weight'] = f'{conv}.weight'
        if layer.bias:
            keys[f'{layer.name}.bias'] = f'{conv}.bias'
        if layer.norm:
            ours = f'{layer.name.rpartition(".")[0]}.bn'
            keys |= {f'{ours}.{key}': f'{norm}.{key}' for key in NORM_KEYS['bn']}
    return keys


def check_options(arch: Arch, package: str, **wanted: object) -> None:
    """Pass where `package` has networks such as `arch`: with these values of its options.

    Raises:
        CheckpointError: names the first option that differs.
    """
    for name, value in wanted.items():
        if getattr(arch, name) != value:
            raise CheckpointError(
                f'{package} has no such network',
                where=name,
                got=getattr(arch, name),
                allowed=repr(value),
            )


def renamed(
    backbone: Mapping[str, T], keys: Mapping[str, str], package: str, prefix: str = ''
) -> dict[str, T]:
    """The state dict `backbone` of `package` under the names of `keys`, ours to theirs.

    Both have `prefix` before all keys. Counters of batches may be missing, as in old checkpoints.

    Raises:
        CheckpointError: when other keys are missing or left over; names the first.
    """
    wanted = {f'{prefix}{ours}': f'{prefix}{key}' for ours, key in keys.items()}
    theirs = set(wanted.values())
    missing = [
        key
        for key in wanted.values()
        if key not in backbone and not key.endswith('.num_batches_tracked')
    ]
    extra = [key for key in backbone if key not in theirs]
    if missing or extra:
        raise CheckpointError(
            f'not the weights of {package} for this arch: {len(missing)} keys are missing and '
            f'{len(extra)} are left over, this one first',
            where=(missing + extra)[0],
        )
    return {ours: backbone[key] for ours, key in wanted.items() if key in backbone}
