"""Columns and metrics of one's own: their names, their functions, and functions that change."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from scalenas.arch import Arch
from scalenas.complexity import COLUMNS, Budget, Cost, Counter, Measured
from scalenas.errors import UserError
from scalenas.search import Record, SearchError, SearchPlan
from scalenas.search.fingerprint import as_plain
from scalenas.search.objectives import Objectives
from tests.errors import contains, raises

from .table import SPACE

ARCH = SPACE.smallest()


def blocks(arch: Arch, size: tuple[int, int], factor: float = 1.0) -> float:
    """A column."""
    return factor * arch.num_blocks


def half(metrics: Mapping[str, float]) -> float:
    """A metric."""
    return metrics['mIoU'] / 2


def plan(**changes: Any) -> SearchPlan:
    data = {
        'algorithm': {'type': 'nsga2', 'population': 6, 'num_total': 24},
        'objectives': (('mIoU', 'max'), ('macs', 'min')),
        'size': (64, 64),
        **changes,
    }
    return SearchPlan.from_dict(data)


@pytest.mark.parametrize('kind', ['columns', 'metrics'])
@pytest.mark.parametrize('name', ['macs', 'slot', 'generation', 'arch', 'front'])
def test_names_that_tables_have_are_refused(kind: str, name: str) -> None:
    with raises(SearchError, where=f'search.{kind}.{name}'):
        plan(**{kind: {name: blocks}})


def test_a_column_and_a_metric_have_two_names() -> None:
    with raises(SearchError, where='search.metrics.b'):
        plan(columns={'b': blocks}, metrics={'b': half})
    scored = plan(columns={'b': blocks}).scored
    assert scored(lambda arch: {'mIoU': 1.0})(ARCH) == {'mIoU': 1.0}


@pytest.mark.parametrize('name', ['macs', 'b', 'slot'])
def test_an_evaluation_that_gives_the_name_of_a_column_is_refused(name: str) -> None:
    asked = plan(columns={'b': blocks}, metrics={'half': half})
    with raises(SearchError, got=name):
        asked.scored(lambda arch: {'mIoU': 1.0, name: 2.0})(ARCH)


class Callable_:
    def __call__(self, arch: Arch, size: tuple[int, int]) -> float:
        return 1.0


@pytest.mark.parametrize('value', [Callable_(), Callable_().__call__])
def test_what_another_process_could_not_recognize_is_refused(value: Any) -> None:
    with raises(SearchError, where='search.columns.b', got=type(value).__name__):
        plan(columns={'b': value})


def test_partial_functions_are_known_by_what_they_call() -> None:
    made = [functools.partial(blocks, factor=f) for f in (2.0, 2.0, 3.0)]
    assert as_plain(made[0]) == as_plain(made[1]) != as_plain(made[2])
    assert as_plain(made[0])['partial'] == f'{__name__}.blocks'
    cost = plan(columns={'b': made[0]}).cost(Counter((64, 64)))
    assert cost(ARCH)['b'] == 2 * ARCH.num_blocks


def boom(*args: object) -> float:
    raise RuntimeError('boom')


@pytest.mark.parametrize('function', [boom, half])
def test_an_own_column_that_fails_is_named(function: Callable[..., float]) -> None:
    with raises(UserError, where='column b', hint=contains('arch')):
        Measured(Counter((64, 64)), {'b': function}, (64, 64))(ARCH)


def test_an_own_metric_that_fails_is_named() -> None:
    scored = plan(metrics={'h': half}).scored(lambda arch: {'acc': 1.0})
    with raises(SearchError, where='search.metrics.h', hint=contains('acc')):
        scored(ARCH)


@pytest.mark.parametrize('value', [np.float32(1.5), np.float64(1.5), np.int64(2), Fraction(3, 2)])
def test_a_number_of_any_kind_is_a_number(value: Any) -> None:
    measured = Measured(Counter((64, 64)), {'b': lambda arch, size: value}, (64, 64))
    assert measured(ARCH)['b'] == float(value)


@pytest.mark.parametrize('value', [np.float32(np.nan), -1.0, True, 'x', None, np.ones(1)])
def test_anything_else_is_no_column(value: Any) -> None:
    with raises(UserError, where='column b'):
        Measured(Counter((64, 64)), {'b': lambda arch, size: value}, (64, 64))(ARCH)


def test_a_function_that_changed_is_noticed() -> None:
    given = {'mIoU': 8.0, 'half': 4.0}
    record = Record(3, ARCH, Counter((64, 64))(ARCH), given, 0)
    plan(metrics={'half': half}).check_records([record])
    with raises(SearchError, where='search.metrics.half', got=-4.0, allowed='4.0'):
        plan(metrics={'half': lambda m: -m['mIoU'] / 2}).check_records([record])
    # A metric that was undefined is not kept; any other failure is one.
    plan(metrics={'half': lambda m: m['undefined'] / 2}).check_records([record])
    with raises(SearchError, where='search.metrics.half', problem=contains('boom')):
        plan(metrics={'half': boom}).check_records([record])


def test_metrics_are_asked_for_by_name_before_anything_is_evaluated() -> None:
    asked = plan(objectives=('mIoU', 'half', 'macs'), metrics={'half': half})
    asked.check_metrics(['aAcc', 'mIoU'])
    asked.check_metrics(None)
    with raises(SearchError, where='search.objectives', got='mIoU', hint="did you mean 'mIoUs'?"):
        asked.check_metrics(['mIoUs'])
    with raises(SearchError, where='search.objectives', got=('mIoU', 'max')):
        Objectives.from_dict(('mIoU', 'max'))


def test_a_counted_column_of_the_backbone_alone_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(COLUMNS, 'twice', replace(COLUMNS['params'], name='twice'))
    asked = plan(objectives=('mIoU', 'twice'))
    with caplog.at_level('WARNING'):
        asked.build(SPACE, Counter((64, 64)))
    assert [r.args for r in caplog.records] == [('twice',)]
    caplog.clear()
    plan().build(SPACE, Counter((64, 64)))
    assert not caplog.records


def test_a_bound_on_a_column_that_nobody_measures_is_refused() -> None:
    with raises(UserError, where='search.budget', got='ms', hint=contains('search.columns')):
        plan(budget={'ms': (None, 12)})
    with raises(UserError, where='budget', got='ms'):
        Budget(ms=(None, 12)).violation(Cost(macs=1))
    assert Budget(ms=(None, 12)).violation(Cost(ms=float('nan'))) == float('inf')


def test_an_algorithm_that_nobody_knows_is_refused() -> None:
    for name in ('foo', 3):
        with raises(UserError, where='algorithm', got=name):
            plan().with_(algorithm=name)  # type: ignore[arg-type]
