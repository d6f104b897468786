"""Coarse-to-fine selection: the grid, its skeletons, mutations around them; kill and resume."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from scalenas.complexity import Budget, Cost, Counter
from scalenas.search import CoarseToFine, Objectives, Record, SearchError, SearchPlan, SearchStudy
from scalenas.search.coarse_to_fine import grid_archs
from scalenas.space import MBConvSpace, StageChoices, bignas_space
from tests.errors import contains, raises

from .forked import Forked
from .table import (
    COST,
    GRID,
    OBJECTIVES,
    SPACE,
    coarse_to_fine,
    counted,
    key,
    search_in_memory,
    worker,
)

PAPER = (
    {'genes': ['resolution'], 'levels': 5},
    {'genes': ['*.depth'], 'levels': 4},
    {'genes': ['stem', '*.width', 'conv_out'], 'levels': 2},
    {
        'settings': [
            {'*.kernel': 3},
            {'*.kernel': 3, 's[67].*.kernel': 5},
            {'*.kernel': 3, 's[34567].*.kernel': 5},
            {'*.kernel': 3, 's[35].*.kernel': 5},
        ]
    },
)


def test_the_grid_of_the_paper_has_160_networks() -> None:
    """5 resolutions, 4 depths, 2 widths and 4 kernel configurations (section 4.4)."""
    space = bignas_space()
    archs = grid_archs(space, PAPER)
    assert len(archs) == len(set(archs)) == 5 * 4 * 2 * 4
    assert all(arch in space for arch in archs)
    assert {arch.resolution for arch in archs} == {192, 224, 256, 288, 320}
    depths = {tuple(len(stage.blocks) for stage in arch.stages) for arch in archs}
    assert depths == {
        (1, 2, 2, 2, 2, 2, 1),
        (1, 2, 2, 3, 3, 3, 1),
        (2, 3, 3, 3, 5, 5, 2),
        (2, 3, 3, 4, 6, 6, 2),
    }
    assert {arch.stem for arch in archs} == {32, 40}
    narrow = space.where('*.kernel', (3,)).smallest()
    assert archs[0] == narrow


def test_a_grid_over_depths_and_fusions() -> None:
    archs = grid_archs(SPACE, GRID)
    assert len(archs) == 9
    assert archs[0] == SPACE.smallest()
    assert archs[-1] == SPACE.largest()
    fused = archs[-2]
    assert [any(map(any, m.fusions)) for m in fused.modules] == [False, False, True]


def test_equal_networks_are_in_the_grid_once() -> None:
    """Seven levels of three depths are three."""
    (_, fusions) = GRID
    archs = grid_archs(SPACE, [{'genes': ['*.depth'], 'levels': 7}, fusions])
    assert archs == grid_archs(SPACE, GRID)


@pytest.mark.parametrize(
    ('grid', 'place', 'fields'),
    [
        ([GRID[0]], '', {'problem': contains('no value', 's2.m0.t0.f0<-1')}),
        ([*GRID, GRID[0]], ', s2.m0.b0.depth', {'problem': contains('[0] and [2]')}),
        ([{'genes': ['*.dept'], 'levels': 3}, GRID[1]], '[0].pattern', {'got': '*.dept'}),
        ([{'genes': ['*.depth'], 'levels': 1}, GRID[1]], '[0].levels', {'got': 1}),
        ([{'genes': ['*.depth']}, GRID[1]], '[0]', {'problem': "key 'levels' is missing"}),
        (
            [{'settings': [{'*.depth': 9}]}, GRID[1]],
            '[0].settings[0], s2.m0.b0.depth',
            {'got': 9, 'allowed': (1, 2, 3), 'hint': contains("'*.depth'")},
        ),
        (
            [{'settings': [{'*.depth': 1}, {'s2.*.depth': 2}]}, GRID[1]],
            '[0].settings[1]',
            {'problem': contains('says nothing of s3')},
        ),
        ([{'settings': [3]}, GRID[1]], '[0].settings[0]', {'got': 3}),
        ('all', '', {'got': 'all', 'allowed': 'a list of dimensions'}),
    ],
)
def test_a_grid_that_is_none(grid: Any, place: str, fields: dict[str, Any]) -> None:
    with raises(where=f'search.algorithm.grid{place}', **fields):
        coarse_to_fine(grid=grid)


def test_the_skeleton_is_the_best_of_the_grid_within_its_budget() -> None:
    search = coarse_to_fine()
    records = search_in_memory(search)
    assert [r.arch for r in records[:9]] == grid_archs(SPACE, GRID)
    found = search.skeletons(records)
    assert list(found) == list(search.bounds)
    for bound, skeleton in found.items():
        within = [r for r in records[:9] if r.cost['macs'] <= bound]
        assert 0 < len(within) < 9
        assert skeleton.metrics['mIoU'] == max(r.metrics['mIoU'] for r in within)
    assert len({r.arch for r in found.values()}) == 2


def test_of_equal_scores_the_cheaper_is_the_skeleton() -> None:
    search = coarse_to_fine(budgets=[1e12])
    arch = SPACE.smallest()
    records = [
        Record(slot, arch, Cost(macs=macs, params=1, acts=1), {'mIoU': 5.0}, 0)
        for slot, macs in enumerate((30, 20, 20))
    ]
    assert search.skeletons(records)[1e12].slot == 1
    down = CoarseToFine(
        SPACE, Objectives.from_dict((('mIoU', 'min'), 'macs')), COST, GRID, budgets=[1e12]
    )
    worse = Record(3, arch, Cost(macs=40, params=1, acts=1), {'mIoU': 4.0}, 0)
    assert search.skeletons([*records, worse])[1e12].slot == 1
    assert down.skeletons([*records, worse])[1e12].slot == 3


def test_mutations_keep_to_the_budget_of_their_skeleton_and_near_it() -> None:
    search = coarse_to_fine(p_mutation=0.02)
    records = search_in_memory(search)
    low, high = search.skeletons(records).items()
    fine = records[9:]
    assert len(fine) == 31
    assert len({r.arch for r in records}) == 40
    for turn, record in enumerate(fine):
        bound, skeleton = (low, high)[turn % 2]
        assert record.cost['macs'] <= bound
        old, new = SPACE.encode(skeleton.arch), SPACE.encode(record.arch)
        # Genes that only a greater depth makes active are drawn anew.
        moved = [name for name in old if name in new and old[name] != new[name]]
        assert 1 <= len(moved) < len(old) / 4


def test_more_evaluations_continue_the_same_search() -> None:
    short, long = (search_in_memory(coarse_to_fine(num_total=n)) for n in (21, 40))
    assert [r.arch for r in short] == [r.arch for r in long][:21]


def test_a_bound_of_the_search_is_the_budget_and_trims_the_grid() -> None:
    most = COST(SPACE.largest())['macs'] / 2
    search = coarse_to_fine(budgets=None, budget=Budget(macs=(None, most)))
    assert search.bounds == (most,)
    records = search_in_memory(search)
    assert len(records) == 40
    assert len([r for r in records if r.generation == 0]) < 9
    assert all(r.cost['macs'] <= most for r in records)


def test_when_nothing_new_is_near_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Two genes of two values: four networks, two of them beyond the budget."""
    space = MBConvSpace([StageChoices((8,), (1, 2), (3, 5), (1,), (False,))], (32,), (8,), (16,))
    space = space.where('s1.b1.kernel', (3,))
    cost = Counter((32, 32))
    grid = [{'genes': ['*.depth'], 'levels': 2}, {'genes': ['*.kernel'], 'levels': 2}]
    search = CoarseToFine(space, OBJECTIVES, cost, grid, num_total=9, budgets=[1e12])
    records: list[Record] = []
    for index in range(2):
        archs = search.generation(index, records, random.Random(index))
        records += [
            Record(len(records) + i, a, cost(a), {'mIoU': 1.0}, index) for i, a in enumerate(archs)
        ]
    assert len(records) == space.size() == 4
    assert 'found 0 of 5 networks' in caplog.text


