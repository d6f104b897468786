"""Networks as rows of numbers: what a predictor reads, and where offspring are made by the hundred.

A row has a column for each gene of a space, in its order: the position of the gene's value among
its values, small to large, or -1 where the gene is inactive. Equal networks have equal rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalenas.arch import Arch
from scalenas.space import AbstractSpace

Rows = NDArray[np.int16]
Table = NDArray[np.float64]

INACTIVE = -1
NUMBER = re.compile(r'\d+')
MOST_NUMBERS = 5  # in a gene's name, of which every choice is one more group
MOST_FREE = 600  # genes; of more, only single ones and those with all numbers left out


class GeneMatrix:
    """The genes of a space as columns."""

    def __init__(self, space: AbstractSpace[Any]) -> None:
        self.space = space
        genes = list(space.genes.values())
        place = {gene.name: j for j, gene in enumerate(genes)}
        self.counts = np.array([len(gene.values) for gene in genes], np.int16)
        self._positions = [{v: i for i, v in enumerate(gene.values)} for gene in genes]
        self._parents = np.array([-1 if g.parent is None else place[g.parent] for g in genes])
        self._active = np.zeros((len(genes), int(self.counts.max())), bool)
        levels: list[list[int]] = []
        level: dict[str, int] = {}
        for j, gene in enumerate(genes):
            level[gene.name] = 0 if gene.parent is None else level[gene.parent] + 1
            levels += [[] for _ in range(level[gene.name] + 1 - len(levels))]
            levels[level[gene.name]].append(j)
            if gene.parent is not None:
                for i, value in enumerate(space.genes[gene.parent].values):
                    self._active[j, i] = value in gene.active_at
        self._levels = [np.array(columns) for columns in levels]
        units = list(dict.fromkeys(gene.unit for gene in genes))
        self._units = np.array([units.index(gene.unit) for gene in genes])
        self._groups = _groups([gene.name for gene in genes], self.counts > 1)

    def rows(self, archs: Iterable[Arch]) -> Rows:
        """The rows of networks of the space; raises SpaceError for another."""
        found = [self._row(arch) for arch in archs]
        return np.array(found, np.int16).reshape(len(found), len(self.counts))

    def _row(self, arch: Arch) -> list[int]:
        values = self.space.encode(arch)
        pairs = zip(self.space.genes, self._positions, strict=True)
        return [positions[values[n]] if n in values else INACTIVE for n, positions in pairs]

    def arch(self, row: Sequence[int]) -> Arch:
        """The network of a row."""
        genes = self.space.genes.values()
        found: Arch = self.space.decode(
            {g.name: g.values[i] for g, i in zip(genes, row, strict=True) if i >= 0}
        )
        return found

    def random(self, count: int, draw: np.random.Generator) -> Rows:
        """Rows of which every active gene is drawn evenly."""
        return self._settled(np.full((count, len(self.counts)), INACTIVE, np.int16), draw)

    def mutated(self, rows: Rows, p: Any, draw: np.random.Generator) -> Rows:
        """Each active gene moves, with probability `p` (one, or one a row), to another value."""
        chance = np.broadcast_to(np.reshape(p, (-1, 1)), (len(rows), 1))
        moves = (draw.random(rows.shape) < chance) & (self.counts > 1) & (rows >= 0)
        steps = 1 + np.floor(draw.random(rows.shape) * (self.counts - 1)).astype(np.int16)
        moved = np.where(moves, (rows + steps) % self.counts, rows)
        return self._settled(moved.astype(np.int16), draw)

    def crossed(self, rows: Rows, others: Rows, p: float, draw: np.random.Generator) -> Rows:
        """Each unit of a row is, with probability `p`, that of the other row."""
        taken = draw.random((len(rows), int(self._units.max()) + 1)) < p
        return self._settled(np.where(taken[:, self._units], others, rows), draw)

    def _settled(self, rows: Rows, draw: np.random.Generator) -> Rows:
        """With a value drawn where a gene became active, and none where it is inactive."""
        drawn = np.floor(draw.random(rows.shape) * self.counts).astype(np.int16)
        settled = np.where(rows < 0, drawn, rows)
        for columns in self._levels[1:]:
            above = settled[:, self._parents[columns]]
            active = self._active[columns, np.maximum(above, 0)] & (above >= 0)
            settled[:, columns] = np.where(active, settled[:, columns], INACTIVE)
        return settled

    def features(self, rows: Rows) -> Table:
        """Sums of groups of genes, of shape (networks, groups).

        A gene counts 0 for its first value or while it is inactive, up to 1 for its last. A group
        is a single gene, or those whose names differ only in numbers, in each way of leaving
        numbers out: all fusions of a stage, all depths of a branch.
        """
        values = np.maximum(rows, 0) / np.maximum(self.counts - 1, 1)
        return np.asarray(values @ self._groups)


def _groups(names: Sequence[str], free: NDArray[np.bool_]) -> Table:
    found: dict[tuple[int, ...], None] = {}
    members: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        if not free[j]:
            continue
        numbers = list(NUMBER.finditer(name))
        kept = [(True, False)] * len(numbers[:MOST_NUMBERS])
        ends = ((True,) * len(numbers), (False,) * len(numbers))
        for choice in itertools.product(*kept) if int(free.sum()) <= MOST_FREE else ends:
            text = name
            for match, keep in reversed([*zip(numbers, choice, strict=False)]):
                if not keep:
                    text = f'{text[: match.start()]}*{text[match.end() :]}'
            members.setdefault(text, []).append(j)
    for group in members.values():
        found.setdefault(tuple(group))
    matrix = np.zeros((len(names), len(found)))
    for column, places in enumerate(found):
        matrix[list(places), column] = len(places) ** -0.5
    return matrix
