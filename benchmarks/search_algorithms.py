"""The algorithms that benchmarks/search_quality.py compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from search_problems import World

from scalenas.arch import Arch
from scalenas.search import (
    NSGA2,
    AbstractSearch,
    OptunaSearch,
    PredictorSearch,
    RandomSearch,
    TopologyEvolution,
)


class Pooled(PredictorSearch):
    """Screens the networks of a table instead of offspring."""

    pool: Sequence[Arch] = ()

    def _candidates(self, surrogate: Any, records: Any, draw: Any) -> Any:
        seen = {record.arch for record in records}
        archs = [arch for arch in self.pool if arch not in seen]
        return self._matrix.rows(archs), archs, [self.cost(arch) for arch in archs]


def paper(world: World, most: int) -> AbstractSearch:
    """Algorithm 1 of ScaleNAS with its numbers, or as many less."""
    n = min(1000, most // 2)
    options: dict[str, Any] = {'num_initial': n, 'num_parents': n // 10, 'num_total': most}
    return TopologyEvolution(world.space, world.objectives, world.count, **options)


def gentle(world: World, most: int) -> AbstractSearch:
    """The same with fewer first networks and mutations: as the recipes have it."""
    return TopologyEvolution(
        world.space,
        world.objectives,
        world.count,
        num_initial=100,
        num_parents=50,
        num_total=most,
        p_mutation=0.1,
        p_depth=0.1,
    )


def nsga2(world: World, most: int) -> AbstractSearch:
    """The default of the package."""
    return NSGA2(world.space, world.objectives, world.count, num_total=most)


def chance(world: World, most: int) -> AbstractSearch:
    """Drawn evenly."""
    return RandomSearch(world.space, world.objectives, world.count, num_total=most)


def predictor(
    initial: Literal['uniform', 'stratified'] = 'stratified',
) -> Callable[[World, int], AbstractSearch]:
    """The default of the package, or begun with an even sample as NSGA-II is."""

    def made(world: World, most: int) -> AbstractSearch:
        kind = Pooled if world.pool else PredictorSearch
        search = kind(world.space, world.objectives, world.count, num_total=most, initial=initial)
        if isinstance(search, Pooled):
            search.pool = world.pool
        return search

    return made


def optuna(sampler: str, **options: Any) -> Callable[[World, int], AbstractSearch]:
    """A sampler of Optuna."""
    return lambda world, most: OptunaSearch(
        world.space, world.objectives, world.count, sampler=sampler, num_total=most, options=options
    )


@dataclass(frozen=True)
class Way:
    """An algorithm of the comparison: how it is made, evaluations, words for the table."""

    make: Callable[[World, int], AbstractSearch]
    most: int
    words: str


WAYS: Mapping[str, Way] = {
    'predictor': Way(predictor(), 200, 'predictor'),
    'predictor_even': Way(predictor('uniform'), 200, 'predictor, begun with an even sample'),
    'paper': Way(paper, 2000, 'topology evolution as in the paper, p_mutation 0.5'),
    'gentle': Way(gentle, 2000, 'topology evolution, p_mutation 0.1, p_depth 0.1'),
    'nsga2': Way(nsga2, 2000, 'NSGA-II'),
    'random': Way(chance, 2000, 'random'),
    'optuna_nsga2': Way(optuna('NSGAIISampler'), 500, "Optuna's NSGAIISampler"),
    'optuna_nsga3': Way(optuna('NSGAIIISampler'), 500, "Optuna's NSGAIIISampler"),
    'optuna_tpe': Way(optuna('TPESampler', n_startup_trials=30), 100, "Optuna's TPESampler"),
}