@pytest.mark.parametrize(
    ('changes', 'key', 'fields'),
    [
        (
            {'budgets': [1000.0, 1e12]},
            'budgets',
            {'got': 'macs <= 1000', 'problem': contains('none of the 9')},
        ),
        ({'budgets': []}, 'budgets', {'got': [], 'allowed': contains('at least one')}),
        ({'budgets': [-1]}, 'budgets', {'got': -1, 'allowed': 'a number > 0'}),
        ({'budgets': None}, 'budgets', {'got': None, 'allowed': contains('bounds on macs')}),
        ({'num_total': 8}, 'num_total', {'got': 8, 'allowed': contains('the 9 networks')}),
        ({'p_mutation': 2}, 'p_mutation', {'got': 2, 'allowed': 'a number in 0 ... 1'}),
    ],
)
def test_bad_arguments(changes: dict[str, Any], key: str, fields: dict[str, Any]) -> None:
    with raises(where=f'search.algorithm.{key}', **fields):
        coarse_to_fine(**changes)


def test_a_budget_below_the_space() -> None:
    with raises(where='budget.macs', got=1000, hint='raise the bound'):
        coarse_to_fine(budget=Budget(macs=(None, 1000)))


def test_a_budget_between_the_space_and_the_grid_names_the_cheapest_of_the_grid() -> None:
    grid = [{'settings': [{'*.depth': 2}, {'*.depth': 3}]}, GRID[1]]
    bound = COST(SPACE.smallest())['macs'] + 1
    cheapest = min(COST(arch)['macs'] for arch in grid_archs(SPACE, grid))
    with raises(SearchError, got=contains('macs <='), allowed=contains(f'{cheapest:,}')):
        coarse_to_fine(grid=grid, budgets=[bound])


