"""What to train next: uniform, sandwich, grouped, hierarchical and fixed sampling. No torch."""

import inspect
from collections.abc import Mapping
from typing import Any

from scalenas.space import AbstractSpace

from .hierarchical import HierarchicalSampler, parse_eta
from .sampler import (
    AbstractSampler,
    FixedSampler,
    GroupedSampler,
    SamplerError,
    SandwichSampler,
    UniformSampler,
)

SAMPLERS: dict[str, type[AbstractSampler[Any]]] = {
    'grouped': GroupedSampler,
    'sandwich': SandwichSampler,
    'uniform': UniformSampler,
    'fixed': FixedSampler,
    'hierarchical': HierarchicalSampler,
}
"""Name in a config -> sampler."""


def from_dict(
    data: object, space: AbstractSpace[Any], where: str = 'sampler'
) -> AbstractSampler[Any]:
    """The sampler that a config describes, e.g. `dict(type='grouped', seed=0)`.

    Raises:
        SamplerError: for an unknown type or key, with the nearest known one.
    """
    if not isinstance(data, Mapping) or 'type' not in data:
        kinds = ', '.join(SAMPLERS)
        raise SamplerError(where=where, got=data, allowed=f"a mapping with 'type' ({kinds})")
    kind, rest = data['type'], {k: v for k, v in data.items() if k != 'type'}
    if not isinstance(kind, str) or kind not in SAMPLERS:
        raise SamplerError(where=f'{where}.type', got=kind, allowed=SAMPLERS)
    known = [name for name in inspect.signature(SAMPLERS[kind]).parameters if name != 'space']
    for key in rest:
        if key not in known:
            raise SamplerError(f'unknown key of {kind!r}', where=where, got=key, allowed=known)
    return SAMPLERS[kind](space, **rest)


__all__ = [
    'SAMPLERS',
    'AbstractSampler',
    'FixedSampler',
    'GroupedSampler',
    'HierarchicalSampler',
    'SamplerError',
    'SandwichSampler',
    'UniformSampler',
    'from_dict',
    'parse_eta',
]
