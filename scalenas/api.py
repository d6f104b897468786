"""What a notebook needs: which networks are there, and one of them as a module."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scalenas.family import family_named, family_of

if TYPE_CHECKING:
    from torch import nn

    from scalenas.arch import Arch
    from scalenas.models.backbone import AbstractBackbone
    from scalenas.models.supernet import Supernet


def list_archs(pattern: str = '*', *, family: str | None = None) -> list[str]:
    """Names of the shipped archs that a pattern such as `'regnet*'` matches, sorted.

    Raises:
        UserError: for a family that nobody registered.
    """
    from scalenas import arch

    if family is not None:
        family_named(family)
    return fnmatch.filter(arch.list_archs(family), pattern)


def grow(model: nn.Module, depth: Sequence[int] | None = None, **options: Any) -> Supernet[Any]:
    """A supernet that starts as the trained HRNet in `model`: of mmseg, mmpose, mmdet, mmpretrain,
    timm, or one of this package, alone or as the backbone of a task model.

    An ordinary module: it takes images (N, C, H, W) and gives feature maps as the HRNet does, with
    the same values, for what was added begins as identities. `with supernet.active(arch)` runs
    another network of `supernet.space`; `model` itself is not changed.

    Args:
        depth: blocks that a branch of a module may have; default: two less than now to one more.
        options: of the supernet, such as `norm_cfg` or `frozen_stages`.

    Raises:
        UserError: for a model without such a network, or depths without those that it has.
    """
    from scalenas.errors import UserError
    from scalenas.family import loaded, with_field
    from scalenas.models.growth import grow as put
    from scalenas.models.growth import read_stock

    for family in with_field('stock_space'):
        space = family.stock_space(model, depth, 'grow')
        if space is None:
            continue
        supernet: Supernet[Any] = loaded(family.supernets[0])(space, **options)
        supernet.to(next(model.parameters()))
        put(supernet, read_stock(model.state_dict(), supernet, 'grow'), 'grow')
        supernet.train(model.training)
        return supernet
    kinds = ', '.join(family.name for family in with_field('stock_space'))
    raise UserError('holds none of these', where='grow', got=type(model).__name__, allowed=kinds)


def create(arch: Arch | Mapping[str, Any] | str, **options: Any) -> AbstractBackbone:
    """The backbone of an arch as a `torch.nn.Module`, with weights as `init_weights` draws them.

    It takes images `(N, in_channels, H, W)` and returns a tuple of feature maps, fine to coarse,
    whose channels and strides are `arch.features((H, W))`.

    Args:
        arch: a name of `list_archs()`, the path of an arch in YAML, plain data, or an arch.
        options: those of the family's backbone, such as `norm_cfg`, `frozen_stages`, or
            `pretrained='exported/mine.pth'` for weights that were exported.

    Raises:
        ArchError: when it is no arch, or its family has no backbone.
        CheckpointError: when the weights are not there or do not fit.
    """
    from mmengine.logging import MMLogger

    from scalenas.arch import ArchError, find

    network = find(arch)
    family = family_of(network)
    if family.net is None:
        raise ArchError('this family has no backbone', where='arch.family', got=family.name)
    try:
        net: AbstractBackbone = family.net(arch=network, **options)
    except TypeError as error:
        raise ArchError(
            f'takes no such options: {error}', where=f'create: {family.net_type}', got=options
        ) from None
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)  # mmengine tells of every tensor
    try:
        net.init_weights()
    finally:
        logger.setLevel(level)
    return net
