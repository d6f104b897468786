"""Fronts, peeling, selection, crowding and hypervolume against the definition."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.search import front, hypervolume, peel, select
from scalenas.search.pareto import crowding, dominates, least_crowded

Points = list[tuple[float, ...]]


def points_of(*dimensions: int, most: int = 25) -> st.SearchStrategy[Points]:
    """Points of one of so many dimensions, with many that are equal in some."""
    return st.sampled_from(dimensions).flatmap(
        lambda n: st.lists(st.tuples(*[st.integers(0, 8 if n < 3 else 4)] * n), max_size=most)
    )


POINTS = points_of(1, 2, 3, 4)


def beats(p: tuple[float, ...], q: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(p, q, strict=True)) and p != q


@given(POINTS)
def test_the_front_is_what_no_point_dominates(points: Points) -> None:
    free = [i for i, p in enumerate(points) if not any(beats(q, p) for q in points)]
    assert sorted(front(points)) == free
    assert all(dominates(p, q) is beats(p, q) for p in points for q in points)


@given(POINTS)
def test_peeling_takes_front_after_front(points: Points) -> None:
    remaining = list(range(len(points)))
    for members in peel(points):
        here = [points[i] for i in remaining]
        expected = [i for i in remaining if not any(beats(q, points[i]) for q in here)]
        assert sorted(members) == expected
        assert [points[i] for i in members] == sorted(points[i] for i in members)
        remaining = [i for i in remaining if i not in members]
    assert not remaining


@given(points_of(2, most=40))
def test_two_dimensions_are_peeled_as_any_number_is(points: Points) -> None:
    """The fast way against the general one, in which a third dimension tells nothing."""
    assert peel(points) == peel([(*point, 0) for point in points])


@given(POINTS, st.integers(0, 30), st.sampled_from(['spread', 'cheapest']))
def test_selection_takes_whole_fronts_first(points: Points, k: int, cut: str) -> None:
    chosen = select(points, k, cut)  # type: ignore[arg-type]
    assert len(chosen) == len(set(chosen)) == min(k, len(points))
    fronts = peel(points)
    rank = {i: r for r, members in enumerate(fronts) for i in members}
    worst = max((rank[i] for i in chosen), default=0)
    assert {i for members in fronts[:worst] for i in members} <= set(chosen)
    assert [rank[i] for i in chosen] == sorted(rank[i] for i in chosen)


def test_the_cut_front_keeps_both_ends_or_the_cheap_one() -> None:
    points = [(float(i), float(-i)) for i in range(9)]
    assert select(points, 3) == [0, 4, 8]
    assert select(points, 3, 'cheapest') == [0, 1, 2]
    assert select(points, 1) == [4]
    assert select(points, 0) == []


def test_of_three_dimensions_the_cut_front_keeps_all_ends() -> None:
    """Corners of a triangle, and a crowd in its middle."""
    points: Points = [(0.0, 4.0, 4.0), (4.0, 0.0, 4.0), (4.0, 4.0, 0.0)]
    points += [(2 + 0.1 * i, 2 - 0.1 * i, 2.0) for i in range(1, 5)]
    assert front(points) == [0, 3, 4, 5, 6, 1, 2]
    assert set(select(points, 3)) == {0, 1, 2}
    assert select(points, 3, 'cheapest') == [0, 3, 4]
    assert least_crowded(points, front(points), 7) == front(points)


def crowding_by_hand(points: Points, members: list[int]) -> list[float]:
    """Deb et al. (2002), the pseudo code of section III-B, for points without equal values."""
    distance = dict.fromkeys(members, 0.0)
    for axis in range(len(points[0])):
        order = sorted(members, key=lambda i: points[i][axis])
        distance[order[0]] = distance[order[-1]] = math.inf
        span = points[order[-1]][axis] - points[order[0]][axis]
        for n in range(1, len(order) - 1):
            gap = points[order[n + 1]][axis] - points[order[n - 1]][axis]
            distance[order[n]] += gap / span
    return [distance[i] for i in members]


@pytest.mark.parametrize('dimensions', [2, 3, 5])
def test_crowding_is_that_of_the_paper(dimensions: int) -> None:
    rng = random.Random(dimensions)
    for _ in range(20):
        points = [tuple(rng.random() for _ in range(dimensions)) for _ in range(60)]
        for members in peel(points):
            assert crowding(points, members) == pytest.approx(crowding_by_hand(points, members))


@given(points_of(2, 3, 4))
def test_equal_points_have_one_order(points: Points) -> None:
    """The ends of every axis are infinitely far, whatever is equal; the rest is finite."""
    for members in peel(points):
        found = crowding(points, members)
        assert sum(math.isinf(value) for value in found) <= 2 * len(points[0])
        assert math.isinf(found[0])
        assert math.isinf(found[-1]) or len(points[0]) > 2
        assert all(value >= 0.0 for value in found)


@given(points_of(1, 2))
def test_hypervolume_counts_the_dominated_cells(points: Points) -> None:
    pytest.importorskip('moocore')
    dimensions = len(points[0]) if points else 2
    side = 7 if dimensions < 3 else 4
    cells = sum(
        any(all(a <= b for a, b in zip(p, cell, strict=True)) for p in points)
        for cell in itertools.product(range(side), repeat=dimensions)
    )
    assert hypervolume(points, (side,) * dimensions) == pytest.approx(cells)


def test_hypervolume_of_two_steps() -> None:
    assert hypervolume([(1.0, 0.5), (2.0, 0.25)], (4.0, 1.0)) == pytest.approx(3 * 0.5 + 2 * 0.25)
