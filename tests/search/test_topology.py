"""Algorithm 1: what is proposed, from whom, within which bounds; and that it beats chance."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from scalenas.arch import SegHead, named
from scalenas.complexity import Budget, Counter
from scalenas.search import SearchError, TopologyEvolution, hypervolume
from scalenas.space import HRSpace, bignas_space
from tests.errors import contains, raises

from .table import COST, OBJECTIVES, SPACE, evolution, key, random_search, search_in_memory

GOLDEN = Path(__file__).with_name('golden_evolution.json')


@pytest.mark.parametrize('initial', ['uniform', 'stratified'])
def test_golden_run(initial: str) -> None:
    found = {
        str(seed): [key(r.arch) for r in search_in_memory(evolution(initial=initial), seed)]
        for seed in (0, 1)
    }
    assert found == json.loads(GOLDEN.read_text())[initial]


def test_defaults_are_the_papers() -> None:
    settings = TopologyEvolution(SPACE, OBJECTIVES, COST).settings()
    assert (settings['num_initial'], settings['num_parents']) == (1000, 100)
    assert (settings['p_crossover'], settings['p_mutation'], settings['p_depth']) == (
        0.25,
        0.5,
        0.0,
    )
    assert TopologyEvolution(SPACE, OBJECTIVES, COST).num_total == 2000
    assert settings['initial'] == 'stratified'


def test_the_initial_sample_is_the_released_one() -> None:
    """Five shares of fusions times three pairs of depths, as many of each, whatever n0 is."""
    space = HRSpace()
    search = TopologyEvolution(space, OBJECTIVES, COST, num_initial=150, num_total=150)
    archs = search.generation(0, [], random.Random(0))
    shares = (0.2, 0.35, 0.5, 0.65, 0.8)
    pairs = ({2, 3}, {3, 4}, {4, 5})
    for n, arch in enumerate(archs):
        depths = {depth for module in arch.modules for depth in module.depths}
        assert depths <= pairs[n % 3]
        possible = sum((len(m.depths) - 1) * depth for m in arch.modules for depth in m.depths)
        share = arch.num_fusions / possible
        # About 200 switches: six standard deviations of a share are 0.2.
        assert abs(share - shares[n // 3 % 5]) < 0.2
    for k, wanted in enumerate(shares):
        group = [arch for n, arch in enumerate(archs) if n // 3 % 5 == k]
        total = sum(a.num_fusions for a in group) / sum(
            (len(m.depths) - 1) * depth for a in group for m in a.modules for depth in m.depths
        )
        assert abs(total - wanted) < 0.03


@pytest.mark.parametrize(('width', 'names'), [(32, ('s1', 's2')), (48, ('s3', 's4'))])
@pytest.mark.longer
def test_the_initial_sample_reaches_the_published_nets(width: int, names: tuple[str, ...]) -> None:
    """Uniform samples of this size have S1 below all, and S3 below 99 %."""
    counter = Counter((1024, 2048), SegHead(19))
    numbers = {'num_initial': 90, 'num_total': 90}
    search = TopologyEvolution(HRSpace(width), OBJECTIVES, counter, **numbers)
    archs = search.generation(0, [], random.Random(0))
    costs = sorted(counter(arch)['macs'] for arch in archs)
    for name in names:
        below = sum(cost < counter(named(f'scalenas_{name}'))['macs'] for cost in costs)
        assert 0.2 < below / len(costs) < 0.8


def test_no_network_is_proposed_twice_and_the_number_is_exact() -> None:
    records = search_in_memory(evolution())
    assert len(records) == 40
    assert len({record.arch for record in records}) == 40


def test_every_offspring_keeps_modules_depths_of_two_parents() -> None:
    records = search_in_memory(evolution())
    for record in records:
        if record.generation == 0:
            continue
        earlier = [r.arch for r in records if r.generation < record.generation]
        depths = [m.depths for m in record.arch.modules]
        pools = [{a.modules[m].depths for a in earlier} for m in range(len(depths))]
        assert all(depth in pool for depth, pool in zip(depths, pools, strict=True))


def test_variation_reaches_every_module_and_leaves_the_parents_alone() -> None:
    space = HRSpace()
    search = TopologyEvolution(space, OBJECTIVES, COST, p_crossover=0.25, p_mutation=0.05)
    rng = random.Random(0)
    parent, other = space.sample(rng), space.sample(rng)
    before = parent.to_dict(), other.to_dict()
    swapped, mutated = set(), set()
    counts = []
    for _ in range(200):
        child = search.vary(parent, [other], rng)
        taken = [
            m
            for m, (a, b, c) in enumerate(
                zip(parent.modules, other.modules, child.modules, strict=True)
            )
            if c.depths == b.depths != a.depths
        ]
        counts.append(len(taken))
        swapped.update(taken)
        mutated.update(
            m
            for m, (a, c) in enumerate(zip(parent.modules, child.modules, strict=True))
            if c.depths == a.depths and c.fusions != a.fusions
        )
    assert (parent.to_dict(), other.to_dict()) == before
    assert swapped == mutated == set(range(8))
    assert 1.5 < sum(counts) / len(counts) < 2.5


def test_depths_change_only_when_asked() -> None:
    rng = random.Random(0)
    parent = SPACE.sample(rng)
    plain = evolution(p_crossover=0.0)
    depths = [m.depths for m in parent.modules]
    for _ in range(20):
        assert [m.depths for m in plain.vary(parent, [], rng).modules] == depths
    deep = evolution(p_crossover=0.0, p_depth=0.5)
    assert any([m.depths for m in deep.vary(parent, [], rng).modules] != depths for _ in range(20))


def test_inner_widths_change_only_when_asked() -> None:
    space = HRSpace(16, (1, 1), (1, 2), inner_widths=(0.5, 0.75, 1))
    numbers = {'num_initial': 4, 'num_parents': 2, 'num_total': 8}
    rng = random.Random(0)
    parent = space.sample(rng)
    plain = TopologyEvolution(space, OBJECTIVES, COST, **numbers)
    wide = TopologyEvolution(space, OBJECTIVES, COST, p_width=0.5, **numbers)
    inner = [m.inner for m in parent.modules]
    assert all([m.inner for m in plain.vary(parent, [], rng).modules] == inner for _ in range(9))
    children = [wide.vary(parent, [], rng) for _ in range(9)]
    assert any([m.inner for m in child.modules] != inner for child in children)
    depths = [m.depths for m in parent.modules]
    assert all([m.depths for m in child.modules] == depths for child in children)
    assert 'p_width' not in plain.settings()
    assert wide.settings()['p_width'] == 0.5
    with raises(SearchError, where='search.algorithm.p_width', got=0.5):
        evolution(p_width=0.5)


def test_more_evaluations_continue_the_same_search() -> None:
    short, long = search_in_memory(evolution(num_total=27)), search_in_memory(evolution())
    assert [r.arch for r in short] == [r.arch for r in long][:27]


@pytest.mark.parametrize('initial', ['uniform', 'stratified'])
@pytest.mark.longer
def test_nothing_beyond_the_budget_is_proposed(initial: str) -> None:
    span = COST(SPACE.smallest())['macs'], COST(SPACE.largest())['macs']
    budget = Budget(macs=(None, span[0] + 0.45 * (span[1] - span[0])))
    records = search_in_memory(evolution(budget=budget, initial=initial))
    assert len(records) == 40
    assert all(budget.allows(record.cost) for record in records)


def test_stratified_sampling_of_a_sub_space() -> None:
    space = SPACE.where('*.depth', SPACE.depth[:2])
    numbers = {'num_initial': 6, 'num_parents': 2, 'num_total': 8}
    search = TopologyEvolution(space, OBJECTIVES, COST, initial='stratified', **numbers)
    archs = search.generation(0, [], random.Random(0))
    assert len(archs) == 6
    assert all(arch in space for arch in archs)


def test_stratified_sampling_covers_more_of_the_costs_than_uniform() -> None:
    def span(initial: str) -> int:
        costs = [
            r.cost['macs'] for r in search_in_memory(evolution(num_initial=40, initial=initial))
        ]
        return max(costs) - min(costs)

    assert span('stratified') > span('uniform')


@pytest.mark.parametrize('make', [evolution, random_search])
def test_an_impossible_budget_names_the_bound_and_the_span(make: object) -> None:
    least, most = COST(SPACE.smallest())['macs'], COST(SPACE.largest())['macs']
    span = contains(f'{least:,} to {most:,}')
    with raises(SearchError, where='budget.macs', got=1000, allowed=span):
        make(budget=Budget(macs=(None, 1000)))  # type: ignore[operator]
    with raises(SearchError, where='budget.params', got=1e12, hint='lower the bound'):
        make(budget=Budget(params=(1e12, None)))  # type: ignore[operator]


def test_a_budget_that_no_draw_meets_ends_with_a_line() -> None:
    budget = Budget(macs=(None, COST(SPACE.smallest())['macs']))
    for search in (
        evolution(budget=budget, max_tries=50),
        random_search(budget=budget, max_tries=50),
    ):
        shortage = contains('found 0 of', 'beyond the budget', 'the nearest')
        with raises(SearchError, problem=shortage, hint=contains('max_tries')):
            search.generation(0, [], random.Random(0))


def test_a_used_up_space_ends_the_search_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    space = SPACE.where('*.f*', (False,)).where('*.depth', (1, 2)).where('s[34]*.depth', (1,))
    assert space.size() == 4
    search = TopologyEvolution(
        space, OBJECTIVES, COST, num_initial=4, num_parents=4, num_total=20, max_tries=200
    )
    assert len(search_in_memory(search)) == 4
    assert 'found 0 of 4 networks' in caplog.text


@pytest.mark.parametrize(
    ('key', 'value', 'allowed'),
    [
        ('num_initial', 50, 'at most num_total, 40'),
        ('p_mutation', 1.5, 'a number in 0 ... 1'),
        ('initial', 'sobol', ('uniform', 'stratified')),
        ('cut', 'dear', ('spread', 'cheapest')),
        ('num_parents', 0, 'a whole number >= 1'),
    ],
)
def test_bad_arguments(key: str, value: object, allowed: object) -> None:
    with raises(where=f'search.algorithm.{key}', got=value, allowed=allowed):
        evolution(**{key: value})


@pytest.mark.longer
def test_evolution_beats_random_search() -> None:
    reference = (float(COST(SPACE.largest())['macs']), 0.0)
    numbers = {'num_initial': 40, 'num_parents': 20, 'num_total': 200, 'p_mutation': 0.1}
    wins = 0
    for seed in range(8):
        areas = [
            hypervolume(OBJECTIVES.points(search_in_memory(search, seed)), reference)
            for search in (evolution(**numbers), random_search(num_total=200))
        ]
        wins += areas[0] > areas[1]
    assert wins >= 7  # by chance: 0.035


def test_a_space_without_fusions_is_refused() -> None:
    with raises(SearchError, where='search.algorithm.type', hint=contains('nsga2')):
        TopologyEvolution(bignas_space(), OBJECTIVES, COST)
