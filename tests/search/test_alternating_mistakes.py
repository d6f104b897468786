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

from .scaled import BASE, COST, OBJECTIVES, SPACE, mcea
from .table import search_in_memory


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'base_macs': 5e8}, 'no base network was found that has 500.0M macs'),
        ({'growth': 50.0}, 'no scaling of stage 1 has 10.0M macs within tolerance 25%, the near'),
        ({'weights': (1.0,)}, 'weights: expected 2 numbers >= 0'),
        ({'weights': 1.0}, 'weights: expected a list of numbers, got 1.0'),
        ({'weights': ('much', 1.0)}, 'weights: expected 2 numbers >= 0'),
        ({'weights': (float('nan'), 1.0)}, 'weights: expected 2 numbers >= 0'),
        ({'mode': 'fixed'}, "mode 'fixed' needs 2, one a stage, got 0"),
        ({'mode': 'markov'}, 'mode: expected one of alternating, joint, fixed'),
        ({'mode': 'fixed', 'scalings': [{'deep': 2}] * 2}, 'scalings.0.: unknown key.*.deep.'),
        ({'mode': 'fixed', 'scalings': 2}, 'scalings: expected a list of scalings, one a stage'),
        (
            {'mode': 'fixed', 'scalings': [{}, {'depth': 1.2, 'width': 1.1, 'resolution': 1.15}]},
            'scalings.1.: .* is a scaling of no stage of the space',
        ),
        ({'scalings': [{}, {}]}, "only mode 'fixed' reads it, not 'alternating'"),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
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
        Objectives.of(('mIoU', 'macs')),
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
    ('space', 'arguments', 'message'),
    [
        (BASE, {}, "needs a scaled space .family='scaled'., got MBConvSpace"),
        (SPACE, {'num_stages': 3}, 'num_stages: 3 needs stages 1 to 3, and the space has no stage'),
        (SPACE.restricted([['scale.stage', [0, 2]]]), {}, 'has no stage 1, only 0, 2'),
        (ScaledSpace(BASE, [ScalingStage()]), {}, 'the space has only stage 0'),
        (SPACE, {'base_macs': 'large'}, "base_macs: expected 'auto' or a number, got 'large'"),
        (SPACE, {'base_macs': 'auto', 'base_samples': 9}, 'nearer to 0'),
        (SPACE, {'budget': Budget(macs=(None, 1e9))}, 'whose stages have budgets of their own'),
    ],
)
def test_spaces_and_budgets_that_make_no_search(
    space: AbstractSpace[Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        AlternatingSearch(space, OBJECTIVES, COST, **arguments)
