"""Budgets: zero inside, the largest relative excess outside, and no nonsense bounds."""

from __future__ import annotations

import pickle
from unittest.mock import ANY

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
    budget = Budget.between(most={k: m for k, m in zip(cost, most, strict=True) if m is not None})
    inside = all(m is None or v <= m for v, m in zip(cost.values(), most, strict=True))
    assert (budget.violation(cost) == 0.0) is inside
    assert budget.allows(cost) is inside
    assert budget.violation(cost) >= 0.0


@given(costs, st.floats(1, 1e12), st.integers(0, 10**12))
def test_violation_grows_with_the_cost(cost: Cost, most: float, more: int) -> None:
    budget = Budget(macs=(None, most))
    assert budget.violation(cost + Cost(macs=more)) >= budget.violation(cost)


@given(costs, st.floats(1, 1e12))
def test_lower_bounds(cost: Cost, least: float) -> None:
    assert (Budget(macs=(least, None)).violation(cost) == 0.0) is (cost['macs'] >= least)
    assert Budget(macs=(least, None)).violation(cost) <= 1.0


def test_violation_is_the_worst_relative_excess() -> None:
    cost = Cost(macs=150, params=90, acts=50)
    assert Budget(macs=(None, 100)).violation(cost) == pytest.approx(0.5)
    assert Budget(macs=(None, 100), params=(None, 30)).violation(cost) == pytest.approx(2.0)
    assert Budget(acts=(200, None)).violation(cost) == pytest.approx(0.75)
    assert Budget(macs=(None, 0)).violation(cost) == float('inf')


@pytest.mark.parametrize(
    ('bounds', 'got'),
    [
        ((None, -1), -1),
        ((float('nan'), None), None),
        ((None, float('inf')), float('inf')),
        ((None, '300e9'), '300e9'),
        ((True, None), True),
        ((6e6, 5e6), (6e6, 5e6)),
        (300e9, 300e9),
        ((1, 2, 3), (1, 2, 3)),
    ],
)
def test_nonsense_bounds_die(bounds: object, got: object) -> None:
    with raises(where='budget.acts', got=ANY if got is None else got):
        Budget(acts=bounds)  # type: ignore[arg-type]


def test_a_budget_prints_its_bounds() -> None:
    assert str(Budget(macs=(None, 3e11), params=(10, None))) == 'macs <= 3e+11, params >= 10'
    assert str(Budget()) == 'no bounds'


def test_a_budget_is_a_value() -> None:
    budget = Budget(macs=[None, 3e11], acts=(None, None))  # type: ignore[arg-type]
    assert budget == Budget({'macs': (None, 3e11)}) == pickle.loads(pickle.dumps(budget))
    assert hash(budget) == hash(Budget(macs=(None, 3e11)))
    assert (budget.least('macs'), budget.most('macs'), budget.most('acts')) == (None, 3e11, None)
    assert budget != Cost(macs=(None, 3e11))  # type: ignore[arg-type]


def test_later_bounds_take_the_place_of_earlier_ones() -> None:
    both = Budget(macs=(1, 5), acts=(None, 7)) | Budget(macs=(None, 4), params=(2, None))
    assert both == Budget(macs=(1, 4), acts=(None, 7), params=(2, None))
    assert Budget() | both == both | Budget() == both


def test_a_percentage_is_of_the_largest_network() -> None:
    budget = Budget.from_dict({'macs': ('10%', '60%'), 'ms': (None, 12)}, ['macs', 'ms'])
    assert Budget.from_dict(budget.to_dict(), ['macs', 'ms']) == budget
    assert str(budget) == 'macs <= 60%, macs >= 10%, ms <= 12'
    for ask in (
        lambda: budget.most('macs'),
        lambda: budget.violation(Cost(macs=5, ms=3)),
    ):
        with raises(where='budget.macs', got=contains('%')):
            ask()
    known = budget.of(lambda: Cost(macs=2000, ms=50.0))
    assert known == Budget(macs=(200, 1200), ms=(None, 12))
    assert known.of(lambda: pytest.fail('is asked for without need')) is known
    assert budget | Budget(macs=(None, 300)) == Budget(macs=('10%', 300), ms=(None, 12))
    with raises(where='budget', got='ms'):
        Budget(ms=(None, '5%')).of(lambda: Cost(macs=1))
    with raises(where='budget.macs', got=(900, 1.0)):
        Budget(macs=(900, '10%')).of(lambda: Cost(macs=10))
    for wrong in ('60', '%', 'x%', '-1%', 'nan%', 'inf%', ''):
        with raises(where='budget.macs', got=wrong):
            Budget(macs=(None, wrong))
    with raises(where='budget.macs', got=('60%', '10%')):
        Budget(macs=('60%', '10%'))


def test_budgets_of_configs_name_columns() -> None:
    assert Budget.from_dict(None, ['macs']) == Budget()
    assert Budget.from_dict({'ms': (None, 12)}, ['macs', 'ms']) == Budget(ms=(None, 12))
    for data, where, got, hint in (
        ({'msc': (None, 12)}, 'search.budget', 'msc', "did you mean 'ms'?"),
        ({'max_macs': 3e9}, 'search.budget', 'max_macs', contains('dict(macs=(None, most))')),
        ({'min_ms': 3e9}, 'search.budget', 'min_ms', contains('dict(ms=(least, None))')),
        ({'ms': 3}, 'budget.ms', 3, 'ms=(None, 1e9)'),
        (300e9, 'search.budget', 300e9, ''),
    ):
        with raises(where=where, got=got, hint=hint):
            Budget.from_dict(data, ['macs', 'ms'], 'search.budget')
