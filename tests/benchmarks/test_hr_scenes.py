"""The table that the package holds: complete, its costs are counted, searches on it repeat."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter as Counts

import pytest

from scalenas.benchmarks import TableBenchmark, hr_scenes
from scalenas.complexity import COLUMNS, Cost, Counter
from scalenas.latency import unit_key, units_of
from scalenas.search import Objectives, SearchPlan, front_of, rank_study
from tests.errors import raises
from tests.search.table import search_in_memory


@pytest.fixture(scope='module')
def table() -> TableBenchmark:
    return hr_scenes.load()


def test_it_has_the_networks_that_it_says(table: TableBenchmark) -> None:
    assert len(set(table.archs)) == len(table) == table.space.size() == 4096
    assert table.about['evaluated'] == 1584
    for end in (table.space.smallest(), table.space.largest()):
        assert 0 < table.evaluate(end)['mIoU'] < 100
    assert hr_scenes.SCORES.stat().st_size + hr_scenes.ALONE.stat().st_size < 300_000


def test_costs_are_those_of_the_counter(table: TableBenchmark) -> None:
    count = Counter(tuple(table.about['size']), rest=Cost(table.about['head']))
    for arch, record in zip(table.archs[::7], table.records[::7], strict=True):
        counted = {name: record.cost[name] for name in COLUMNS}
        assert count(arch) == Cost(counted)
        assert record.cost == table.cost(arch)
        assert all(isinstance(value, int) for value in counted.values())


def test_milliseconds_are_of_the_units_that_a_device_runs(table: TableBenchmark) -> None:
    by_units: dict[frozenset[tuple[str, int]], set[float]] = {}
    for arch, record in zip(table.archs, table.records, strict=True):
        units = Counts(unit_key(unit) for _, unit in units_of(arch, (64, 64)))
        by_units.setdefault(frozenset(units.items()), set()).add(record.cost['ms'])
    assert all(len(values) == 1 for values in by_units.values())
    ms = {units: values.pop() for units, values in by_units.items()}
    # Each block of the finest branch that is left out saves the same.
    block = 'BasicBlock(channels=8, size=(16, 16))'
    saved = [
        (ms[units] - ms[fewer]) / (dict(units)[block] - dict(fewer)[block])
        for units in ms
        for fewer in [units - {(block, dict(units)[block])} | {(block, dict(units)[block] - 1)}]
        if fewer in ms
    ]
    assert len(saved) > 100
    assert saved == pytest.approx([saved[0]] * len(saved))
    assert 0 < saved[0] < min(ms.values())


def test_a_search_for_milliseconds_finds_the_front_of_a_device(table: TableBenchmark) -> None:
    objectives = (('mIoU', 'max'), ('ms', 'min'))
    true = {record.arch for record in table.front(objectives)}
    assert true != {record.arch for record in table.front()}
    algorithm = {'type': 'nsga2', 'population': 40, 'num_total': 800}
    found = table.search(algorithm, seed=0, objectives=objectives)
    mine = front_of(found, Objectives.from_dict(objectives, ('ms',)))
    assert len(true & {record.arch for record in mine}) > len(true) / 3


def test_a_search_is_the_same_to_the_bit_and_the_one_that_evaluates(table: TableBenchmark) -> None:
    algorithm = {'type': 'topology_evolution', 'num_initial': 20, 'num_parents': 10}
    algorithm |= {'num_total': 60, 'p_mutation': 0.1, 'p_depth': 0.1}
    found = table.search(algorithm, seed=1)
    assert found == hr_scenes.load().search(algorithm, seed=1)
    plan = SearchPlan.from_dict(
        {'algorithm': algorithm, 'objectives': (('mIoU', 'max'), ('macs', 'min'))}
    )
    search = plan.build(table.space, table.cost)
    assert found == search_in_memory(search, 1, table.evaluate)
    assert len(found) == 60


SEARCHES = """
from scalenas.benchmarks import hr_scenes
table = hr_scenes.load()
found = table.search({'type': 'predictor', 'num_total': 60}, seed=1)
print([table.slot(record.arch) for record in found])
"""


def test_evolution_proposes_what_it_always_did(table: TableBenchmark) -> None:
    algorithm = {'type': 'topology_evolution', 'num_initial': 20, 'num_parents': 10}
    algorithm |= {'num_total': 60, 'p_mutation': 0.1, 'p_depth': 0.1}
    slots = [table.slot(record.arch) for record in table.search(algorithm, seed=1)]
    assert slots[:6] == [256, 1385, 4020, 64, 620, 4005]
    assert hashlib.sha256(str(slots).encode()).hexdigest()[:16] == '04c7a4cdd2c75950'


def test_a_predictor_proposes_the_same_in_another_process(table: TableBenchmark) -> None:
    pytest.importorskip('sklearn')
    slots = [
        table.slot(record.arch)
        for record in table.search({'type': 'predictor', 'num_total': 60}, seed=1)
    ]
    other = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SEARCHES], capture_output=True, text=True, check=True
    )
    assert json.loads(other.stdout) == slots
    assert len(set(slots)) == 60


def test_the_order_of_networks_alone_is_that_of_the_page(table: TableBenchmark) -> None:
    assert len(table.alone) == 24
    assert all(set(one.seeds) == {0, 1} for one in table.alone)
    least, most = table.alone[0], table.alone[-1]
    assert (least.arch, most.arch) == (table.space.smallest(), table.space.largest())
    assert table.about['trivial'] == pytest.approx(9.8, abs=0.05)
    assert least.mean('mIoU') == pytest.approx(31.0, abs=0.05)
    gaps = [abs(one.seeds[0]['mIoU'] - one.seeds[1]['mIoU']) for one in table.alone]
    assert sum(gaps) / 24 == pytest.approx(0.92, abs=0.005)
    shown = [table.evaluate(one.arch)['mIoU'] for one in table.alone]
    seeds = [[one.seeds[seed]['mIoU'] for one in table.alone] for seed in (0, 1)]
    means = [one.mean('mIoU') for one in table.alone]
    taus = [
        rank_study(x, y, resamples=1).kendall.value
        for x, y in ((shown, means), (shown, seeds[0]), (shown, seeds[1]), seeds)
    ]
    assert taus == pytest.approx([0.676, 0.582, 0.647, 0.638], abs=5e-4)


def test_a_network_of_another_width_is_not_there(table: TableBenchmark) -> None:
    from scalenas.space import HRSpace

    wider = HRSpace(16, table.space.to_dict()['num_modules'], stem=16)  # type: ignore[arg-type]
    with raises(where='arch', got=wider.smallest().summary):
        table.evaluate(wider.smallest())
