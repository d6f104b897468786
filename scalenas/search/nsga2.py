"""NSGA-II: parents by rank and crowding, chosen by tournament; crossed by units, mutated by genes.

Source: Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002). It is
the evolution of ScaleNet (Xie et al. 2022), section 3.3 and appendix A.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Arch
from scalenas.arch.strict import as_fraction, as_int
from scalenas.complexity import Budget, Cost
from scalenas.space import AbstractSpace

from .algorithm import AbstractSearch
from .objectives import Objectives
from .pareto import Point, crowding, peel
from .record import Record

PATIENCE = 3  # slots without any new offspring before a generation ends


@dataclass(frozen=True, slots=True)
class Ranked:
    """A parent: its place in the list of points, its front (0 is best), its crowding distance."""

    index: int
    rank: int
    crowding: float


def survivors(points: Sequence[Point], k: int) -> list[Ranked]:
    """The best k: front by front, and of the front that does not fit the least crowded."""
    chosen: list[Ranked] = []
    for rank, members in enumerate(peel(points)):
        ranked = [
            Ranked(index, rank, distance)
            for index, distance in zip(members, crowding(points, members), strict=True)
        ]
        room = k - len(chosen)
        if len(ranked) > room:
            ranked = sorted(ranked, key=lambda r: (-r.crowding, r.index))[:room]
        chosen += ranked
        if len(chosen) == k:
            break
    return chosen


def tournament(parents: Sequence[Ranked], rng: random.Random) -> Ranked:
    """The better of two drawn parents: by rank, then by crowding, then the first drawn."""
    first, second = rng.choice(parents), rng.choice(parents)
    return min((first, second), key=lambda r: (r.rank, -r.crowding))


@dataclass(frozen=True, slots=True)
class Variation:
    """How an offspring comes of two parents.

    Args:
        p_crossover: probability that the second parent takes part at all.
        p_unit: then, of each unit (a stage, a module) to be the second parent's.
        p_mutation: of each gene to move to another value; None: one gene on average.
    """

    p_crossover: float = 0.9
    p_unit: float = 0.5
    p_mutation: float | None = None

    def __post_init__(self) -> None:
        for name in ('p_crossover', 'p_unit', 'p_mutation'):
            value = getattr(self, name)
            if name != 'p_mutation' or value is not None:
                as_fraction(value, f'search.algorithm.{name}')

    def offspring(
        self, space: AbstractSpace[Any], parent: Arch, other: Arch, rng: random.Random
    ) -> Arch:
        """One offspring; no parent is changed."""
        child = parent
        if rng.random() < self.p_crossover:
            child = space.cross(child, other, rng, self.p_unit)
        free = sum(len(gene.values) > 1 for gene in space.genes.values())
        p = self.p_mutation if self.p_mutation is not None else 1.0 / max(1, free)
        mutated: Arch = space.mutate(child, rng, p)
        return mutated


class NSGA2(AbstractSearch):
    """`population` networks at first, then as many offspring a generation.

    The parents of a generation are the best of all networks evaluated so far: with elitism no
    good network is ever lost, and nothing but the records decides.

    Args:
        num_total: evaluations in all: population times generations (the paper's 50 x 40).
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        population: int = 50,
        num_total: int = 2000,
        p_crossover: float = 0.9,
        p_unit: float = 0.5,
        p_mutation: float | None = None,
        max_tries: int = 1000,
    ) -> None:
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self.population = as_int(population, 'search.algorithm.population', 2)
        self._check_total('population', population)
        self.variation = Variation(p_crossover, p_unit, p_mutation)

    @property
    def later_size(self) -> int:
        """One offspring of each parent."""
        return self.population

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """Random networks at index 0, then offspring."""
        wanted = min(self.population, max(0, self.num_total - len(records)))
        if index == 0:
            batch = self._batch((), wanted)
            while batch.open:
                batch.fill(lambda: self.space.sample(rng))
            batch.need_one('widen the budget or raise max_tries')
            return batch.close(index)
        parents = survivors(self.objectives.points(records), self.population)
        batch = self._batch(records, wanted, PATIENCE)
        while batch.open:
            batch.fill(lambda: self._draw(parents, records, rng))
        return batch.close(index)

    def _draw(
        self, parents: Sequence[Ranked], records: Sequence[Record], rng: random.Random
    ) -> Arch:
        first, second = tournament(parents, rng), tournament(parents, rng)
        one, other = records[first.index].arch, records[second.index].arch
        return self.variation.offspring(self.space, one, other, rng)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {
            'type': 'nsga2',
            'population': self.population,
            'p_crossover': self.variation.p_crossover,
            'p_unit': self.variation.p_unit,
            'p_mutation': self.variation.p_mutation,
            'max_tries': self.max_tries,
        }
