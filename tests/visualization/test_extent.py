"""What a space is said to hold is what it holds: ends, middle, genes, and bounds."""

from __future__ import annotations

import pytest

from scalenas.complexity import Budget, Cost, Counter, Measured
from scalenas.space import AbstractSpace, list_spaces, named
from scalenas.visualization.cost_table import NUM_DRAWN, Extent, groups
from tests.search.table import COST, SPACE


@pytest.fixture(scope='module')
def extent() -> Extent:
    return Extent.of(SPACE, COST)


def test_its_costs_are_those_of_networks(extent: Extent) -> None:
    assert extent.smallest == COST(SPACE.smallest())
    assert extent.largest == COST(SPACE.largest())
    assert extent.middle in extent.drawn
    below = sum(cost['macs'] < extent.middle['macs'] for cost in extent.drawn)
    above = sum(cost['macs'] > extent.middle['macs'] for cost in extent.drawn)
    assert max(below, above) <= NUM_DRAWN // 2 <= NUM_DRAWN
    assert extent == Extent.of(SPACE, COST), 'drawn by a generator of its own'


@pytest.mark.parametrize('percent', [0, 45, 60, 90, 100, 150])
def test_bounds_are_met_by_as_many_as_it_says(extent: Extent, percent: float) -> None:
    most = extent.largest['macs']
    budget = Budget(macs=(None, f'{percent}%')).of(lambda: extent.largest)  # type: ignore[arg-type]
    assert budget == Budget(macs=(None, most * percent / 100))
    last = list(extent.lines(budget))[-1]
    kept = sum(cost['macs'] <= most * percent / 100 for cost in extent.drawn)
    assert f'({percent:.1f}% of the largest)' in last
    if percent == 0:
        assert last.endswith(': no network meets it')
    elif percent >= 100:
        assert last.endswith(': every network meets it')
    else:
        assert last.endswith(f': {kept} of {NUM_DRAWN} random networks meet it')
    assert extent.allows(budget) is (percent > 0)
    floor = Budget(macs=(most * percent / 100, None))
    assert extent.allows(floor) is (percent <= 100)


def test_measured_columns_are_of_the_three_only() -> None:
    calls = []

    def ms(arch: object, size: object) -> float:
        calls.append(arch)
        return 3.0

    of = Extent.of(SPACE, COST, Measured(COST, {'ms': ms}, (64, 64)))
    assert len(calls) == 3
    assert of.largest['ms'] == 3.0
    assert of.allows(Budget(ms=(None, 1))), 'nobody knows of the others'
    assert 'ms' in ' '.join(of.lines(Budget(ms=(None, 1))))


@pytest.mark.parametrize('name', list_spaces())
def test_every_gene_is_in_a_group_that_matches_it(name: str) -> None:
    space: AbstractSpace = named(name)
    rows = groups(space)
    assert sum(int(row[2].replace(',', '')) for row in rows) == len(space.genes)
    for role, pattern, count, offer in rows:
        genes = space.matching(pattern)
        assert len(genes) >= int(count.replace(',', ''))
        assert {role} <= {'', *space.family.roles}
        assert offer


def test_a_gene_of_one_kind_shows_its_values() -> None:
    rows = {pattern: offer for _, pattern, _, offer in groups(SPACE)}
    assert rows['s*.m*.b*.depth'] == '1, 2, 3'
    assert {offer for pattern, offer in rows.items() if 'f*' in pattern} == {'off, on'}


def test_networks_may_bring_their_own_size() -> None:
    space = named('bignas_search')
    extent = Extent.of(space, Counter())
    assert extent.largest == Counter()(space.largest())
    assert isinstance(extent.middle, Cost)
