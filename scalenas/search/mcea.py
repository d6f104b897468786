"""MCEA: search the base network and the strategies that scale it, in turn.

A series of scaled networks is a base and one scaling per stage; its fitness is the weighted mean of
the metric of its networks. `K` random bases rate all scalings of each stage (a grid); then, `T`
times, NSGA-II looks for the best base under the best scalings, and the grid for the best scalings
of the best base.

Source: ScaleNet (Xie et al. 2022), section 3.3, equations 4 to 8, and appendix A.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from scalenas.arch import Arch, Scaling, dump
from scalenas.arch.strict import as_choice, as_fraction, as_int, as_number
from scalenas.complexity import Budget, Cost
from scalenas.scaling import SearchedScalings
from scalenas.space import STEP, AbstractSpace

from .algorithm import AbstractSearch
from .nsga2 import Variation
from .objectives import Objectives
from .record import Record, SearchError
from .report import table_text
from .scaled_series import (
    Asking,
    Breeder,
    ScaledSeries,
    Scalings,
    StageBudgets,
    as_scaled,
    base_budget,
    fixed_scalings,
    num_search_stages,
    stage_weights,
)

MODES = ('alternating', 'joint', 'fixed')
Mode = Literal['alternating', 'joint', 'fixed']


class AlternatingSearch(AbstractSearch):
    """MCEA and its two controls.

    Every evaluation is one scaled network, so a study resumes at any of them. `generation` must
    be called with rising indices from 0, as every worker does.

    Args:
        space: a `ScaledSpace`.
        budget: none; every stage has one of its own.
        base_macs: f_0, the MACs of the base; stage j may have `growth`**j times as many.
            'auto': the multiple of `base_step` nearest to the mean of `base_samples` random bases.
        tolerance: how far, as a fraction of its budget, the macs of a stage may be off.
        num_stages: M; None: all that the space has.
        num_bases: K, the random base networks that rate the first scalings.
        iterations: T.
        population, generations: P and N of NSGA-II in every search for a base.
        weights: pi_j of stages 1 to M in the fitness; None: equal.
        mode: 'alternating'; 'joint', one NSGA-II over base and scalings with as many
            generations as all T together; 'fixed', the base alone under the `scalings` given.
        scalings: for 'fixed', the factors of stages 1 to M, as mappings or `Scaling`, each one that
            some stage of the space has: no other network is in the supernet.
        num_total: evaluations at most.

    Raises:
        SearchError: for a space that is not scaled, more stages than it has, or a budget next to
            those of the stages; from `generation`, when a stage has no scaling, or no base, within
            its budget.
    """

    asynchronous = False
    """Each step of the chain needs all scores of the step before."""

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        base_macs: float | str = 'auto',
        base_samples: int = 100_000,
        base_step: float = STEP,
        growth: float = 2.0,
        tolerance: float = 0.1,
        num_stages: int | None = None,
        num_bases: int = 20,
        iterations: int = 8,
        population: int = 50,
        generations: int = 40,
        weights: Sequence[float] | None = None,
        mode: Mode = 'alternating',
        scalings: Sequence[Mapping[str, float] | Scaling] | None = None,
        p_crossover: float = 0.9,
        p_unit: float = 0.5,
        p_mutation: float | None = None,
        num_total: int = 1_000_000,
        max_tries: int = 1000,
    ) -> None:
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self.metric = objectives.only_metric('mcea')
        where = 'search.algorithm'
        if self.budget != Budget():
            raise SearchError(
                where='budget',
                got=str(self.budget),
                allowed='none with mcea, whose stages have budgets of their own',
                hint=f'set base_macs, growth and tolerance of {where} instead',
            )
        scaled = as_scaled(space)
        self.num_stages = num_search_stages(scaled, num_stages)
        self.num_bases = as_int(num_bases, f'{where}.num_bases')
        self.iterations = as_int(iterations, f'{where}.iterations')
        self.population = as_int(population, f'{where}.population', 2)
        self.generations = as_int(generations, f'{where}.generations')
        as_choice(mode, f'{where}.mode', MODES)
        self.mode: Mode = mode
        self.fixed = fixed_scalings(scaled, mode, scalings, self.num_stages)
        self.variation = Variation(p_crossover, p_unit, p_mutation)
        self.breeder = Breeder(
            scaled,
            cost,
            StageBudgets(
                base_budget(scaled, cost, base_macs, base_samples, base_step),
                as_number(growth, f'{where}.growth'),
                as_fraction(tolerance, f'{where}.tolerance'),
            ),
            stage_weights(weights, self.num_stages),
            lambda arch: self._scores[arch],
            self.max_tries,
        )
        self.history: list[Iteration] = []
        self._scores: dict[Arch, float] = {}
        self._rng = random.Random(0)
        self._asked: list[tuple[int, Arch]] = []
        self._cut = False
        self._steps: Iterator[list[tuple[int, Arch]]] = iter(())
        self._next = 0

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """The networks that the next step asks for and that nobody has evaluated yet."""
        if index == 0:
            self.history, self._scores, self._asked, self._cut = [], {}, [], False
            self._steps = self._chain()
        else:
            assert index == self._next, (index, self._next)
        self._next, self._rng = index + 1, rng
        for record in records[len(self._scores) :]:
            self._scores[record.arch] = -self.metric.loss(record.metrics[self.metric.name])
        room = max(0, self.num_total - len(records))
        if self._cut:
            return []
        for wanted in self._steps:
            self._asked += wanted
            archs = dict.fromkeys(arch for _, arch in wanted)
            new = [arch for arch in archs if arch not in self._scores]
            if new:
                self._cut = len(new) > room
                return new[:room]
        return []

    # The chain reads as the paper: each `yield` asks for networks, after it their scores are known.

    def _chain(self) -> Asking[None]:
        bases = self.breeder.bases(self.num_bases, self._rng)
        if self.mode == 'joint':
            yield from self._joint(bases)
            return
        scalings, base = self.fixed, None
        if self.mode == 'alternating':
            scalings = yield from self._grid(bases)
            self._note(ScaledSeries(bases[0], scalings))
        for _ in range(self.iterations):
            series = yield from self._base(scalings, base)
            base = series.base
            if self.mode == 'alternating':
                scalings = yield from self._grid([base])
                series = ScaledSeries(base, scalings)
            self._note(series)

    def _base(self, scalings: Scalings, start: Arch | None) -> Asking[ScaledSeries]:
        """The best base under these scalings (equations 5 and 6).

        `start`, the last state of the chain, is in the first population if it fits the budgets.
        """
        first = [start] if start is not None else []
        return self.breeder.evolve(
            lambda: ScaledSeries(
                first.pop() if first else self.breeder.space.base.sample(self._rng), scalings
            ),
            lambda one, other: ScaledSeries(self._offspring(one.base, other.base), scalings),
            self.population,
            self.generations,
            lambda: self._rng,
        )

    def _grid(self, bases: Sequence[Arch]) -> Asking[Scalings]:
        """For each stage the scaling with the best mean score over the bases (eq. 7 and 8)."""
        grown = self.breeder.space.grown
        feasible = self._feasible(bases)
        yield [
            (stage, grown(base, scaling))
            for stage, options in enumerate(feasible, 1)
            for scaling in options
            for base in bases
        ]

        def mean(scaling: Scaling) -> float:
            return statistics.fmean(self._scores[grown(base, scaling)] for base in bases)

        return tuple(max(options, key=mean) for options in feasible)

    def _feasible(self, bases: Sequence[Arch]) -> list[list[Scaling]]:
        return [self.breeder.feasible(bases, j) for j in range(1, self.num_stages + 1)]

    def _joint(self, bases: Sequence[Arch]) -> Asking[None]:
        feasible = self._feasible(bases)

        def draw() -> ScaledSeries:
            base = self.breeder.space.base.sample(self._rng)
            return ScaledSeries(base, tuple(self._rng.choice(options) for options in feasible))

        def vary(one: ScaledSeries, other: ScaledSeries) -> ScaledSeries:
            rng = self._rng
            scalings = tuple(
                rng.choice(options if rng.random() * self.num_stages < 1.0 else pair)
                for options, *pair in zip(feasible, one.scalings, other.scalings, strict=True)
            )
            return ScaledSeries(self._offspring(one.base, other.base), scalings)

        rounds = self.generations * self.iterations
        self._note(
            (yield from self.breeder.evolve(draw, vary, self.population, rounds, lambda: self._rng))
        )

    def _offspring(self, one: Arch, other: Arch) -> Arch:
        return self.variation.offspring(self.breeder.space.base, one, other, self._rng)

    def _note(self, series: ScaledSeries) -> None:
        """End an iteration."""
        stages: list[dict[Arch, None]] = [{} for _ in range(self.num_stages)]
        for stage, arch in self._asked:
            stages[stage - 1][arch] = None
        self._asked = []
        # Inside, more is better; the history has the metric itself.
        sign = 1.0 if self.metric.direction == 'max' else -1.0
        scores = [[sign * self._scores[arch] for arch in archs] for archs in stages]
        self.history.append(
            Iteration(
                len(self.history),
                series,
                sign * self.breeder.fitness(series),
                tuple(statistics.fmean(row) for row in scores),
                tuple(statistics.pstdev(row) for row in scores),
            )
        )

    def findings(self) -> dict[str, str]:
        """Scalings and archs of the best series (stage 0 is the base), and all iterations."""
        if not self.history:
            return {}
        return findings(self.history, self.breeder, self.metric.direction)

    @property
    def best(self) -> Iteration | None:
        """The iteration with the fittest series that is within all budgets, if there is one."""
        return best_of(self.history, self.breeder, self.metric.direction)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        names = ('num_stages', 'num_bases', 'iterations', 'population', 'generations', 'mode')
        budgets, variation = self.breeder.budgets, self.variation
        return {
            'type': 'mcea',
            **{name: getattr(self, name) for name in names},
            **{name: getattr(budgets, name) for name in ('base_macs', 'growth', 'tolerance')},
            **{name: getattr(variation, name) for name in ('p_crossover', 'p_unit', 'p_mutation')},
            'weights': list(self.breeder.weights),
            'scalings': [asdict(scaling) for scaling in self.fixed],
            'max_tries': self.max_tries,
        }


@dataclass(frozen=True, slots=True)
class Iteration:
    """One step of the chain: the best series after it, and how the networks it asked for scored.

    `fitness` is the weighted mean of the metric over its networks. `mean` and `std` hold
    one number a stage, over the different networks of that stage (ScaleNet, figure 6); iteration 0
    is the initial grid.
    """

    index: int
    best: ScaledSeries
    fitness: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def best_of(
    history: Sequence[Iteration], breeder: Breeder, direction: str = 'max'
) -> Iteration | None:
    """The iteration whose series is the fittest of those within all budgets; the last of equals.

    The series of iteration 0 need not be: its scalings fit the random bases on average.
    """
    within = [step for step in reversed(history) if breeder.within(step.best)]
    best = max if direction == 'max' else min
    return best(within, key=lambda step: step.fitness, default=None)


def findings(
    history: Sequence[Iteration], breeder: Breeder, direction: str = 'max'
) -> dict[str, str]:
    """File name -> text: iterations.csv, scalings.yaml, and stages/sN.yaml (s0 is the base).

    The last two once a series is within all budgets.
    """
    files = {'iterations.csv': table_text([_row(step, breeder) for step in history])}
    step = best_of(history, breeder, direction)
    if step is None:
        return files
    best = step.best
    stages = dict(enumerate(best.scalings, 1))
    return {
        **files,
        'scalings.yaml': SearchedScalings(stages, breeder.space.rounding).dump(),
        **{
            f'stages/s{j}.yaml': dump(arch)
            for j, arch in enumerate([best.base, *breeder.grown(best)])
        },
    }


def _row(step: Iteration, breeder: Breeder) -> dict[str, float]:
    row: dict[str, float] = {
        'iteration': step.index,
        'fitness': step.fitness,
        'base_macs': breeder.macs(step.best.base),
    }
    grown = breeder.grown(step.best)
    for j, (scaling, arch) in enumerate(zip(step.best.scalings, grown, strict=True), 1):
        for name in ('depth', 'width', 'resolution'):
            row[f'stage{j}_{name}'] = getattr(scaling, name)
        row[f'stage{j}_macs'] = breeder.macs(arch)
        row[f'stage{j}_mean'], row[f'stage{j}_std'] = step.mean[j - 1], step.std[j - 1]
    return row
