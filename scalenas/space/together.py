"""Genes by the group, as a space draws and reads them, and the networks that it read last."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from scalenas.arch.strict import as_list, is_number

from .gene import MOST_VALUES, Gene, Value, refusal


class Together(NamedTuple):
    """Genes of a space next to each other of which all are active or none: read in one step.

    Attributes:
        parent, active_at, unit: as of each gene.
        rows: name and values of each.
        flags: whether values are true or false.
    """

    parent: str | None
    active_at: frozenset[Value]
    unit: str
    flags: bool
    rows: tuple[tuple[str, tuple[Value, ...]], ...]

    @classmethod
    def of(cls, genes: Iterable[Gene]) -> tuple[Together, ...]:
        """All genes, in their order."""
        runs = itertools.groupby(
            genes, lambda g: (g.parent, g.active_at, g.unit, isinstance(g.values[0], bool))
        )
        return tuple(cls(*key, tuple((g.name, g.values) for g in run)) for key, run in runs)

    def is_active(self, values: Mapping[str, Value]) -> bool:
        """As that of each gene."""
        return self.parent is None or values.get(self.parent) in self.active_at


Weights = Mapping[str, Sequence[float]]
"""Gene name pattern -> relative weight of each of the gene's values."""


def edges_of(
    weights: Weights, genes: Mapping[str, Gene], matching: Callable[[str], Iterable[str]]
) -> dict[str, Sequence[float]]:
    """Gene -> cumulative weights of its values, for `draw`.

    Raises:
        SpaceError: for weights that are no numbers, or another number of them.
    """
    table: dict[str, Sequence[float]] = {}
    for pattern, row in weights.items():
        where = f'weights[{pattern!r}]'
        as_list(row, where, 'numbers', MOST_VALUES)
        numbers = all(is_number(weight) and weight >= 0 for weight in row)
        edges = list(itertools.accumulate(row)) if numbers else []
        if not (edges and edges[-1] > 0):
            raise refusal(where, 'numbers >= 0 that are not all 0', row)
        for name in matching(pattern):
            if len(row) != len(genes[name].values):
                count = f'{len(genes[name].values)}, one for each value of {name}'
                raise refusal(where, count, len(row))
            table[name] = edges
    return table


def draw(values: tuple[Value, ...], edges: Sequence[float] | None, rng: random.Random) -> Value:
    """One of the values: evenly, or by the cumulative weights `edges`."""
    count = len(values)
    if count == 1:
        return values[0]
    if edges is None:
        return values[int(rng.random() * count)]
    return values[bisect.bisect(edges, rng.random() * edges[-1], 0, len(values) - 1)]


A = TypeVar('A')
MOST_RECENT = 256


class Recent(Generic[A]):
    """The genes of some networks, of which a search varies the same ones again and again.

    Networks are known as objects, which costs no look at what they are made of.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[A, dict[str, Value]]] = {}

    def keep(self, arch: A, genes: dict[str, Value]) -> A:
        """The network, whose genes are known from now on; the oldest ones are forgotten."""
        while len(self._kept) >= MOST_RECENT:
            del self._kept[next(iter(self._kept))]
        # While it is kept, no other object has its number.
        self._kept[id(arch)] = arch, genes
        return arch

    def genes(self, arch: object) -> dict[str, Value] | None:
        """Its genes, to be kept as they are; None of one that is not known."""
        arch, genes = self._kept.get(id(arch), (None, None))
        return genes
