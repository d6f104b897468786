"""MCEA on a table evaluation: what it asks, what it finds, and that a killed run ends the same."""

from __future__ import annotations

import csv
import math
import os
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalenas.arch import Arch, from_file
from scalenas.scaling import SearchedScalings, scale
from scalenas.search import (
    Objectives,
    ScaledSeries,
    SearchStudy,
    StageBudgets,
    run_search,
    write_findings,
)
from scalenas.search.scaled_series import Breeder
from scalenas.visualization.draw_search import draw_iterations

from .forked import Forked
from .scaled import BASE, BUDGETS, COST, OBJECTIVES, SPACE, mcea, score
from .table import counted, key, search_in_memory


def test_it_asks_for_networks_within_their_stage_budgets_once_each() -> None:
    search = mcea()
    records = search_in_memory(search, evaluate=score)
    assert len({r.arch for r in records}) == len(records) > 40
    first = sum(r.generation == 0 for r in records)
    for record in records[first:]:
        assert any(BUDGETS.meets(record.cost['macs'], stage) for stage in (1, 2)), record.cost
    for iteration in search.history:
        assert BUDGETS.meets(COST(iteration.best.base)['macs'], 0)


def test_the_chain_alternates_and_its_best_never_gets_worse_under_its_own_scalings() -> None:
    search = mcea()
    search_in_memory(search, evaluate=score)
    assert [iteration.index for iteration in search.history] == [0, 1, 2, 3]
    fitness = [iteration.fitness for iteration in search.history[1:]]
    # The start of a population is the last base, so only a base that no longer fits is lost.
    assert fitness == sorted(fitness)
    assert all(len(i.mean) == len(i.std) == 2 for i in search.history)


def test_it_finds_the_best_scaling_of_its_base_exactly() -> None:
    search = mcea()
    search_in_memory(search, evaluate=score)
    best = search.history[-1].best
    for stage, chosen in enumerate(best.scalings, 1):
        feasible = [
            s
            for s in SPACE.strategies(stage)
            if BUDGETS.meets(COST(SPACE.grown(best.base, s))['macs'], stage)  # type: ignore[arg-type]
        ]
        values = [score(SPACE.grown(best.base, s))['accuracy'] for s in feasible]  # type: ignore[arg-type]
        assert len(feasible) > 1
        assert score(SPACE.grown(best.base, chosen))['accuracy'] == max(values)  # type: ignore[arg-type]


def test_a_weight_of_nothing_ignores_its_stage() -> None:
    search = mcea(weights=(0.0, 2.0))
    search_in_memory(search, evaluate=score)
    last = search.history[-1]
    assert last.fitness == score(SPACE.grown(last.best.base, last.best.scalings[1]))['accuracy']  # type: ignore[arg-type]


def test_controls_joint_and_fixed() -> None:
    fixed = [{'depth': 1.3, 'width': 1.2, 'resolution': 1.15}] * 2
    alone = mcea(
        mode='fixed',
        scalings=[fixed[0], {'depth': 1.3, 'width': 1.2, 'resolution': 1.3}],
        tolerance=0.6,
    )
    search_in_memory(alone, evaluate=score)
    assert {i.best.scalings for i in alone.history} == {alone.fixed}
    joint = mcea(mode='joint')
    search_in_memory(joint, evaluate=score)
    assert len(joint.history) == 1
    assert len(joint.history[0].best.scalings) == 2


def test_joint_mutates_scalings_as_it_mutates_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each stage, on average one in all, to any scaling that fits; else a parent's."""

    class Caught(Exception):
        pass

    caught = {}

    def evolve(self: Breeder, draw: Any, vary: Any, *_: Any) -> None:
        caught['vary'] = vary
        raise Caught

    search = mcea(mode='joint')
    monkeypatch.setattr(Breeder, 'evolve', evolve)
    with pytest.raises(Caught):
        search.generation(0, [], random.Random(0))
    search._rng = random.Random(1)
    bases = search.breeder.bases(search.num_bases, random.Random(0))
    options = [search.breeder.feasible(bases, stage) for stage in (1, 2)]
    assert min(map(len, options)) > 2
    one, other = (ScaledSeries(BASE.smallest(), tuple(row[i] for row in options)) for i in (0, 1))
    draws = 2000
    children = [caught['vary'](one, other) for _ in range(draws)]
    for stage, row in enumerate(options):
        found = Counter(child.scalings[stage] for child in children)
        assert set(found) == set(row)
        redrawn = 0.5  # one of two stages
        for i, scaling in enumerate(row):
            p = redrawn / len(row) + (0.5 * (1 - redrawn) if i < 2 else 0.0)
            spread = math.sqrt(draws * p * (1 - p))
            assert found[scaling] == pytest.approx(draws * p, abs=5 * spread), (stage, i)


def test_num_total_stops_it_and_more_continues() -> None:
    short = search_in_memory(mcea(num_total=50), evaluate=score)
    whole = search_in_memory(mcea(), evaluate=score)
    assert len(short) == 50
    assert [r.arch for r in whole[:50]] == [r.arch for r in short]


def test_the_last_iteration_counts_when_the_evaluations_just_suffice() -> None:
    whole = mcea()
    num = len(search_in_memory(whole, evaluate=score))
    just = mcea(num_total=num)
    assert len(search_in_memory(just, evaluate=score)) == num
    assert just.history == whole.history
    short = mcea(num_total=num - 1)
    assert len(search_in_memory(short, evaluate=score)) == num - 1
    assert short.history == whole.history[: len(short.history)] != whole.history


