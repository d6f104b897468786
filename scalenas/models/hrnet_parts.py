"""The parts of HRNet-style networks: transitions, and modules of branches.

Module paths, and so state-dict keys, are those of HRNet in the OpenMMLab packages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch.hrnet_module import HRModule

from .blocks import basic_block
from .layers import Build


def transition(previous: Sequence[int], channels: Sequence[int], build: Build) -> nn.ModuleDict:
    """What opens new branches (stride 2 from the coarsest), or changes a branch's channels."""
    layers: dict[str, nn.Module] = {}
    for i, c in enumerate(channels):
        if i >= len(previous):
            layers[str(i)] = nn.Sequential(build.unit(previous[-1], c, 3, 2, relu=True))
        elif previous[i] != c:
            layers[str(i)] = build.unit(previous[i], c, 3, 1, relu=True)
    return nn.ModuleDict(layers)


def conversion(channels: Sequence[int], target: int, source: int, build: Build) -> nn.Sequential:
    """From the map of one branch to channels (and, downwards, size) of another.

    From coarser: 1x1 convolution, upsampling is left to the sum. From finer: a 3x3 stride-2
    convolution per halving, of which the last changes channels and has no ReLU.
    """
    c_in, c_out = channels[source], channels[target]
    if source > target:
        return build.unit(c_in, c_out, 1, 1, relu=False)
    down = [build.unit(c_in, c_in, 3, 2, relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*down, build.unit(c_in, c_out, 3, 2, relu=False))


def upsampled(x: Tensor, factor: int, size: torch.Size, mode: str) -> Tensor:
    """`x` enlarged to `size`, which is about `factor` times its own."""
    if mode == 'nearest':
        return F.interpolate(x, size=size, mode=mode)
    # mmseg resizes by the factor first, and again where odd sizes make the peer differ: its
    # weights give its outputs only with the same two steps.
    exact = (x.shape[2] * factor, x.shape[3] * factor)
    x = F.interpolate(x, size=exact, mode=mode, align_corners=False)
    if exact != tuple(size):
        x = F.interpolate(x, size=size, mode=mode, align_corners=False)
    return x


class BranchModule(nn.Module):
    """Parallel branches of residual blocks, with fusions after each step.

    Holds the blocks and fusions of `holds`; runs any module that is part of it. `fuse_names[t]`
    names the fusions of step t in the state dict.
    """

    def __init__(
        self,
        channels: Sequence[int],
        holds: HRModule,
        fuse_names: Sequence[str],
        upsample: str,
        build: Build,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(basic_block(c, build) for _ in range(depth)))
            for c, depth in zip(channels, holds.depths, strict=True)
        )
        for name, rows in zip(fuse_names, holds.fusions, strict=True):
            table = {
                str(i): nn.ModuleDict({str(k): conversion(channels, i, k, build) for k in sources})
                for i, sources in enumerate(rows)
                if sources
            }
            if table:
                self.add_module(name, nn.ModuleDict(table))
        self.fuse_names = tuple(fuse_names)
        self.upsample = upsample

    def units(self) -> Iterator[nn.Module]:
        """Blocks, and conversions between branches."""
        for branch in self.branches:
            yield from branch.children()
        for name in self.fuse_names:
            for row in self._modules[name].children() if name in self._modules else ():  # type: ignore[union-attr]
                yield from row.children()

    def forward(self, maps: Sequence[Tensor], runs: HRModule) -> list[Tensor]:
        """Map of each branch -> map of each branch, through the parts that `runs` names."""
        maps = list(maps)
        for t, rows in enumerate(runs.fusions):
            for i, depth in enumerate(runs.depths):
                if t < depth:
                    maps[i] = self.branches[i][t](maps[i])  # type: ignore[index]
            if any(rows):
                table = self._modules[self.fuse_names[t]]
                maps = [
                    self._fused(table[str(i)], i, sources, maps) if sources else maps[i]  # type: ignore[index]
                    for i, sources in enumerate(rows)
                ]
        return maps

    def _fused(
        self,
        row: nn.ModuleDict,
        target: int,
        sources: tuple[int, ...],
        maps: Sequence[Tensor] | Mapping[int, Tensor],
    ) -> Tensor:
        # Summed with the target in its place among the sources, as HRNet does: the same bits.
        total: Tensor | None = None
        own = maps[target]
        for k in sorted((*sources, target)):
            if k == target:
                term = own
            else:
                term = row[str(k)](maps[k])
                if k > target:
                    term = upsampled(term, 2 ** (k - target), own.shape[2:], self.upsample)
            if total is None:
                total = term
            elif total is own:
                total = total + term
            else:
                total += term
        assert total is not None
        return F.relu(total, inplace=True)
