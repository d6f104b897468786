"""The building blocks of HRNet-style networks, as hashable values that list their layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .layer import BasicBlock, InnerBlock, Layer, Size, out_size


class Stem(NamedTuple):
    """Two 3x3 convolutions of stride 2."""

    c_in: int
    c_out: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """conv1 and conv2."""
        half = out_size(self.size, 2)
        return (
            Layer('conv1', self.c_in, self.c_out, 3, self.size, stride=2),
            Layer('conv2', self.c_out, self.c_out, 3, half, stride=2),
        )


class Transition(NamedTuple):
    """3x3 convolution that opens a branch (stride 2) or changes its channels (stride 1)."""

    c_in: int
    c_out: int
    stride: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """One convolution."""
        return (Layer('0', self.c_in, self.c_out, 3, self.size, stride=self.stride),)


@dataclass(frozen=True, slots=True, eq=False)
class FuseRow:
    """What is added to one branch after a step: a conversion for each source.

    From a coarser branch: 1x1 convolution at the coarse size, then upsampling.
    From a finer branch: a 3x3 stride-2 convolution per halving; only the last changes channels.
    """

    target: int
    sources: tuple[int, ...]
    channels: tuple[int, ...]
    sizes: tuple[Size, ...]

    def layers(self) -> tuple[Layer, ...]:
        """The convolutions of all sources."""
        i, plan = self.target, []
        for k in self.sources:
            c_in, c_out = self.channels[k], self.channels[i]
            if k > i:
                plan.append(Layer(f'{k}.0', c_in, c_out, 1, self.sizes[k]))
            else:
                for n in range(i - k):
                    last = c_out if n == i - k - 1 else c_in
                    plan.append(Layer(f'{k}.{n}.0', c_in, last, 3, self.sizes[k + n], stride=2))
        return tuple(plan)


@dataclass(frozen=True, slots=True, eq=False)
class FuseStep:
    """All fusion rows after one step: as a unit of their own, what counting looks up at once."""

    united: tuple[FuseRow, ...]

    def layers(self) -> tuple[Layer, ...]:
        """The convolutions of all rows."""
        return tuple(layer for row in self.united for layer in row.layers())


class StageUnits:
    """The distinct blocks and fusion rows of a stage, one object each.

    Networks of a space share these few units, so that a counter finds them by identity, without
    hashing channels and sizes again for every one of a hundred rows.
    """

    def __init__(self, channels: tuple[int, ...], sizes: tuple[Size, ...]) -> None:
        self.blocks = [BasicBlock(c, s) for c, s in zip(channels, sizes, strict=True)]
        self._channels, self._sizes = channels, sizes
        self._inner: dict[tuple[int, int], InnerBlock] = {}
        self._rows: dict[tuple[int, tuple[int, ...]], FuseRow] = {}
        self.steps = _Steps(self)

    def block(self, branch: int, inner: int) -> BasicBlock | InnerBlock:
        """The block of a branch with so many inner channels."""
        if inner == self._channels[branch]:
            return self.blocks[branch]
        known = self._inner.get((branch, inner))
        if known is None:
            known = self._inner[branch, inner] = InnerBlock(
                self._channels[branch], inner, self._sizes[branch]
            )
        return known

    def blocks_of(self, inner: Sequence[int]) -> Sequence[BasicBlock | InnerBlock]:
        """The block of each branch, with these inner channels; () for those of the branches."""
        return [self.block(i, n) for i, n in enumerate(inner)] if inner else self.blocks

    def row(self, target: int, sources: tuple[int, ...]) -> FuseRow:
        """The fusion row that adds `sources` to branch `target`."""
        known = self._rows.get((target, sources))
        if known is None:
            known = self._rows[target, sources] = FuseRow(
                target, sources, self._channels, self._sizes
            )
        return known


MOST_STEPS = 16384
"""Steps that a stage keeps: all of four branches, and some of the many of more."""


class _Steps(dict[tuple[tuple[int, ...], ...], FuseStep]):
    """Sources of every branch -> the one object for fusions after a step with these."""

    def __init__(self, units: StageUnits) -> None:
        super().__init__()
        self._units = units

    def __missing__(self, sources: tuple[tuple[int, ...], ...]) -> FuseStep:
        if len(self) >= MOST_STEPS:
            self.clear()
        rows = (self._units.row(i, row) for i, row in enumerate(sources) if row)
        step = self[sources] = FuseStep(tuple(rows))
        return step


@lru_cache(maxsize=256)
def stage_units(channels: tuple[int, ...], sizes: tuple[Size, ...]) -> StageUnits:
    """The shared units of all stages with these channels and sizes."""
    return StageUnits(channels, sizes)
