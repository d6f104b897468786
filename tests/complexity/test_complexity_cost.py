"""Costs: a mapping of columns that is added, compared, hashed and printed column by column."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import HRArch
from scalenas.complexity import COLUMNS, Column, Cost, column_of, count, largest, layer_cost
from scalenas.errors import UserError
from tests.strategies import hr_archs

values = st.dictionaries(st.sampled_from([*COLUMNS, 'ms']), st.integers(0, 10**15))


@given(values, values)
def test_costs_are_values(one: dict, other: dict) -> None:
    assert dict(Cost(one)) == one
    assert (Cost(one) == Cost(other)) is (one == other)
    assert Cost(one) == Cost(**dict(reversed(one.items())))
    assert hash(Cost(one)) == hash(Cost(**dict(reversed(one.items()))))
    assert pickle.loads(pickle.dumps(Cost(one))) == Cost(one)


def test_a_cost_does_not_change() -> None:
    given_, cost = {'macs': 1}, Cost({'macs': 1})
    with pytest.raises(AttributeError):
        cost._values = {}
    with pytest.raises(TypeError):
        cost['macs'] = 2  # type: ignore[index]
    Cost(given_)
    given_['macs'] = 5
    assert cost == Cost(macs=1)
    with pytest.raises(KeyError):
        cost['acts']


@given(values, values)
def test_sums_and_differences_are_those_of_columns(one: dict, other: dict) -> None:
    both = Cost(one) + Cost(other)
    assert dict(both) == {k: one.get(k, 0) + other.get(k, 0) for k in {*one, *other}}
    assert all((both - Cost(other))[name] == value for name, value in one.items())
    assert Cost(one) + Cost() == Cost(one) == Cost() + Cost(one)


def test_a_column_may_be_a_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Column('wide', lambda layer: layer.c_out, 'channels', 'width', combine=largest)
    monkeypatch.setitem(COLUMNS, 'wide', wide)
    assert Cost(wide=3) + Cost(wide=5, macs=1) == Cost(wide=5, macs=1)
    assert Cost(wide=5, macs=3) - Cost(wide=3, macs=1) == Cost(macs=2)
    assert count(()) == Cost(macs=0, params=0, acts=0, wide=0)


@given(hr_archs())
def test_a_plan_costs_what_its_layers_cost_together(arch: HRArch) -> None:
    plan = list(arch.layers((32, 32)))
    assert count(plan) == sum(map(layer_cost, plan), Cost())


def test_costs_print_in_units_that_read_well() -> None:
    assert str(Cost(macs=2 * 10**9, params=1500)) == '2.000 G macs, 0.002 M params'
    assert str(Cost(macs=2 * 10**6, ms=3.5)) == '2.000 M macs, 3.500 ms'
    assert repr(Cost(macs=1, ms=0.5)) == 'Cost(macs=1, ms=0.5)'
    assert column_of('ms').label == 'ms'


@pytest.mark.parametrize(
    ('data', 'where'),
    [
        ([], 'x'),
        ({'macs': 1, 'params': 1}, 'x'),
        ({'macs': 1, 'params': 1, 'acts': 1.5}, 'x.acts'),
        ({'macs': -1, 'params': 1, 'acts': 1}, 'x.macs'),
        ({'macs': 1, 'params': 1, 'acts': 1, 'ms': float('nan')}, 'x.ms'),
    ],
)
def test_what_is_no_cost_dies(data: object, where: str) -> None:
    with pytest.raises(UserError) as error:
        Cost.from_dict(data, 'x')
    assert error.value.where == where


def test_a_cost_from_plain_data_may_have_measured_columns() -> None:
    cost = Cost(macs=1, params=2, acts=3, ms=0.5)
    assert Cost.from_dict(dict(cost), 'x') == cost
