"""A series of scaled networks: a base and one scaling per stage, each stage with its own budget."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scalenas.arch import Arch, Scaling
from scalenas.arch.strict import as_int, as_list, as_mapping, as_number
from scalenas.complexity import Cost
from scalenas.space import FACTORS, AbstractSpace, ScaledSpace, base_macs, mean_macs

from .nsga2 import survivors, tournament
from .record import SearchError

_WHERE = 'search.algorithm'


def as_scaled(space: AbstractSpace[Any]) -> ScaledSpace[Any]:
    """The space, if it is a scaled one.

    Raises:
        SearchError: when it is another.
    """
    if isinstance(space, ScaledSpace):
        return space
    raise SearchError(
        "'mcea' searches a base network and its scalings",
        where='space',
        got=space.family.name,
        allowed="a scaled space (family='scaled')",
        hint='take another algorithm',
    )


def num_search_stages(space: ScaledSpace[Any], wanted: int | None) -> int:
    """M: as many as wanted, or all; stages 1 to M must be in the space.

    Raises:
        SearchError: when one of them is not.
    """
    allowed = space.genes['scale.stage'].values
    last = max(int(stage) for stage in allowed)
    count = last if wanted is None else as_int(wanted, f'{_WHERE}.num_stages')
    if not count:
        problem = 'the space has only stage 0, so there is nothing to scale'
        raise SearchError(problem, where=_WHERE)
    missing = next((stage for stage in range(1, count + 1) if stage not in allowed), None)
    if missing is not None:
        raise SearchError(
            f'the space has no stage {missing}, only {", ".join(map(str, allowed))}',
            where=f'{_WHERE}.num_stages',
            got=count,
        )
    return count


def base_budget(
    space: ScaledSpace[Any],
    cost: Callable[[Arch], Cost],
    macs: float | str,
    samples: int,
    step: float,
) -> float:
    """f_0, as given, or for 'auto' by Monte Carlo over the base space.

    Source: ScaleNet (Xie et al. 2022), appendix A.

    Raises:
        UserError: for another word, or a step that is larger than all of it.
    """
    as_int(samples, f'{_WHERE}.base_samples')
    unit = as_int(int(as_number(step, f'{_WHERE}.base_step')), f'{_WHERE}.base_step')
    if macs != 'auto':
        if isinstance(macs, str):
            raise SearchError(where=f'{_WHERE}.base_macs', got=macs, allowed="'auto' or a number")
        return as_number(macs, f'{_WHERE}.base_macs')
    return float(base_macs(mean_macs(space.base, cost, samples), unit))


def stage_weights(weights: object, num_stages: int) -> tuple[float, ...]:
    """pi_j of stages 1 to M, with a sum of 1; equal ones for None.

    Raises:
        SearchError: for others than M finite numbers >= 0, of which one is above 0.
    """
    if weights is None:
        return (1.0 / num_stages,) * num_stages
    values = as_list(weights, f'{_WHERE}.weights', 'numbers')
    numbers = all(isinstance(w, int | float) and 0.0 <= w < math.inf for w in values)
    if len(values) != num_stages or not numbers or not sum(values):
        allowed = f'{num_stages} numbers >= 0 that are not all 0'
        raise SearchError(where=f'{_WHERE}.weights', got=tuple(values), allowed=allowed)
    return tuple(w / sum(values) for w in values)


def fixed_scalings(
    space: ScaledSpace[Any], mode: str, scalings: object, num_stages: int
) -> tuple[Scaling, ...]:
    """The scalings of stages 1 to M under which mode 'fixed' looks for a base; () for others.

    Raises:
        SearchError: for a number of them that is not M, scalings with another mode, or one that
            no stage of the space has, for the supernet holds no such networks.
    """
    where = f'{_WHERE}.scalings'
    rows = () if scalings is None else as_list(scalings, where, 'scalings, one a stage')
    if mode != 'fixed':
        if rows:
            allowed = f"nothing with mode {mode!r}: only 'fixed' reads it"
            raise SearchError(where=where, got=rows, allowed=allowed)
        return ()
    if len(rows) != num_stages:
        allowed = f"{num_stages} with mode 'fixed', one a stage"
        raise SearchError(where=where, got=len(rows), allowed=allowed)
    chosen = tuple(
        row
        if isinstance(row, Scaling)
        else Scaling(**as_mapping(row, f'{where}[{i}]', (), FACTORS))
        for i, row in enumerate(rows)
    )
    stages = [int(stage) for stage in space.genes['scale.stage'].values]
    for i, scaling in enumerate(chosen):
        if not any(scaling in space.strategies(j) for j in stages):
            factors = {name: getattr(scaling, name) for name in FACTORS}
            raise SearchError(
                'is a scaling of no stage of the space, so the supernet holds no such networks',
                where=f'{where}[{i}]',
                got=factors,
                hint='take factors that one stage of the space has, or train a supernet in a space '
                'with these',
            )
    return chosen


Scalings = tuple[Scaling, ...]
R = TypeVar('R')
Asking = Generator[list[tuple[int, Arch]], None, R]
"""Yields (stage, network) pairs whose scores it needs before it goes on, and returns a result."""


@dataclass(frozen=True, slots=True)
class ScaledSeries:
    """A base network and the scalings of stages 1 to M."""

    base: Arch
    scalings: Scalings


@dataclass(frozen=True, slots=True)
class StageBudgets:
    """f_j = base_macs * growth**j MACs for stage j, met within a fraction `tolerance`.

    Source: ScaleNet (Xie et al. 2022), section 3.2 and appendix A.
    """

    base_macs: float
    growth: float
    tolerance: float

    def target(self, stage: int) -> float:
        """f_j."""
        return self.base_macs * self.growth**stage

    def bounds(self, stage: int) -> tuple[float, float]:
        """The least and the most MACs within the tolerance."""
        target = self.target(stage)
        return target * (1.0 - self.tolerance), target * (1.0 + self.tolerance)

    def meets(self, macs: float, stage: int) -> bool:
        """True within the bounds."""
        low, high = self.bounds(stage)
        return low <= macs <= high


class Breeder:
    """Finds series within the budgets and breeds fitter ones.

    Args:
        score: the metric of an evaluated network, negated where less is better.
        weights: of stages 1 to M in the fitness of a series.
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

    def grown(self, series: ScaledSeries) -> list[Arch]:
        """The networks of stages 1 to M."""
        return [self.space.grown(series.base, scaling) for scaling in series.scalings]

    def fitness(self, series: ScaledSeries) -> float:
        """The weighted mean score of its networks (equation 5)."""
        scores = (self._score(arch) for arch in self.grown(series))
        return sum(w * s for w, s in zip(self.weights, scores, strict=True))

    def bases(self, num: int, rng: random.Random) -> list[Arch]:
        """Different random base networks within the base's budget; fewer when no more are found.

        Raises:
            SearchError: when there is none.
        """
        archs: dict[Arch, None] = {}
        for _ in range(self._max_tries * num):
            base = self.space.base.sample(rng)
            if self.budgets.meets(self.macs(base), 0):
                archs[base] = None
            if len(archs) == num:
                break
        if not archs:
            raise self._none('no base network was found that has them')
        return list(archs)

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
        draw: Callable[[], ScaledSeries],
        vary: Callable[[ScaledSeries, ScaledSeries], ScaledSeries],
        population: int,
        generations: int,
        rng: Callable[[], random.Random],
    ) -> Asking[ScaledSeries]:
        """NSGA-II: macs of the base against fitness; every series stays within all budgets.

        Ends early when no new series can be found.
        """
        known: dict[ScaledSeries, None] = {}
        for turn in range(generations):
            new = self._fill(draw, known, population)
            if not new:
                if turn == 0:
                    raise self._none('no base network was found that has a scaling for every stage')
                break
            known.update(new)
            yield [pair for series in new for pair in enumerate(self.grown(series), 1)]
            pool = list(known)
            points = [(float(self.macs(f.base)), -self.fitness(f)) for f in pool]
            parents = survivors(points, population)

            def draw(parents: Any = parents, pool: Any = pool) -> ScaledSeries:
                one, other = tournament(parents, rng()), tournament(parents, rng())
                return vary(pool[one.index], pool[other.index])

        return max(known, key=self.fitness)

    def within(self, series: ScaledSeries) -> bool:
        """True when base and scaled networks each meet the budget of their stage."""
        return self.budgets.meets(self.macs(series.base), 0) and all(
            self.budgets.meets(self.macs(arch), stage)
            for stage, arch in enumerate(self.grown(series), 1)
        )

    def macs(self, arch: Arch) -> float:
        """MACs, counted once for each network."""
        if arch not in self._macs:
            self._macs[arch] = self._cost(arch)['macs']
        return self._macs[arch]

    def _fill(
        self, draw: Callable[[], ScaledSeries], known: Mapping[ScaledSeries, None], wanted: int
    ) -> dict[ScaledSeries, None]:
        fresh: dict[ScaledSeries, None] = {}
        for _ in range(self._max_tries * wanted):
            if len(fresh) == wanted:
                break
            series = draw()
            if series not in known and series not in fresh and self.within(series):
                fresh[series] = None
        return fresh

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
