"""Searches whose workers never wait: their studies in memory, and what holds once they ended."""

from __future__ import annotations

from collections.abc import Callable

import optuna

from scalenas.search import (
    NSGA2,
    AbstractSearch,
    OptunaSearch,
    Record,
    SearchStudy,
    check_proposals,
    run_search,
)
from scalenas.search.study import WAYS

from .table import (
    COST,
    OBJECTIVES,
    SPACE,
    coarse_to_fine,
    evolution,
    predictor,
    random_search,
    score,
)

FEW = {'num_initial': 6, 'num_parents': 3, 'num_total': 16}


def nsga2() -> NSGA2:
    return NSGA2(SPACE, OBJECTIVES, COST, population=6, num_total=16)


def genetic() -> OptunaSearch:
    options = {'population_size': 4}
    return OptunaSearch(
        SPACE, OBJECTIVES, COST, sampler='NSGAIISampler', num_total=16, options=options
    )


ALGORITHMS: dict[str, Callable[[], AbstractSearch]] = {
    'evolution': lambda: evolution(**FEW),
    'random': lambda: random_search(num_total=16),
    'coarse_to_fine': lambda: coarse_to_fine(num_total=16),
    'nsga2': nsga2,
    'predictor': lambda: predictor(num_initial=6, batch=3, num_total=16),
    'optuna': genetic,
}


def studies(count: int) -> list[SearchStudy]:
    """So many workers' views of one study in memory."""
    storage = optuna.storages.InMemoryStorage()
    storage.create_new_study([WAYS[o.direction] for o in OBJECTIVES], 'test')
    return [SearchStudy(storage, 'test', 'memory', OBJECTIVES) for _ in range(count)]


def search(
    study: SearchStudy, algorithm: AbstractSearch | None = None, **options: object
) -> list[Record]:
    return run_search(
        algorithm or evolution(**FEW),
        study,
        score,
        mode='async',
        poll_seconds=0.01,
        **options,  # type: ignore[arg-type]
    )


def assert_whole(study: SearchStudy, algorithm: AbstractSearch, seed: int = 0) -> None:
    """Every slot once, every network once, each as it can be proposed again."""
    records = study.records()
    assert [record.slot for record in records] == list(range(algorithm.num_total))
    assert len({record.arch for record in records}) == len(records)
    assert all(record.metrics == score(record.arch) for record in records)
    complete = [row for row in study.claims() if row.state == optuna.trial.TrialState.COMPLETE]
    assert len(complete) == algorithm.num_total
    assert check_proposals(algorithm, study, seed) == len(study.claims())
