"""Rank correlations: by hand, against monotone transforms, and intervals that cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from scalenas.search import SearchError, rank_study
from tests.errors import contains, raises


def test_by_hand() -> None:
    study = rank_study([1, 2, 3, 4], [1, 3, 2, 4], resamples=50)
    assert study.num == 4
    assert study.pearson.value == pytest.approx(0.8)
    assert study.spearman.value == pytest.approx(0.8)
    assert study.kendall.value == pytest.approx(4 / 6)  # 5 pairs agree, 1 does not


def test_ranks_do_not_see_a_monotone_transform_and_pearson_does() -> None:
    x = np.linspace(0.0, 3.0, 40)
    study = rank_study(x, np.exp(3 * x), resamples=50)
    assert study.spearman.value == study.kendall.value == pytest.approx(1.0)
    assert study.pearson.value < 0.9


@pytest.mark.longer
def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth, covered = 0.6, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=80)
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=80)
        interval = rank_study(x, y, resamples=60, confidence=0.9, seed=seed).pearson
        covered += interval.low <= truth <= interval.high
    assert 30 <= covered <= 40  # 36 expected; 30 is more than 3 standard deviations below


def test_the_same_seed_gives_the_same_interval_and_resamples_of_one_value_are_redrawn() -> None:
    x, y = [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 2.0, 2.0]
    one = rank_study(x, y, resamples=100, seed=1)
    assert one == rank_study(x, y, resamples=100, seed=1)
    assert one.pearson.low <= one.pearson.value <= one.pearson.high


@pytest.mark.parametrize(
    ('x', 'y', 'which', 'fields'),
    [
        ([1, 2], [1, 2], '', {'got': 2, 'allowed': 'at least 3 networks'}),
        ([1, 2, 3], [1, 2], '', {'got': (3, 2)}),
        ([1, 2, 3], [5, 5, 5], ', second score', {'got': 5.0, 'problem': contains('all 3')}),
        ([1, 2, float('nan')], [1, 2, 3], ', first score', {'allowed': contains('finite')}),
    ],
)
def test_mistakes(x: list[float], y: list[float], which: str, fields: dict[str, object]) -> None:
    with raises(SearchError, where=f'rank study{which}', **fields):
        rank_study(x, y)


@pytest.mark.parametrize(('confidence', 'resamples'), [(1.0, 9), (0.0, 9), (0.9, 0)])
def test_intervals_that_are_none(confidence: float, resamples: int) -> None:
    with raises(SearchError, where='rank study', got=(confidence, resamples)):
        rank_study([1, 2, 3], [1, 3, 2], confidence=confidence, resamples=resamples)
