"""HRNets for inference alone: ours without dead parts, and those that other packages built."""

from __future__ import annotations

from typing import Any

from torch import nn

from scalenas.arch import ArchError, HRArch
from scalenas.arch.hrnet import pruned

from .hrnet import HRNet
from .hrnet_extra import resolve_arch
from .hrnet_parts import BranchModule
from .layers import norm_abbreviation
from .super_hrnet import keys_within


def for_inference(module: nn.Module) -> nn.Module | None:
    """A network that computes what `module` computes; None for one that is no HRNet.

    What nothing reads is left out, and maps of coarser branches are summed before they are
    upsampled (`BranchModule.coarse_to_fine`).
    """
    net = module if isinstance(module, HRNet) else of_another_package(module)
    if net is None:
        return None
    net = without_dead(net)
    for part in net.modules():
        if isinstance(part, BranchModule):
            part.coarse_to_fine = part.upsample == 'nearest'
    return net


def without_dead(net: HRNet) -> HRNet:
    """The network of the pruned arch, with the same weights; `net` where nothing is dead."""
    whole, part = net.arch, pruned(net.arch)
    if part == whole:
        return net
    build, state = net.build, net.state_dict()
    left = _like(HRNet(part, build.conv_cfg, build.norm_cfg), net)
    names = keys_within(whole, part, norm_abbreviation(build.norm_cfg))
    left.load_state_dict({own: state[key] for own, key in names.items()})
    return left


def of_another_package(module: Any) -> HRNet | None:
    """A network that HRNet of an OpenMMLab package built, as one of ours with its weights.

    None for other modules, and for networks that ours cannot be: with plug-ins, or bottlenecks in
    later stages.
    """
    if type(module).__name__ != 'HRNet' or not hasattr(module, 'extra'):
        return None
    # mmseg's upsampling is a class of its own, of the same name.
    modes = {(m.mode, m.align_corners) for m in module.modules() if type(m).__name__ == 'Upsample'}
    if len(modes) > 1:
        return None
    multi = all(part.multiscale_output for part in module.stage4)
    try:
        arch: HRArch = resolve_arch(
            None, module.extra, module.conv1.in_channels, multi, _mode(*modes)
        )
    except ArchError:
        return None
    net = _like(HRNet(arch, module.conv_cfg, module.norm_cfg), module)
    state = module.state_dict()
    if {k: v.shape for k, v in net.state_dict().items()} != {k: v.shape for k, v in state.items()}:
        return None
    net.load_state_dict(state)
    return net


def _mode(given: tuple[str, bool | None] = ('nearest', None)) -> dict[str, Any]:
    return {'mode': given[0], 'align_corners': given[1]}


def _like(net: HRNet, other: nn.Module) -> HRNet:
    weight = next(other.parameters())
    net.to(weight.device, weight.dtype)
    return net
