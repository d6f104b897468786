"""Who builds what: the static backbone of every family, and that of every supernet's sub-nets."""

from __future__ import annotations

from typing import TypeGuard

from torch import nn

from scalenas.arch import Arch, ArchError, HRArch, MBConvArch, RegNetArch

from .hrnet import ScaleHRNet
from .mbconv import ScaleMBConvNet
from .super_hrnet import SuperScaleHRNet
from .super_mbconv import ChoiceMBConvNet, SuperMBConvNet

BACKBONES: dict[str, str] = {
    HRArch.family: 'scalenas.ScaleHRNet',
    MBConvArch.family: 'scalenas.ScaleMBConvNet',
    RegNetArch.family: 'scalenas.ScaleRegNet',
}
"""Family of an arch -> type of its backbone."""


def backbone_type(arch: Arch) -> str:
    """The type of an arch's backbone in configs.

    Raises:
        ArchError: for a family that was registered without one.
    """
    if arch.family not in BACKBONES:
        raise ArchError(
            'no backbone is registered for this family',
            got=arch.family,
            allowed=BACKBONES,
            hint='add it to `scalenas.models.families.BACKBONES`',
        )
    return BACKBONES[arch.family]


Supernet = SuperScaleHRNet | SuperMBConvNet | ChoiceMBConvNet
"""`with supernet.active(arch)`, `space`, `resizes`, `slices`, `live_norms`, `live_parameters`."""

FAMILIES: dict[type[nn.Module], type[nn.Module]] = {
    SuperScaleHRNet: ScaleHRNet,
    SuperMBConvNet: ScaleMBConvNet,
    ChoiceMBConvNet: ScaleMBConvNet,
}
"""Supernet -> its static backbone. One more way to share weights is one more entry."""


def is_supernet(module: nn.Module) -> TypeGuard[Supernet]:
    """True for a backbone of which any sub-net can run."""
    return type(module) in FAMILIES


def supernet_types() -> str:
    """Their names in configs, for messages."""
    return ' or '.join(f"'scalenas.{kind.__name__}'" for kind in FAMILIES)
