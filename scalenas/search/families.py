"""Families: a base network with one scaling a stage, held to a budget a stage, bred by NSGA-II."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scalenas.arch import Arch, Scaling
from scalenas.complexity import Cost
from scalenas.space import ScaledSpace

from .nsga2 import survivors, tournament
from .record import SearchError

Scalings = tuple[Scaling, ...]
R = TypeVar('R')
Asking = Generator[list[tuple[int, Arch]], None, R]
"""Yields (stage, network) pairs whose scores it needs before it goes on, and returns a result."""


@dataclass(frozen=True, slots=True)
class Family:
    """A base network and the scalings of stages 1 to M."""

    base: Arch
    scalings: Scalings


@dataclass(frozen=True, slots=True)
class StageBudgets:
    """f_j = base_macs * growth**j multiply-adds for stage j, met within a fraction `tolerance`.

    Source: ScaleNet (Xie et al. 2022), section 3.2 and appendix A.
    """

    base_macs: float
    growth: float
    tolerance: float

    def target(self, stage: int) -> float:
        """f_j."""
        return self.base_macs * self.growth**stage

    def bounds(self, stage: int) -> tuple[float, float]:
        """The least and the most multiply-adds within the tolerance."""
        target = self.target(stage)
        return target * (1.0 - self.tolerance), target * (1.0 + self.tolerance)

    def meets(self, macs: float, stage: int) -> bool:
        """True within the bounds."""
        low, high = self.bounds(stage)
        return low <= macs <= high


class Breeder:
    """Finds families within the budgets and breeds fitter ones.

    Args:
        score: what an evaluated network scored, more is better.
        weights: of stages 1 to M in the fitness of a family.
        max_tries: draws for each network before a search for more is given up.
    """

    def __init__(
        self,
        space: ScaledSpace[Any],
        cost: Callable[[Arch], Cost],
        budgets: StageBudgets,
        weights: Sequence[float],
        score: Callable[[Arch], float],
        max_tries: int,
    ) -> None:
        self.space, self.budgets, self.weights = space, budgets, tuple(weights)
        self._cost, self._score, self._max_tries = cost, score, max_tries
        self._macs: dict[Arch, float] = {}

    def grown(self, family: Family) -> list[Arch]:
        """The networks of stages 1 to M."""
        return [self.space.grown(family.base, scaling) for scaling in family.scalings]

    def fitness(self, family: Family) -> float:
        """The weighted mean score of its networks (equation 5)."""
        scores = (self._score(arch) for arch in self.grown(family))
        return sum(w * s for w, s in zip(self.weights, scores, strict=True))

    def bases(self, num: int, rng: random.Random) -> list[Arch]:
        """Different random base networks within the base's budget; fewer when no more are found.

        Raises:
            SearchError: when there is none.
        """
        found: dict[Arch, None] = {}
        for _ in range(self._max_tries * num):
            base = self.space.base.sample(rng)
            if self.budgets.meets(self.macs(base), 0):
                found[base] = None
            if len(found) == num:
                break
        if not found:
            raise self._none('no base network was found that has them')
        return list(found)

    def feasible(self, bases: Sequence[Arch], stage: int) -> list[Scaling]:
        """The scalings of a stage with which the bases meet its budget on average.

        Raises:
            SearchError: when there is none; says how near the nearest is.
        """
        means = {
            scaling: statistics.fmean(self.macs(self.space.grown(b, scaling)) for b in bases)
            for scaling in self.space.strategies(stage)
        }
        options = [scaling for scaling, macs in means.items() if self.budgets.meets(macs, stage)]
        if not options:
            target = self.budgets.target(stage)
            off = min(abs(macs / target - 1.0) for macs in means.values())
            raise SearchError(
                f'no scaling of stage {stage} has them, the nearest is {off:.1%} off',
                where='search.algorithm',
                got=self._wanted(target),
                hint='raise the tolerance, change base_macs or growth, or give the stage other '
                'factors',
            )
        return options

    def evolve(
        self,
        draw: Callable[[], Family],
        vary: Callable[[Family, Family], Family],
        population: int,
        generations: int,
        rng: Callable[[], random.Random],
    ) -> Asking[Family]:
        """NSGA-II: macs of the base against fitness; every family stays within all budgets.

        Ends early when no new family can be found.
        """
        known: dict[Family, None] = {}
        for turn in range(generations):
            new = self._fill(draw, known, population)
            if not new:
                if turn == 0:
                    raise self._none('no base network was found that has them beside its family')
                break
            known.update(new)
            yield [pair for family in new for pair in enumerate(self.grown(family), 1)]
            pool = list(known)
            points = [(float(self.macs(f.base)), -self.fitness(f)) for f in pool]
            parents = survivors(points, population)

            def draw(parents: Any = parents, pool: Any = pool) -> Family:
                one, other = tournament(parents, rng()), tournament(parents, rng())
                return vary(pool[one.index], pool[other.index])

        return max(known, key=self.fitness)

    def within(self, family: Family) -> bool:
        """True when base and scaled networks each meet the budget of their stage."""
        return self.budgets.meets(self.macs(family.base), 0) and all(
            self.budgets.meets(self.macs(arch), stage)
            for stage, arch in enumerate(self.grown(family), 1)
        )

    def macs(self, arch: Arch) -> float:
        """Multiply-adds, counted once for each network."""
        if arch not in self._macs:
            self._macs[arch] = self._cost(arch)['macs']
        return self._macs[arch]

    def _fill(
        self, draw: Callable[[], Family], known: Mapping[Family, None], wanted: int
    ) -> dict[Family, None]:
        found: dict[Family, None] = {}
        for _ in range(self._max_tries * wanted):
            if len(found) == wanted:
                break
            family = draw()
            if family not in known and family not in found and self.within(family):
                found[family] = None
        return found

    def _none(self, problem: str) -> SearchError:
        base = self.space.base
        return SearchError(
            f'{problem}, in {self._max_tries} draws for each',
            where='search.algorithm',
            got=self._wanted(self.budgets.base_macs),
            allowed=f'{self.macs(base.smallest()):,} to {self.macs(base.largest()):,} of the bases',
            hint='change base_macs, or raise tolerance or max_tries',
        )

    def _wanted(self, macs: float) -> str:
        return f'{macs / 1e6:,.1f}M macs within tolerance {self.budgets.tolerance:.0%}'
