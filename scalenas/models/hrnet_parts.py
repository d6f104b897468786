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


@torch.fx.wrap
def upsampled(x: Tensor, factor: int, size: torch.Size, mode: str) -> Tensor:
    """`x` enlarged to `size`, which is about `factor` times its own.

    One node in a graph of torch.fx, for what it computes depends on sizes.
    """
    if mode == 'nearest':
        return F.interpolate(x, size=size, mode=mode)
    # mmseg resizes by the factor first, and again where odd sizes make the peer differ: its
    # weights give its outputs only with the same two steps.
    exact = (x.shape[2] * factor, x.shape[3] * factor)
    x = F.interpolate(x, size=exact, mode=mode, align_corners=False)
    if exact != tuple(size):
        x = F.interpolate(x, size=size, mode=mode, align_corners=False)
    return x


def aligned(coarser: Sequence[tuple[int, Tensor]], own: Tensor) -> bool:
    """True where nearest upsampling to `own` is the same in one step and in many.

    `coarser`: how many halvings a map is away (others than positive are passed over), and the map.
    Doubling, in either way of rounding, repeats pixels: index x >> 1. In one step over n halvings
    it is floor(x * small / large), which is x >> n for all x where and only where
    large >= 2**n * small - 1. Beyond it the last pixels of a map are others.
    """
    return all(
        large >= 2**n * small - 1
        for n, x in coarser
        if n > 1
        for small, large in zip(x.shape[2:], own.shape[2:], strict=True)
    )


def _coarse_to_fine(
    row: nn.ModuleDict,
    target: int,
    sources: tuple[int, ...],
    maps: Sequence[Tensor] | Mapping[int, Tensor],
) -> Tensor:
    """Coarser maps are summed at their own resolutions, so that each is upsampled once."""
    own = maps[target]
    coarse: Tensor | None = None
    for k in reversed([k for k in sources if k > target]):
        term = row[str(k)](maps[k])
        coarse = term if coarse is None else term.add_(_enlarged(coarse, term))
    total = None if coarse is None else _enlarged(coarse, own).add_(own)
    for k in sources:
        if k < target:
            term = row[str(k)](maps[k])
            total = term.add_(own) if total is None else total.add_(term)
    assert total is not None
    return total.relu_()


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode='nearest')


class Branch(nn.Sequential):
    """The residual blocks of one branch; all of them, or those that two fusions enclose."""

    def forward(self, x: Tensor, start: int = 0, stop: int | None = None, *part: int) -> Tensor:
        """x: (N, c, H, W) -> the same shape, through the blocks `start` to `stop` (exclusive).

        Blocks of supernets may run in part.
        """
        for block in list(self)[start:stop]:
            x = block(x, *part)
        return x


class BranchModule(nn.Module):
    """Parallel branches of residual blocks, with fusions after each step.

    Holds the blocks and fusions of `holds`; runs any module that is part of it. `fuse_names[t]`
    names the fusions of step t in the state dict. With `coarse_to_fine` it is for inference alone.
    """

    coarse_to_fine: bool = False

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
            Branch(*(self.make_block(c, n, build) for _ in range(depth)))
            for c, n, depth in zip(
                channels, holds.inner_channels(channels), holds.depths, strict=True
            )
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
        self.channels, self.depths = tuple(channels), holds.depths

    def make_block(self, channels: int, inner: int, build: Build) -> nn.Module:
        """A block of a branch."""
        return basic_block(channels, build, inner)

    def units(self) -> Iterator[nn.Module]:
        """Blocks, and conversions between branches."""
        for branch in self.branches:
            yield from branch.children()
        for name in self.fuse_names:
            for row in self._modules[name].children() if name in self._modules else ():  # type: ignore[union-attr]
                yield from row.children()

    def forward(self, maps: Sequence[Tensor], runs: HRModule) -> list[Tensor]:
        """Map of each branch -> map of each branch, through the parts that `runs` names."""
        maps, done, last = list(maps), [0] * len(maps), runs.num_steps - 1
        for t, rows in enumerate(runs.fusions):
            # A branch waits for fusions that concern it; its blocks up to there run together.
            now = {i for i, sources in enumerate(rows) if sources}.union(*rows)
            for i in range(len(maps)) if t == last else sorted(now):
                stop = min(t + 1, runs.depths[i])
                if done[i] < stop:
                    maps[i] = self._blocks(i, maps[i], done[i], stop, runs)
                    done[i] = stop
            if now:
                table = self._modules[self.fuse_names[t]]
                maps = [
                    self._fused(table[str(i)], i, sources, maps) if sources else maps[i]  # type: ignore[index]
                    for i, sources in enumerate(rows)
                ]
        return maps

    def _blocks(self, branch: int, x: Tensor, start: int, stop: int, runs: HRModule) -> Tensor:
        # Called as the module that it is, so that hooks see it and a replaced one is run.
        module = self.branches[branch]
        whole = (start, stop) == (0, self.depths[branch])
        result: Tensor = module(x) if whole else module(x, start, stop)
        return result

    def _fused(
        self,
        row: nn.ModuleDict,
        target: int,
        sources: tuple[int, ...],
        maps: Sequence[Tensor] | Mapping[int, Tensor],
    ) -> Tensor:
        own = maps[target]
        if self.coarse_to_fine and aligned([(k - target, maps[k]) for k in sources], own):
            return _coarse_to_fine(row, target, sources, maps)
        # Summed with the target in its place among the sources, as HRNet does: the same bits.
        total: Tensor | None = None
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
