"""Fronts, peeling, selection and hypervolume against the definition."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.search import front, hypervolume, peel, select

POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25)


def dominates(p: tuple[float, float], q: tuple[float, float]) -> bool:
    return p[0] <= q[0] and p[1] <= q[1] and p != q


@given(POINTS)
def test_the_front_is_what_no_point_dominates(points: list[tuple[float, float]]) -> None:
    free = [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]
    assert sorted(front(points)) == free


@given(POINTS)
def test_peeling_takes_front_after_front(points: list[tuple[float, float]]) -> None:
    remaining = list(range(len(points)))
    for members in peel(points):
        here = [points[i] for i in remaining]
        expected = [i for i in remaining if not any(dominates(q, points[i]) for q in here)]
        assert sorted(members) == expected
        assert [points[i] for i in members] == sorted(points[i] for i in members)
        remaining = [i for i in remaining if i not in members]
    assert not remaining


@given(POINTS, st.integers(0, 30), st.sampled_from(['spread', 'cheapest']))
def test_selection_takes_whole_fronts_first(
    points: list[tuple[float, float]], k: int, cut: str
) -> None:
    chosen = select(points, k, cut)  # type: ignore[arg-type]
    assert len(chosen) == len(set(chosen)) == min(k, len(points))
    fronts = peel(points)
    rank = {i: r for r, members in enumerate(fronts) for i in members}
    worst = max((rank[i] for i in chosen), default=0)
    assert {i for members in fronts[:worst] for i in members} <= set(chosen)


def test_the_cut_front_keeps_both_ends_or_the_cheap_one() -> None:
    points = [(float(i), float(-i)) for i in range(9)]
    assert select(points, 3) == [0, 4, 8]
    assert select(points, 3, 'cheapest') == [0, 1, 2]
    assert select(points, 1) == [4]
    assert select(points, 0) == []


@given(POINTS)
def test_hypervolume_counts_the_dominated_cells(points: list[tuple[float, float]]) -> None:
    cells = sum(
        any(p[0] <= x and p[1] <= y for p in points)
        for x, y in itertools.product(range(7), range(7))
    )
    assert hypervolume(points, (7, 7)) == cells


def test_hypervolume_of_two_steps() -> None:
    assert hypervolume([(1.0, 0.5), (2.0, 0.25)], (4.0, 1.0)) == pytest.approx(3 * 0.5 + 2 * 0.25)
