"""Coarse-to-fine selection: a grid over the space, then variations of the best of each budget.

Source: BigNAS (Yu et al. 2020), sections 3.2 and 4.4.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scalenas.arch import Arch
from scalenas.arch.strict import as_fraction, as_int, as_list, as_mapping, as_number, inside
from scalenas.complexity import Budget, Cost
from scalenas.space import AbstractSpace, Gene, Value

from .algorithm import AbstractSearch
from .fingerprint import as_plain
from .objectives import Objectives
from .record import Record, SearchError

WHERE = 'search.algorithm.grid'
MOST_NETS = 20_000  # of a grid; each is a candidate that is evaluated


def grid_archs(space: AbstractSpace[Any], grid: object) -> list[Arch]:
    """The networks of a grid, each once, in the order of its dimensions.

    A dimension moves a group of genes together, in one of two forms:

    - `dict(genes=('*.depth',), levels=4)`: 4 levels from the smallest to the largest values,
      evenly spaced over the values of each gene that a pattern matches;
    - `dict(settings=[{'*.kernel': 3}, {'s[12].*.kernel': 3, 's[34].*.kernel': 5}])`: values as
      they are written; of two patterns that match a gene the later one counts.

    A gene with a single value needs no dimension, every other gene exactly one.

    Raises:
        SearchError: for a grid that is none, names no gene, or leaves one open.
    """
    dimensions = [
        _settings(space, data, f'{WHERE}[{i}]')
        for i, data in enumerate(as_list(grid, WHERE, 'dimensions'))
    ]
    _check_each_once(space, dimensions)
    count = math.prod(map(len, dimensions))
    if count > MOST_NETS:
        raise SearchError(where=WHERE, got=count, allowed=f'at most {MOST_NETS:,} networks')
    fixed = {name: gene.values[0] for name, gene in space.genes.items() if len(gene.values) == 1}
    archs: dict[Arch, None] = {}
    for combination in itertools.product(*dimensions):
        values: dict[str, Value] = dict(fixed)
        for setting in combination:
            values.update(setting)
        archs.setdefault(space.decode(values))
    return list(archs)


def _settings(space: AbstractSpace[Any], data: object, where: str) -> list[dict[str, Value]]:
    if isinstance(data, Mapping) and 'genes' in data:
        table = as_mapping(data, where, ('genes', 'levels'))
        genes = _matching(space, as_list(table['genes'], f'{where}.genes', 'patterns'), where)
        levels = as_int(table['levels'], f'{where}.levels', 2, MOST_NETS)
        return [
            {gene.name: gene.values[_position(level, levels, len(gene.values))] for gene in genes}
            for level in range(levels)
        ]
    table = as_mapping(data, where, ('settings',))
    settings = []
    for i, rules in enumerate(as_list(table['settings'], f'{where}.settings', 'settings')):
        place = f'{where}.settings[{i}]'
        if not isinstance(rules, Mapping) or not rules:
            raise SearchError(where=place, got=rules, allowed='a pattern of genes and a value')
        setting: dict[str, Value] = {}
        for pattern, value in rules.items():
            for gene in _matching(space, [pattern], place):
                flag = isinstance(value, bool)
                if value not in gene.values or flag is not isinstance(gene.values[0], bool):
                    raise SearchError(
                        where=f'{place}, {gene.name}',
                        got=value,
                        allowed=gene.values,
                        hint=f'let the pattern {pattern!r} match only genes that can be it',
                    )
                setting[gene.name] = value
        settings.append(setting)
    return settings


def _position(level: int, levels: int, count: int) -> int:
    """The index among `count` values nearest to the level's share of the way; halves go up."""
    steps = levels - 1
    return (2 * level * (count - 1) + steps) // (2 * steps)


def _matching(space: AbstractSpace[Any], patterns: Sequence[Any], where: str) -> list[Gene]:
    genes: dict[str, Gene] = {}
    for pattern in patterns:
        with inside(where):
            names = space.matching(pattern)
        genes.update((name, space.genes[name]) for name in names)
    return list(genes.values())


def _check_each_once(
    space: AbstractSpace[Any], dimensions: Sequence[Sequence[Mapping[str, Value]]]
) -> None:
    owners: dict[str, int] = {}
    for i, settings in enumerate(dimensions):
        for name in dict.fromkeys(name for setting in settings for name in setting):
            if name in owners:
                raise SearchError(
                    f'is in two dimensions, [{owners[name]}] and [{i}]',
                    where=f'{WHERE}, {name}',
                    hint='leave it out of one',
                )
            owners[name] = i
            for j, setting in enumerate(settings):
                if name not in setting and len(space.genes[name].values) > 1:
                    raise SearchError(
                        f'says nothing of {name}, of which another setting speaks',
                        where=f'{WHERE}[{i}].settings[{j}]',
                    )
    left = [n for n, gene in space.genes.items() if len(gene.values) > 1 and n not in owners]
    if left:
        raise SearchError(
            f'names no value for {len(left)} genes, such as {left[0]}',
            where=WHERE,
            hint='give them a dimension, or one value each in the space',
        )


