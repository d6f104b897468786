"""The building blocks of HRNet-style networks, as hashable values that list their layers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .layer import BasicBlock, InnerBlock, Kit, Layer, Size, Unit, out_size


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
class Series:
    """Units one after another: what networks have in common, counted as one."""

    units: tuple[Unit, ...]

    def layers(self) -> tuple[Layer, ...]:
        """The layers of all."""
        return tuple(layer for unit in self.units for layer in unit.layers())


MOST_KITS = 4096
"""Kits of inner blocks that a stage keeps."""


class StageUnits:
    """The distinct blocks and fusion rows of a stage, one object each.

    Networks of a space share these few units, so that a counter finds them by identity.
    """

    def __init__(self, channels: tuple[int, ...], sizes: tuple[Size, ...]) -> None:
        self.blocks = [BasicBlock(c, s) for c, s in zip(channels, sizes, strict=True)]
        self._channels, self._sizes = channels, sizes
        self._inner: dict[tuple[int, int], InnerBlock] = {}
        self._rows: dict[tuple[int, tuple[int, ...]], FuseRow] = {}
        self._kits: dict[tuple[int, ...], Kit] = {}

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

    def kit_of(self, inner: tuple[int, ...]) -> Kit:
        """The blocks of all branches, as `blocks_of` has them."""
        known = self._kits.get(inner)
        if known is None:
            if len(self._kits) >= MOST_KITS:
                self._kits.clear()
            known = self._kits[inner] = Kit(tuple(self.blocks_of(inner)))
        return known

    @property
    def parts(self) -> Iterator[Unit]:
        """What the fields of a tally count: the block of each branch, then each fusion alone."""
        yield from self.blocks
        for i, k in itertools.permutations(range(len(self.blocks)), 2):
            yield self.row(i, (k,))

    def row(self, target: int, sources: tuple[int, ...]) -> FuseRow:
        """The fusion row that adds `sources` to branch `target`."""
        known = self._rows.get((target, sources))
        if known is None:
            known = self._rows[target, sources] = FuseRow(
                target, sources, self._channels, self._sizes
            )
        return known


@lru_cache(maxsize=256)
def stage_units(channels: tuple[int, ...], sizes: tuple[Size, ...]) -> StageUnits:
    """The shared units of all stages with these channels and sizes."""
    return StageUnits(channels, sizes)
