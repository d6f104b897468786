"""Weights that mmpretrain or timm trained, as those of classifiers with a backbone from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scalenas.arch import Arch, MBConvArch, RegNetArch
from scalenas.errors import CheckpointError

from .checkpoint import check_values, misfits
from .mbconv import ScaleMBConvNet
from .mmpretrain_keys import from_mmpretrain
from .regnet import ScaleRegNet
from .timm_keys import from_timm

SOURCES = ('mmpretrain', 'timm', 'timm-tf')
"""Who trained the weights; `timm-tf` are timm's networks whose names begin with `tf_`."""
TENSORFLOW: dict[str, Any] = {
    'conv_cfg': {'type': 'Conv2dAdaptivePadding'},
    'norm_cfg': {'type': 'BN', 'eps': 1e-3},
}
"""What the networks that were first trained in TensorFlow, and mmpretrain's, compute with."""


def backbone_for(arch: Arch, source: str) -> dict[str, Any]:
    """The config of the backbone that computes with weights of `source` what it computed there.

    Raises:
        CheckpointError: for a family that has no such weights.
    """
    options = TENSORFLOW if source != 'timm' and isinstance(arch, MBConvArch) else {}
    return {'type': f'scalenas.{_net(arch).__name__}', 'arch': arch.to_dict(), **options}


def caveat(arch: Arch, source: str) -> str:
    """What the weights alone cannot tell about the network that they are from; mostly nothing."""
    if source == 'timm' and isinstance(arch, MBConvArch):
        return "only if timm's name does not begin with `tf_`; those are timm-tf"
    bare_z = isinstance(arch, RegNetArch) and arch.block == 'z' and arch.conv_out is None
    if source != 'mmpretrain' and bare_z:
        return 'timm applies one more SiLU to the last map before it pools; here it is missing'
    return ''


def from_source(
    state: Mapping[str, Tensor], arch: Arch, source: str, where: str
) -> dict[str, Tensor]:
    """A state dict of `source` as one of an mmpretrain classifier with `arch` as its backbone.

    Every weight of the backbone is there, and has its shape.

    Raises:
        CheckpointError: for weights that are missing, left over or of another shape, and for a
            family that has no such weights.
    """
    with torch.device('meta'):
        own = {f'backbone.{k}': v for k, v in _net(arch)(arch.to_dict()).state_dict().items()}
    assert isinstance(arch, MBConvArch | RegNetArch)
    rename = from_mmpretrain if source == 'mmpretrain' else from_timm
    try:
        found = rename(state, arch)
    except CheckpointError as error:
        error.where = f'{where}: {error.where}' if error.where else where
        raise
    # Old checkpoints do not count batches.
    counters = (key for key in own if key.endswith('.num_batches_tracked') and key not in found)
    found |= {key: torch.zeros((), dtype=torch.long) for key in counters}
    of_backbone = {key: found[key] for key in own}
    if wrong := misfits(own, of_backbone):
        raise CheckpointError(f'not the weights of {source} for this arch: {wrong}', where=where)
    check_values(own, of_backbone, where)
    return found


def _net(arch: Arch) -> type[ScaleMBConvNet] | type[ScaleRegNet]:
    if isinstance(arch, MBConvArch):
        return ScaleMBConvNet
    if isinstance(arch, RegNetArch):
        return ScaleRegNet
    raise CheckpointError(
        'no weights of other packages are renamed for this family',
        got=arch.family,
        allowed=(MBConvArch.family, RegNetArch.family),
        hint="mmpretrain's HRNet has the same names here: load its weights as they are",
    )