def test_in_a_config() -> None:
    table = {'type': 'coarse_to_fine', 'grid': list(GRID), 'num_total': 40}
    plan = SearchPlan.from_dict(
        {'algorithm': table, 'objectives': ('mIoU', 'macs'), 'size': (64, 64)}
    )
    search = plan.with_(budget=Budget(macs=(None, 1e9))).build(SPACE, COST)
    assert isinstance(search, CoarseToFine)
    assert search.settings()['grid'] == [dict(GRID[0]), {'settings': list(GRID[1]['settings'])}]
    assert plan.with_('random').build(SPACE, COST).num_total == 40
    table = {'type': 'random', 'num_total': 4}
    other = SearchPlan.from_dict(
        {'algorithm': table, 'objectives': ('mIoU', 'macs'), 'size': (64, 64)}
    )
    where = 'search.algorithm (coarse_to_fine)'
    with raises(where=where, problem="key 'grid' is missing"):
        other.with_('coarse_to_fine').build(SPACE, COST)


@pytest.mark.longer
def test_killed_and_resumed_it_finds_the_same(tmp_path: Path) -> None:
    where, calls = str(tmp_path / 'study.db'), tmp_path / 'calls'
    expected = search_in_memory(coarse_to_fine())
    for stop in (4, 20):  # in the grid, and among the mutations
        process = Forked(worker, where, str(calls), 0.05, 'coarse_to_fine')
        deadline = time.monotonic() + 120
        while len(counted(calls)) < stop:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.wait()
    assert 20 <= len(counted(calls)) < 40
    last = Forked(worker, where, str(calls), 0.0, 'coarse_to_fine')
    assert last.wait() == 0, last.errors()
    assert SearchStudy.read(where).records() == expected
    assert set(counted(calls)) == {key(r.arch) for r in expected}
    assert len(counted(calls)) <= 40 + 2
