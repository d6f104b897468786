"""Units of HRNet-style networks that are no module of their own, as modules: stem and fusions."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from scalenas.arch.hrnet_units import FuseRow, Stem

from .hrnet_parts import BranchModule

Shape = tuple[int, int, int]


class Row(nn.Module):
    """What is added to one branch: the branch's map and those of its sources -> its new map."""

    def __init__(self, of: BranchModule, row: nn.ModuleDict, unit: FuseRow) -> None:
        super().__init__()
        self.row, self.unit = row, unit
        self.of = copy.copy(of)  # without the rest of its modules
        self.of._modules = {}

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps of the target and the sources, fine to coarse -> the target's map."""
        branches = sorted((*self.unit.sources, self.unit.target))
        return self.of._fused(
            self.row, self.unit.target, self.unit.sources, dict(zip(branches, maps, strict=True))
        )


def unit_net(net: Any, name: str, unit: Any) -> tuple[nn.Module, list[Shape]] | None:
    """Module and input shapes of a stem or a fusion; None for what is a module of the net."""
    if isinstance(unit, Stem):
        parts: list[nn.Module] = []
        for conv, norm in net._stem:
            parts += [net.get_submodule(conv), net.get_submodule(norm), nn.ReLU(inplace=True)]
        return nn.Sequential(*parts), [(unit.c_in, *unit.size)]
    if isinstance(unit, FuseRow):
        of = net.get_submodule('.'.join(name.split('.')[:2]))
        row = Row(of, net.get_submodule(name), unit)
        branches = sorted((*unit.sources, unit.target))
        return row, [(unit.channels[b], *unit.sizes[b]) for b in branches]
    return None
