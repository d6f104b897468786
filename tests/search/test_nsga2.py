"""NSGA-II: crowding and survival by hand, golden behaviour, and that it beats chance."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.complexity import Budget
from scalenas.search import NSGA2, hypervolume
from scalenas.search.nsga2 import Variation, crowding, survivors, tournament
from scalenas.search.pareto import peel
from tests.errors import raises

from .table import COST, OBJECTIVES, SPACE, random_search, search_in_memory


def nsga2(**changes: object) -> NSGA2:
    """A small one: 8 parents, 40 in all."""
    return NSGA2(SPACE, OBJECTIVES, COST, **{'population': 8, 'num_total': 40, **changes})  # type: ignore[arg-type]


def test_crowding_by_hand() -> None:
    points = [(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0)]
    # second: (4-0)/10 + (10-5)/10; third: (10-1)/10 + (6-0)/10
    found = crowding(points, [0, 1, 2, 3])
    assert found[0] == found[3] == math.inf
    assert found[1:3] == pytest.approx([0.9, 1.5])


def test_the_crowded_member_of_the_last_front_goes_first() -> None:
    points = [(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0), (11.0, 11.0)]
    assert sorted(r.index for r in survivors(points, 3)) == [0, 2, 3]
    assert [r.index for r in survivors(points, 5)][-1] == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_survivors_keep_whole_fronts(points: list[tuple[int, int]]) -> None:
    kept = survivors(points, max(1, len(points) // 2))
    assert len({r.index for r in kept}) == len(kept) == max(1, len(points) // 2)
    fronts = peel(points)
    assert all(r.index in fronts[r.rank] for r in kept)
    last = max(r.rank for r in kept)
    assert {r.index for r in kept} >= {i for front in fronts[:last] for i in front}


class Drawn(random.Random):
    """Draws what it is told to."""

    def __init__(self, *draws: object) -> None:
        super().__init__(0)
        self._draws = list(draws)

    def choice(self, seq: object) -> object:  # type: ignore[override]
        return self._draws.pop(0)


def test_tournament_prefers_rank_then_room() -> None:
    """Every pair of parents: the lower rank, then the larger crowding, then who came first."""
    points = [(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0), (11.0, 11.0)]
    parents = {parent.index: parent for parent in survivors(points, 5)}
    # 0 and 3 are the ends of the front, 2 has more room than 1, 4 is behind all.
    places = {0: 0, 3: 0, 2: 1, 1: 2, 4: 3}
    for first, second in itertools.product(parents, repeat=2):
        won = tournament(list(parents.values()), Drawn(parents[first], parents[second]))
        assert won.index == min((first, second), key=lambda index: places[index])


def test_both_of_a_tournament_are_drawn_evenly() -> None:
    points = [(float(i), float(-i)) for i in range(4)]
    parents = survivors(points, 4)
    rng = random.Random(0)
    wins = Counter(tournament(parents, rng).index for _ in range(4000))
    # The ends beat both others (3/8 each); of the two in the middle, which are equal, 1/8 each.
    for index, share in {0: 3 / 8, 3: 3 / 8, 1: 1 / 8, 2: 1 / 8}.items():
        assert wins[index] == pytest.approx(4000 * share, abs=4 * math.sqrt(4000 * 0.25))


def test_every_network_is_new_and_the_number_is_exact() -> None:
    records = search_in_memory(nsga2())
    assert [len([r for r in records if r.generation == g]) for g in range(5)] == [8] * 5
    assert len({r.arch for r in records}) == 40


def test_the_same_seed_finds_the_same_networks_and_another_does_not() -> None:
    one, again, other = ([r.arch for r in search_in_memory(nsga2(), seed)] for seed in (3, 3, 4))
    assert one == again != other


def test_more_evaluations_continue_the_search() -> None:
    short, long = search_in_memory(nsga2()), search_in_memory(nsga2(num_total=64))
    assert [r.arch for r in long[:40]] == [r.arch for r in short]


@pytest.mark.longer
def test_it_beats_random_search() -> None:
    reference = (float(COST(SPACE.largest())['macs']), 20.0)

    def area(search: object, seed: int) -> float:
        records = search_in_memory(search, seed)  # type: ignore[arg-type]
        return hypervolume(OBJECTIVES.points(records), reference)

    pairs = [
        (
            area(nsga2(population=20, num_total=200), seed),
            area(random_search(num_total=200), seed),
        )
        for seed in range(5)
    ]
    assert sum(ours > chance for ours, chance in pairs) >= 4, pairs


def test_the_budget_holds_for_offspring() -> None:
    limit = 1.1 * COST(SPACE.smallest())['macs'] + 1e6
    records = search_in_memory(nsga2(budget=Budget(macs=(None, limit)), max_tries=5000))
    assert len(records) > 8
    assert all(r.cost['macs'] <= limit for r in records)


def test_offspring_take_units_of_both_parents() -> None:
    rng = random.Random(0)
    one, other = SPACE.smallest(), SPACE.largest()
    child = Variation(1.0, 0.5, 0.0).offspring(SPACE, one, other, rng)
    units = [gene.unit for gene in SPACE.genes.values()]
    assert len(set(units)) > 1
    assert child not in (one, other)
    assert Variation(0.0, 0.5, 0.0).offspring(SPACE, one, other, rng) == one


@pytest.mark.parametrize(
    ('key', 'value', 'allowed'),
    [
        ('population', 1, 'a whole number >= 2'),
        ('population', 50, 'at most num_total, 40'),
        ('p_unit', 2, 'a number in 0 ... 1'),
    ],
)
def test_mistakes(key: str, value: object, allowed: str) -> None:
    with raises(where=f'search.algorithm.{key}', got=value, allowed=allowed):
        nsga2(**{key: value})
