"""MACs of very many random MBConv networks at once, without building one of them.

The networks are those that `space.sample` draws, with the same probabilities: every gene is a
column of draws, and every unit is counted by the one counter, once for all networks that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalenas.arch import Head, Layer, MBConvArch, Rounding
from scalenas.arch.mbconv_units import MBUnit, conv_unit
from scalenas.arch.strict import as_int
from scalenas.complexity.columns import macs
from scalenas.space import AbstractSpace, MBConvSpace, ScaledSpace, Value

from .hierarchical import HierarchicalSampler
from .sampler import SamplerError

MOST_NETS = 10_000_000
Column = NDArray[Any]
Draws = dict[str, Column]
"""Gene -> its value in each network; also for genes that are not active there."""


def draw_many(
    space: AbstractSpace[Any],
    num: int,
    seed: int = 0,
    weights: Mapping[str, tuple[float, ...]] | None = None,
) -> Draws:
    """So many random networks as columns; `weights` of a gene's values by its name."""
    rng = np.random.default_rng(as_int(seed, 'seed', 0))
    as_int(num, 'number of networks', 1, MOST_NETS)
    draws: Draws = {}
    for name, gene in space.genes.items():
        row = (weights or {}).get(name)
        picks = rng.choice(len(gene.values), num, p=None if row is None else np.array(row))
        draws[name] = np.array(gene.values)[picks]
    return draws


def row_of(draws: Draws, index: int) -> dict[str, Value]:
    """The genes of one of the networks, for `space.decode`."""
    return {name: column[index].item() for name, column in draws.items()}


def macs_of_samplings(
    space: ScaledSpace[Any],
    num: int,
    seed: int = 0,
    eta: str | Sequence[float] = 'equal',
    head: Head | None = None,
) -> dict[str, Column]:
    """MACs of so many paths drawn hierarchically, and so many drawn uniformly.

    Source: ScaleNet (Xie et al. 2022), figure 3.
    """
    weights, merged = {'scale.stage': HierarchicalSampler(space, eta=eta).eta}, space.merged()
    return {
        'hierarchical': many_macs(space, draw_many(space, num, seed, weights), head),
        'uniform': many_macs(merged, draw_many(merged, num, seed), head),
    }


def many_macs(space: AbstractSpace[Any], draws: Draws, head: Head | None = None) -> Column:
    """MACs of each network at its own resolution, with a head on it.

    Raises:
        SamplerError: for a space that is neither of MBConv networks nor scaled from one.
    """
    base, grow = space, _Growth(draws, None)
    if isinstance(space, ScaledSpace):
        base, grow = space.base, _Growth(draws, space.rounding)
    if not isinstance(base, MBConvSpace):
        got = type(space).__name__
        raise SamplerError(where='space', got=got, allowed='a space of MBConv networks')
    template: MBConvArch = base.smallest()
    rule, stem_side = template.squeeze, grow.resolution(draws['resolution'])
    c_in, side = grow.width(draws['stem'], grow.stem), -(-stem_side // 2)
    total = _each(
        lambda c, r: _macs(conv_unit(template.in_channels, c, 3, 2, (r, r)).layers()),
        c_in,
        stem_side,
    )
    for s, stage in enumerate(base.stages, 1):
        width, depth = grow.width(draws[f's{s}.width']), draws[f's{s}.depth']
        deep = grow.depth(depth)
        out = -(-side // stage.stride)

        def first(
            c: int, w: int, r: int, k: int, e: int, se: int, stride: int = stage.stride
        ) -> int:
            squeeze, project = rule(c, e) if se else 0, template.shortcut == 'projected'
            return _macs(MBUnit(c, w, k, e, squeeze, stride, (r, r), project).layers())

        def later(w: int, r: int, k: int, e: int, se: int) -> int:
            return _macs(MBUnit(w, w, k, e, rule(w, e) if se else 0, 1, (r, r)).layers())

        for b in range(max(stage.depth)):
            choice = [draws[f's{s}.b{b}.{key}'] for key in ('kernel', 'expand', 'se')]
            if b == 0:
                total += _each(first, c_in, width, side, *choice)
            # A block runs once where there is one, and again for every repetition of the last.
            times = (depth > b) * (b > 0) + (depth == b + 1) * (deep - depth)
            total += times * _each(later, width, out, *choice)
        c_in, side = width, out
    conv_out = grow.width(draws['conv_out'], grow.head)
    total += _each(
        lambda c, w, r: _macs(conv_unit(c, w, 1, 1, (r, r)).layers()), c_in, conv_out, side
    )
    if head is not None:
        top = head

        def on_top(c: int, r: int) -> int:
            features = template.with_(conv_out=c).features((r, r))
            return _macs(tuple(top.layers(features)))

        total += _each(on_top, conv_out, stem_side)
    return total


class _Growth:
    """The scaling of every network, under the rules of the space; none without rules."""

    def __init__(self, draws: Draws, rounding: Rounding | None) -> None:
        self.rounding = rounding
        self.stem = rounding is None or rounding.stem
        self.head = rounding is None or rounding.head
        if rounding is None:
            return
        stage = draws['scale.stage']
        self._by = {
            name: np.choose(stage, [draws[f'scale.s{j}.{name}'] for j in range(stage.max() + 1)])
            for name in ('depth', 'width', 'resolution')
        }

    def _grown(self, name: str, column: Column, rule: Callable[[float], int]) -> Column:
        factors, which = np.unique(self._by[name], return_inverse=True)
        values, what = np.unique(column, return_inverse=True)
        table = np.array([[rule(v * f) for f in factors.tolist()] for v in values.tolist()])
        return np.asarray(table[what, which])

    def width(self, column: Column, scaled: bool = True) -> Column:
        """Scaled channels."""
        if self.rounding is None or not scaled:
            return column
        return self._grown('width', column, self.rounding.width)

    def depth(self, column: Column) -> Column:
        """Scaled numbers of blocks."""
        if self.rounding is None:
            return column
        return self._grown('depth', column, self.rounding.depth)

    def resolution(self, column: Column) -> Column:
        """Scaled image sides."""
        if self.rounding is None:
            return column
        return self._grown('resolution', column, self.rounding.resolution)


def _each(function: Callable[..., int], *columns: Column) -> Column:
    """`function` of every row, asked once for equal rows."""
    key: Column = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        assert 0 <= column.min() <= column.max() < 4096, column.max()
        key = key * 4096 + column if key.max() < 2**50 else _renumbered(key) * 4096 + column
    _, where, which = np.unique(key, return_index=True, return_inverse=True)
    rows = zip(*(column[where].tolist() for column in columns), strict=True)
    return np.array([function(*row) for row in rows], np.int64)[which]


def _renumbered(key: Column) -> Column:
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def _macs(layers: tuple[Layer, ...]) -> int:
    return sum(map(macs, layers))
