"""Budgets: zero inside, the largest relative excess outside, and no nonsense bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.complexity import Budget, Cost
from tests.errors import contains, raises

costs = st.builds(
    Cost,
    macs=st.integers(0, 10**12),
    params=st.integers(0, 10**9),
    acts=st.integers(0, 10**9),
)
bounds = st.none() | st.floats(0, 1e12)


@given(costs)
def test_no_bounds_allow_everything(cost: Cost) -> None:
    assert Budget().violation(cost) == 0.0
    assert Budget().allows(cost)


@given(costs, st.tuples(bounds, bounds, bounds))
def test_violation_is_zero_exactly_inside(cost: Cost, most: tuple) -> None:
    budget = Budget(*most)
    inside = all(
        m is None or v <= m
        for v, m in zip((cost['macs'], cost['params'], cost['acts']), most, strict=True)
    )
    assert (budget.violation(cost) == 0.0) is inside
    assert budget.allows(cost) is inside
    assert budget.violation(cost) >= 0.0


@given(costs, st.floats(1, 1e12), st.integers(0, 10**12))
def test_violation_grows_with_the_cost(cost: Cost, most: float, more: int) -> None:
    budget = Budget(max_macs=most)
    assert budget.violation(cost + Cost(macs=more)) >= budget.violation(cost)


@given(costs, st.floats(1, 1e12))
def test_lower_bounds(cost: Cost, least: float) -> None:
    assert (Budget(min_macs=least).violation(cost) == 0.0) is (cost['macs'] >= least)
    assert Budget(min_macs=least).violation(cost) <= 1.0


def test_violation_is_the_worst_relative_excess() -> None:
    cost = Cost(macs=150, params=90, acts=50)
    assert Budget(max_macs=100).violation(cost) == pytest.approx(0.5)
    assert Budget(max_macs=100, max_params=30).violation(cost) == pytest.approx(2.0)
    assert Budget(min_acts=200).violation(cost) == pytest.approx(0.75)
    assert Budget(max_macs=0).violation(cost) == float('inf')


@pytest.mark.parametrize(
    ('name', 'bound'),
    [
        ('max_macs', -1),
        ('min_acts', float('nan')),
        ('max_params', float('inf')),
        ('max_macs', '300e9'),
        ('max_macs', True),
    ],
)
def test_nonsense_bounds_die(name: str, bound: object) -> None:
    with raises(where=f'budget.{name}', got=lambda got: got is bound):
        Budget(**{name: bound})


def test_bounds_that_leave_nothing_die() -> None:
    with raises(where='budget.min_params', got=6e6, allowed=contains('max_params, 5e+06')):
        Budget(max_params=5e6, min_params=6e6)


def test_a_budget_prints_its_bounds() -> None:
    assert str(Budget(max_macs=3e11, min_params=10)) == 'max_macs=3e+11, min_params=10'
    assert str(Budget()) == 'no bounds'
