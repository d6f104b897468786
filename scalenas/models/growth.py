"""A supernet that starts as a network which is already trained, and computes what that computes.

The network is a sub-net of the space: its weights go into its slices. Blocks and fusions that it
has not begin as identities, for their last norms are zero, weight and bias: the sub-nets that only
add such parts compute the same as well, and gradients reach what was added through the norms. So do
sub-nets with more channels inside blocks of an HRNet, under batch norms: what reads these channels
begins at zero. What is not preserved: sub-nets that lack a part of the network, such as those of
fewer blocks, and where a space of MBConv networks has wider channels or larger kernels, the
sub-nets that use them.

Source of the identities: Net2Net (Chen et al. 2016), section 2.3; of zeros in the last norms: Goyal
et al. 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalenas.arch import Arch, of_family
from scalenas.errors import CheckpointError
from scalenas.family import with_field
from scalenas.space import SpaceError

from .pretrained import from_source
from .supernet import Supernet
from .weights import check_values, misfits


@dataclass(frozen=True)
class StockNet:
    """A trained network of the space, whoever trained it.

    Attributes:
        arch: what it is.
        backbone: its weights, under the state-dict keys of the static net.
        rest: all other entries of its state dict, such as those of a head.
        unread: keys that no task model of OpenMMLab has, such as those of timm's classifier.
    """

    arch: Arch
    backbone: Mapping[str, Tensor]
    rest: Mapping[str, Tensor]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adopted:
    """A supernet around the backbone that a config of another package describes.

    Attributes:
        arch: the backbone itself, or where there is none to be seen, the usual one of the family.
        net: the supernet as a config describes it, but for `space`.
        space: its space, as plain data; `width` of it is what channels are multiples of.
        sampler: what trains it.
        start: besides a checkpoint, what `init_from` needs to read a trained one.
    """

    arch: Arch
    net: Mapping[str, Any]
    space: Mapping[str, Any]
    sampler: Mapping[str, Any]
    start: Mapping[str, Any] = field(default_factory=dict)


def read_stock(
    state: Mapping[str, Tensor],
    supernet: Supernet[Any],
    where: Path | str,
    arch: Arch | None = None,
    source: str = '',
) -> StockNet:
    """The network of the supernet's space that a state dict of another package holds.

    Args:
        arch: what it is, where the names and shapes of weights do not tell.
        source: with `arch`, the package that trained it: one of the family's `weights`.

    Raises:
        CheckpointError: when the family of the space has none.
        SpaceError: when the network is not in the space.
    """
    family = supernet.space.family
    if arch is not None:
        kind = type(supernet.active_arch)
        whole = from_source(state, of_family(arch, kind, 'arch'), source, str(where))
        own: dict[str, Tensor] = {}
        rest: dict[str, Tensor] = {}
        for key, value in whole.items():
            (own if key.startswith('backbone.') else rest)[key.removeprefix('backbone.')] = value
        return _checked(StockNet(arch, own, rest), supernet, where)
    if family.stock is None:
        having = ', '.join(each.name for each in with_field('stock'))
        raise CheckpointError(
            'nobody said how weights of other packages are read',
            where=f'family {family.name}',
            allowed=f'a supernet of {having}',
            hint='or say arch=... and source=...',
        )
    return _checked(family.stock(state, supernet.space, where), supernet, where)


def _checked(net: StockNet, supernet: Supernet[Any], where: Path | str) -> StockNet:
    try:
        supernet.space.encode(net.arch)
    except SpaceError as error:
        raise error.of(where) from None
    check_values(net.backbone, net.backbone, where)
    return net


@torch.no_grad()
def grow(supernet: Supernet[Any], net: StockNet, where: Path | str) -> list[str]:
    """Puts `net` into the supernet; names of the norms that were set to zero.

    Raises:
        SpaceError: when the arch is not in the space.
        CheckpointError: for weights that are missing or of another shape.
    """
    own = supernet.state_dict(keep_vars=False)
    parts = supernet.slices(net.arch)
    wanted = {key: part.of(own) for key, part in parts.items()}
    counters = {
        key: torch.zeros((), dtype=torch.long)
        for key in wanted
        if key.endswith('.num_batches_tracked') and key not in net.backbone
    }
    given = {**net.backbone, **counters}
    if wrong := misfits(wanted, given):
        raise CheckpointError(f'not the weights of the network that it seems: {wrong}', where=where)
    for key, value in wanted.items():
        value.copy_(given[key])
    for key, index in supernet.neutral_weights(net.arch).items():
        own[key][index].zero_()
    zeroed = sorted(supernet.neutral_norms(net.arch))
    for name in zeroed:
        norm = supernet.get_submodule(name)
        for param in norm.parameters(recurse=False):
            param.zero_()
    return zeroed
