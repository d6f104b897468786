"""The table that the package holds: complete, its costs are counted, searches on it repeat."""

from __future__ import annotations

import pytest

from scalenas.benchmarks import TableBenchmark, hr_scenes
from scalenas.complexity import Cost, Counter
from scalenas.search import SearchPlan, rank_study
from tests.errors import raises
from tests.search.table import search_in_memory


@pytest.fixture(scope='module')
def table() -> TableBenchmark:
    return hr_scenes.load()


def test_it_has_the_networks_that_it_says(table: TableBenchmark) -> None:
    assert len(table) >= 2000
    assert len(set(table.archs)) == len(table) <= table.space.size()
    for end in (table.space.smallest(), table.space.largest()):
        assert 0 < table.evaluate(end)['mIoU'] < 100
    assert hr_scenes.SCORES.stat().st_size + hr_scenes.ALONE.stat().st_size < 300_000


def test_costs_are_those_of_the_counter(table: TableBenchmark) -> None:
    count = Counter(tuple(table.about['size']), rest=Cost(table.about['head']))
    for arch, record in zip(table.archs[::7], table.records[::7], strict=True):
        assert count(arch) == record.cost == table.cost(arch)


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


def test_networks_alone_have_two_seeds_and_the_ends_the_signal(table: TableBenchmark) -> None:
    both = [one for one in table.alone if set(one.seeds) >= {0, 1}]
    assert len(both) >= 5
    least, most = both[0].mean('mIoU'), both[-1].mean('mIoU')
    assert (both[0].arch, both[-1].arch) == (table.space.smallest(), table.space.largest())
    assert 2 * table.about['trivial'] < least < most < 70
    means = [one.mean('mIoU') for one in both]
    shown = [table.evaluate(one.arch)['mIoU'] for one in both]
    assert rank_study(means, shown, resamples=1).kendall.value > 0


def test_a_network_of_another_width_is_not_there(table: TableBenchmark) -> None:
    from scalenas.space import HRSpace

    wider = HRSpace(16, table.space.to_dict()['num_modules'], stem=16)  # type: ignore[arg-type]
    with raises(where='arch', got=wider.smallest().summary):
        table.evaluate(wider.smallest())