def test_where_less_is_better_the_same_is_found_and_told_as_it_is() -> None:
    search, turned = mcea(), mcea(objectives=Objectives.from_dict((('error', 'min'), 'macs')))
    search_in_memory(search, evaluate=score)
    search_in_memory(turned, evaluate=lambda arch: {'error': 50.0 - score(arch)['accuracy']})
    assert [i.best for i in turned.history] == [i.best for i in search.history]
    for one, other in zip(turned.history, search.history, strict=True):
        assert one.fitness == pytest.approx(50.0 - other.fitness)
        assert one.mean == pytest.approx([50.0 - value for value in other.mean])
    assert turned.best is not None
    assert search.best is not None
    assert turned.best.best == search.best.best
    found, expected = turned.findings(), search.findings()
    assert found['scalings.yaml'] == expected['scalings.yaml']


SHORT: dict[str, object] = {'num_bases': 2, 'iterations': 2, 'generations': 2}
"""A chain of 81 networks whose base changes in every iteration."""


@pytest.mark.longer
def test_a_run_killed_in_the_middle_ends_with_the_same_result(tmp_path: Path) -> None:
    straight = mcea(**SHORT)
    undisturbed = search_in_memory(straight, evaluate=score)
    assert len({iteration.best.base for iteration in straight.history}) == 3
    # After the first grid, in the search for a base.
    enough = sum(record.generation == 0 for record in undisturbed) + 8
    calls, where = tmp_path / 'calls', f'sqlite:///{tmp_path / "study.db"}'
    process = Forked(_worker, where, str(calls))
    deadline = time.monotonic() + 120
    while len(counted(calls)) < enough and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = len(counted(calls))
    assert enough <= done < len(undisturbed)
    search = mcea(**SHORT)
    records = run_search(search, _study(where), score)
    assert [key(r.arch) for r in records] == [key(r.arch) for r in undisturbed]
    assert search.history == straight.history


@pytest.mark.longer
def test_two_workers_share_the_networks_and_end_alike(tmp_path: Path) -> None:
    calls, where = tmp_path / 'calls', f'sqlite:///{tmp_path / "study.db"}'
    process, mine = Forked(_worker, where, str(calls)), []

    def slow(arch: Arch) -> dict[str, float]:
        time.sleep(0.02)
        mine.append(key(arch))
        return score(arch)

    deadline = time.monotonic() + 120
    while not counted(calls) and time.monotonic() < deadline:
        time.sleep(0.02)
    search, straight = mcea(**SHORT), mcea(**SHORT)
    run_search(search, _study(where), slow, poll_seconds=0.05)
    assert process.wait() == 0, process.errors()
    undisturbed = search_in_memory(straight, evaluate=score)
    assert search.history == straight.history
    assert mine
    assert sorted([*mine, *counted(calls)]) == sorted(key(r.arch) for r in undisturbed)


def test_findings_are_files_that_others_read(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib')
    search = mcea()
    assert search.findings() == {}
    search_in_memory(search, evaluate=score)
    write_findings(search.findings(), tmp_path)
    assert search.best is not None
    best = search.best.best
    assert from_file(tmp_path / 'stages/s0.yaml') == best.base
    searched = SearchedScalings.from_file(tmp_path / 'scalings.yaml')
    for stage in (1, 2):
        grown = scale(best.base, searched(stage), searched.rule).arch  # type: ignore[type-var]
        assert from_file(tmp_path / f'stages/s{stage}.yaml') == grown
    rows = list(csv.DictReader((tmp_path / 'iterations.csv').read_text().splitlines()))
    assert [float(row['fitness']) for row in rows] == [step.fitness for step in search.history]
    draw_iterations(tmp_path / 'iterations.png', search.history, 'accuracy')
    assert (tmp_path / 'iterations.png').stat().st_size > 10_000


def test_what_it_finds_is_within_every_budget() -> None:
    """Also where the first grid, which only asks for a mean of the bases, saw better networks."""
    outside = 0
    for seed in range(6):
        search = mcea(tolerance=0.15, num_bases=8, iterations=1, population=2, generations=1)
        search_in_memory(search, evaluate=lambda arch: {'accuracy': COST(arch)['macs']}, seed=seed)
        first = search.history[0]
        assert search.best is not None
        outside += not search.breeder.within(first.best) and first.fitness > search.best.fitness
        archs = [search.best.best.base, *search.breeder.grown(search.best.best)]
        budgets = StageBudgets(BUDGETS.base_macs, 2.0, 0.15)
        assert all(budgets.meets(COST(arch)['macs'], stage) for stage, arch in enumerate(archs))
    assert outside
    search.history[1:] = []
    search.history[0] = replace(first, best=replace(first.best, base=BASE.largest()))
    assert list(search.findings()) == ['iterations.csv']


def _study(where: str) -> SearchStudy:
    return SearchStudy.open(where, 'mcea', OBJECTIVES, {'seed': 0})


def _worker(where: str, calls: str) -> None:
    def slow(arch: Arch) -> dict[str, float]:
        time.sleep(0.02)
        with open(calls, 'a') as file:
            file.write(f'{key(arch)} {os.getpid()}\n')
        return score(arch)

    run_search(mcea(**SHORT), _study(where), slow, poll_seconds=0.05)
