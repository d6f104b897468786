"""Searches by MCEA that cannot be, and budgets that are found for them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scalenas.complexity import Budget, Counter
from scalenas.errors import UserError
from scalenas.search import (
    AlternatingSearch,
    Objectives,
    SearchError,
)
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    ScaledSpace,
    ScalingStage,
    base_macs,
    mean_macs,
)
from tests.errors import contains, raises

from .scaled import BASE, COST, OBJECTIVES, SPACE, mcea
from .table import search_in_memory

NAN = float('nan')
NO_STAGE = {'depth': 1.2, 'width': 1.1, 'resolution': 1.15}
STAGES = 'search.algorithm.num_stages'


@pytest.mark.parametrize(
    ('arguments', 'key', 'fields'),
    [
        (
            {'base_macs': 5e8},
            '',
            {'got': contains('500.0M macs'), 'problem': contains('no base network')},
        ),
        (
            {'growth': 50.0},
            '',
            {'got': contains('10.0M macs', '25%'), 'problem': contains('scaling of stage 1')},
        ),
        ({'weights': (1.0,)}, '.weights', {'got': (1.0,), 'allowed': contains('2 numbers >= 0')}),
        ({'weights': 1.0}, '.weights', {'got': 1.0, 'allowed': 'a list of numbers'}),
        ({'weights': ('much', 1.0)}, '.weights', {'got': ('much', 1.0)}),
        ({'weights': (NAN, 1.0)}, '.weights', {'got': (NAN, 1.0)}),
        ({'mode': 'fixed'}, '.scalings', {'got': 0, 'allowed': contains("2 with mode 'fixed'")}),
        (
            {'mode': 'markov'},
            '.mode',
            {'got': 'markov', 'allowed': ('alternating', 'joint', 'fixed')},
        ),
        ({'mode': 'fixed', 'scalings': [{'deep': 2}] * 2}, '.scalings[0]', {'got': 'deep'}),
        (
            {'mode': 'fixed', 'scalings': 2},
            '.scalings',
            {'got': 2, 'allowed': contains('one a stage')},
        ),
        (
            {'mode': 'fixed', 'scalings': [{}, NO_STAGE]},
            '.scalings[1]',
            {'got': NO_STAGE, 'problem': contains('no stage of the space')},
        ),
        (
            {'scalings': [{}, {}]},
            '.scalings',
            {'got': [{}, {}], 'allowed': contains("'alternating'", "only 'fixed'")},
        ),
    ],
)
def test_mistakes(arguments: dict[str, object], key: str, fields: dict[str, Any]) -> None:
    with raises(where=f'search.algorithm{key}', **fields):
        mcea(**arguments).generation(0, [], random.Random(0))
    assert issubclass(SearchError, UserError)


def test_the_budget_of_the_base_by_monte_carlo() -> None:
    search = mcea(base_macs='auto', base_samples=500, base_step=50_000, num_stages=None)
    expected = base_macs(mean_macs(BASE, COST, 500), 50_000)
    assert search.breeder.budgets.base_macs == expected
    assert search.num_stages == 2
    # In the study stands the number, so that it is the study of that number, too.
    assert search.settings() == mcea(base_macs=float(expected)).settings()


def test_a_scaled_space_of_another_family() -> None:
    base = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
    space = ScaledSpace(
        base, [ScalingStage(), ScalingStage(depth=(1.2, 1.4), width=(1.2, 1.4, 1.6))]
    )
    search = AlternatingSearch(
        space,
        Objectives.from_dict(('mIoU', 'macs')),
        Counter((64, 64)),
        tolerance=0.3,
        base_samples=50,
        base_step=1_000_000,
        num_bases=3,
        iterations=2,
        population=4,
        generations=2,
    )
    records = search_in_memory(search, evaluate=lambda arch: {'mIoU': float(arch.num_blocks)})
    assert len(search.history) == 3
    assert all(record.arch in space for record in records)
    assert 'stages/s1.yaml' in search.findings()


@pytest.mark.parametrize(
    ('space', 'arguments', 'where', 'fields'),
    [
        (BASE, {}, 'space', {'got': 'mbconv', 'allowed': contains("family='scaled'")}),
        (SPACE, {'num_stages': 3}, STAGES, {'got': 3, 'problem': contains('no stage 3')}),
        (
            SPACE.restricted([['scale.stage', [0, 2]]]),
            {},
            STAGES,
            {'got': 2, 'problem': contains('no stage 1', '0, 2')},
        ),
        (
            ScaledSpace(BASE, [ScalingStage()]),
            {},
            'search.algorithm',
            {'problem': contains('only stage 0')},
        ),
        (
            SPACE,
            {'base_macs': 'large'},
            'search.algorithm.base_macs',
            {'got': 'large', 'allowed': contains("'auto'")},
        ),
        (
            SPACE,
            {'base_macs': 'auto', 'base_samples': 9},
            'step',
            {'got': 50_000_000, 'problem': contains('nearer to 0')},
        ),
        (
            SPACE,
            {'budget': Budget(macs=(None, 1e9))},
            'budget',
            {'got': 'macs <= 1e+09', 'hint': contains('base_macs')},
        ),
    ],
)
def test_spaces_and_budgets_that_make_no_search(
    space: AbstractSpace[Any], arguments: dict[str, Any], where: str, fields: dict[str, Any]
) -> None:
    with raises(where=where, **fields):
        AlternatingSearch(space, OBJECTIVES, COST, **arguments)
