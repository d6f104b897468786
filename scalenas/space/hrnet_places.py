"""The modules of an HRNet-style space: the names of their genes, and how these are read at once.

A module of the paper's space has up to 64 genes, of which its depths say which are there. For each
choice of depths a place keeps what gets the values of a step's genes in one call, and for each
choice of these values the step that they make; so networks of a space share their steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from scalenas.arch import HRModule
from scalenas.arch.hrnet_step import Rows, Step

from .gene import Gene, Value

MOST_STEPS = 2**14
"""Steps that are kept for each choice of branches: all of four, and some of the many of more."""

MOST_PLANS = 2**10
"""Choices of depths that a place keeps: all of four branches with five depths."""


class _Steps(dict[Any, Step]):
    """Values of the genes of a step, in their order -> the step.

    Args:
        genes: targets and sources of the genes.
        fixed: the rows of all other targets.
    """

    def __init__(self, genes: tuple[tuple[int, int], ...], fixed: Rows) -> None:
        super().__init__()
        self._genes, self._fixed = genes, fixed
        self._values: dict[Rows, tuple[bool, ...]] = {}

    def __missing__(self, key: Any) -> Step:
        if len(self) >= MOST_STEPS:
            self.clear()
        rows = [list(row) for row in self._fixed]
        for (i, k), on in zip(self._genes, key if isinstance(key, tuple) else (key,), strict=True):
            if on:
                rows[i].append(k)
        step = self[key] = Step(rows)
        return step

    def genes_of(self, rows: Rows) -> tuple[bool, ...]:
        """The values of the genes for a step with these rows."""
        known = self._values.get(rows)
        if known is None:
            if len(self._values) >= MOST_STEPS:
                self._values.clear()
            known = self._values[rows] = tuple(k in rows[i] for i, k in self._genes)
        return known


Known = dict[tuple[tuple[tuple[int, int], ...], Rows], _Steps]
"""What the places of a space share: the steps for genes of these targets and sources."""


class Place:
    """A module of the space, and the names of its genes.

    Args:
        num_steps: of the deepest module.
        ruled: the single-output rule holds here.
        known: shared by all places of a space.

    Attributes:
        inner: the names of the genes of inner widths, which only some spaces have.
    """

    def __init__(self, stage: int, module: int, num_steps: int, ruled: bool, known: Known) -> None:
        self.stage, self.module, self.ruled = stage, module, ruled
        self.unit, branches = f's{stage}.m{module}', range(stage)
        self.depths = tuple(f'{self.unit}.b{i}.depth' for i in branches)
        self.inner = tuple(f'{self.unit}.b{i}.inner' for i in branches)
        # The sources of branch i after step t, each with its gene.
        self._switches = [
            [[(k, f'{self.unit}.t{t}.f{i}<-{k}') for k in branches if k != i] for i in branches]
            for t in range(num_steps)
        ]
        self._known, self._get_depths = known, itemgetter(*self.depths)
        self._plans: dict[Any, _Plan] = {}

    def switches(self, depths: Sequence[int]) -> list[Gene]:
        """The genes of the fusions, where branches have one of these depths."""
        genes = []
        for t, rows in enumerate(self._switches):
            # Under the single-output rule the last row of a branch is not free.
            free = frozenset(d for d in depths if d > t + self.ruled)
            for parent, row in zip(self.depths, rows, strict=True):
                if free:
                    genes += [Gene(name, (False, True), self.unit, parent, free) for _, name in row]
        return genes

    def build(self, values: Mapping[str, Value], inner: tuple[int, ...]) -> HRModule:
        """The module of these genes."""
        depths, steps = self._plan(self._get_depths(values))
        fusions = tuple([known[get(values)] for _, get, known in steps])
        return HRModule(depths, fusions, inner)

    def read(self, module: HRModule) -> dict[str, Value]:
        """The genes of depths and fusions."""
        depths, steps = self._plan(module.depths)
        values: dict[str, Value] = dict(zip(self.depths, depths, strict=True))
        # A module deeper than the space is refused for its depth: its last steps need no names.
        for rows, (names, _, known) in zip(module.fusions, steps, strict=False):
            values.update(zip(names, known.genes_of(rows), strict=True))
        return values

    def _plan(self, given: Sequence[Value]) -> _Plan:
        plan = self._plans.get(given)
        if plan is not None:
            return plan
        depths, steps = tuple(map(int, given)), []
        for t, rows in enumerate(self._switches[: max(depths)]):
            free = [i for i, depth in enumerate(depths) if t < depth - self.ruled]
            fixed: list[tuple[int, ...]] = [()] * len(rows)
            if self.ruled and t == depths[0] - 1:
                fixed[0] = tuple(k for k, _ in rows[0])
            genes = tuple((i, k) for i in free for k, _ in rows[i])
            names = tuple(name for i in free for _, name in rows[i])
            key = genes, tuple(fixed)
            known = self._known.setdefault(key, _Steps(*key))
            steps.append((names, itemgetter(*names) if names else _nothing, known))
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        plan = self._plans[given] = depths, tuple(steps)
        return plan


_Get = Callable[[Mapping[str, Value]], Any]
_Plan = tuple[tuple[int, ...], tuple[tuple[tuple[str, ...], _Get, _Steps], ...]]
"""Depths; then for each step the names of its genes, what gets their values, and its steps."""


def _nothing(values: Mapping[str, Value]) -> tuple[()]:
    return ()
