"""Optuna's GPSampler, which needs torch: within bounds, by what it was shown, resumed as it was."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from scalenas.arch import Arch
from scalenas.complexity import Budget
from scalenas.search import OptunaSearch, Record, SearchPlan, run_search

from .table import COST, SPACE, open_study, score, search_in_memory

pytest.importorskip('torch')

FREE = tuple(f's4.m0.b{branch}.depth' for branch in range(4))
ALGORITHM = {
    'type': 'optuna',
    'sampler': 'GPSampler',
    'options': {'n_startup_trials': 4},
    'batch': 2,
    'num_total': 6,
    'max_tries': 2,
}
"""Two generations at random, one of the Gaussian process."""


def search() -> OptunaSearch:
    """Of four genes and 81 networks, those whose MACs are in the lower three quarters."""
    space = SPACE
    for name in set(SPACE.genes) - set(FREE):
        space = space.where(name, SPACE.genes[name].values[:1])
    assert space.size() == 81
    least, most = COST(space.smallest())['macs'], COST(space.largest())['macs']
    budget = Budget(macs=(None, 0.25 * least + 0.75 * most))
    plan = SearchPlan.from_dict({'algorithm': ALGORITHM, 'objectives': ('mIoU', 'macs')})
    found = replace(plan, budget=budget).build(space, COST)
    assert isinstance(found, OptunaSearch)
    return found


@pytest.fixture(scope='module')
def records() -> list[Record]:
    return search_in_memory(search())


def test_it_proposes_within_bounds(records: list[Record]) -> None:
    limits = search()
    assert [record.generation for record in records] == [0, 0, 1, 1, 2, 2]
    assert len({record.arch for record in records}) == 6
    assert all(record.arch in limits.space for record in records)
    assert all(limits.budget.violation(record.cost) == 0 for record in records)


def test_after_the_start_it_goes_by_the_scores(records: list[Record]) -> None:
    for index, goes_by_them in ((1, False), (2, True)):
        before = [
            replace(record, metrics={'mIoU': -record.metrics['mIoU']})
            for record in records
            if record.generation < index
        ]
        proposed = search().generation(index, before, random.Random(f'0/{index}'))
        known = [record.arch for record in records if record.generation == index]
        assert (proposed != known) == goes_by_them


def test_a_resume_ends_where_one_run_ends(records: list[Record], tmp_path: Path) -> None:
    calls: list[Arch] = []

    def stopping(arch: Arch) -> dict[str, float]:
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(arch)
        return score(arch)

    where = str(tmp_path / 'study.journal')
    with pytest.raises(KeyboardInterrupt):
        run_search(search(), open_study(where), stopping)
    resumed = run_search(search(), open_study(where), score)
    assert [(r.arch, r.cost, r.metrics) for r in resumed] == [
        (r.arch, r.cost, r.metrics) for r in records
    ]
    assert calls == [record.arch for record in records[:5]]