logger = logging.getLogger(__name__)


class CoarseToFine(AbstractSearch):
    """All networks of a coarse grid; then, until `num_total`, random mutations of its skeletons.

    The skeleton of a budget is the best network of the grid that meets it, the cheaper one of
    equals. Budgets take turns; each mutation meets the budget of its skeleton.

    Args:
        grid: dimensions, see `grid_archs`. The paper's: 5 resolutions, 4 depths, 2 widths, 4
            kernel configurations.
        budgets: upper bounds on the first column among the objectives (on macs, where there is
            none), one skeleton each. Default: the upper bound of `budget` on it.
        p_mutation: probability that a gene moves to another of its values. The paper says no more
            than "slightly".

    Raises:
        SearchError: for a grid that is none, or of which no network meets one of the budgets.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        grid: Sequence[Any],
        budget: Budget | None = None,
        budgets: Sequence[float] | None = None,
        num_total: int = 500,
        p_mutation: float = 0.1,
        max_tries: int = 1000,
    ) -> None:
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self.p_mutation = as_fraction(p_mutation, 'search.algorithm.p_mutation')
        self.grid = as_plain(grid)
        self.column = objectives.columns[0].name if objectives.columns else 'macs'
        self.bounds = self._bounds(budgets)
        archs = grid_archs(space, grid)
        self.coarse = [arch for arch in archs if self.budget.allows(cost(arch))]
        self._check_bounds(archs)
        if len(self.coarse) > self.num_total:
            raise SearchError(
                where='search.algorithm.num_total',
                got=num_total,
                allowed=f'at least the {len(self.coarse)} networks of the grid alone',
                hint='give more, or make the grid coarser',
            )

    @property
    def later_size(self) -> int:
        """All mutations are one generation."""
        return self.num_total

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """The grid at index 0, all mutations at index 1; they need all scores of the grid."""
        if index == 0:
            return list(self.coarse)
        if sum(record.generation == 0 for record in records) < len(self.coarse):
            return []
        return self._fine(records, rng) if index == 1 else []

    def skeletons(self, records: Sequence[Record]) -> dict[float, Record]:
        """Budget -> the best network of the grid that meets it."""
        return {
            bound: min(
                (r for r in records if r.generation == 0 and self._within(bound).allows(r.cost)),
                key=lambda record: (self.objectives.losses(record), record.slot),
            )
            for bound in self.bounds
        }

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {
            'type': 'coarse_to_fine',
            'grid': self.grid,
            'budgets': list(self.bounds),
            'p_mutation': self.p_mutation,
            'max_tries': self.max_tries,
        }

    def _fine(self, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        turns: list[tuple[Arch, Budget]] = []
        for bound, record in self.skeletons(records).items():
            texts = [o.text(o.value(record.cost, record.metrics)) for o in self.objectives]
            line = '%s: skeleton is slot %d, %s'
            logger.info(line, self._within(bound), record.slot, ', '.join(texts))
            turns.append((record.arch, self._within(bound)))
        wanted = max(0, self.num_total - len(records))
        batch = self._batch(records, wanted, patience=len(turns))
        turn = len(records) - len(self.coarse)  # 0, but in an asynchronous search
        while batch.open:
            skeleton, budget = turns[turn % len(turns)]
            if batch.fill(lambda s=skeleton: self.space.mutate(s, rng, self.p_mutation), budget):  # type: ignore[misc]
                turn += 1
            else:
                turns.remove((skeleton, budget))  # nothing new is near it
        return batch.close(1)

    def _within(self, bound: float) -> Budget:
        """The budget of the search, with this bound on the column."""
        name = self.column
        most = self.budget.most(name)
        return self.budget | Budget({name: (None, bound if most is None else min(bound, most))})

    def _bounds(self, budgets: Sequence[float] | None) -> tuple[float, ...]:
        name = self.column
        if budgets is None:
            most = self.budget.most(name)
            if most is None:
                raise SearchError(
                    where='search.algorithm.budgets',
                    got=None,
                    allowed=f'bounds on {name}, such as (300e6, 600e6)',
                    hint=f'or give one as search.budget=dict({name}=(None, 600e6))',
                )
            return (float(most),)
        where = 'search.algorithm.budgets'
        bounds = {as_number(b, where) for b in as_list(budgets, where, f'bounds on {name}')}
        if not bounds:
            allowed = f'at least one bound on {name}'
            raise SearchError(where=where, got=budgets, allowed=allowed)
        return tuple(sorted(map(float, bounds)))

    def _check_bounds(self, archs: Sequence[Arch]) -> None:
        for bound in self.bounds:
            within = self._within(bound)
            if any(within.allows(self.cost(arch)) for arch in self.coarse):
                continue
            name = self.column
            cheapest = min(self.cost(arch)[name] for arch in archs)
            raise SearchError(
                f'none of the {len(archs)} networks of the grid is within',
                where='search.algorithm.budgets',
                got=str(within),
                allowed=f'{name} of the cheapest, {cheapest:,}',
                hint='raise the budget, or give the grid smaller settings',
            )
