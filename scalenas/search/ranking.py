"""How far one score orders networks as another does: three correlations with intervals.

Source: ScaleNet (Xie et al. 2022), table 4 and appendix B. Its Kendall coefficient (equation 18)
has no sign, and ties count against it; here it is tau-b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .record import SearchError

WHERE = 'rank study'
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the percentile interval of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]'


@dataclass(frozen=True, slots=True)
class RankStudy:
    """Pearson's r, Spearman's rho and Kendall's tau-b of `num` networks."""

    num: int
    pearson: Interval
    spearman: Interval
    kendall: Interval


def rank_study(
    x: Sequence[float],
    y: Sequence[float],
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> RankStudy:
    """Correlate two scores of the same networks, given in the same order.

    The intervals are percentiles over `resamples` draws of the networks with replacement. A draw
    in which a score is constant has no correlation and is drawn anew.

    Raises:
        SearchError: for unequal lengths, fewer than 3 networks, or a score that is constant or
            not finite.
    """
    if len(x) != len(y):
        allowed = 'as many networks with one score as with the other'
        raise SearchError(where=WHERE, got=(len(x), len(y)), allowed=allowed)
    if len(x) < 3:
        raise SearchError(where=WHERE, got=len(x), allowed='at least 3 networks')
    if not 0.0 < confidence < 1.0 or resamples < 1:
        allowed = '0 < confidence < 1 and resamples >= 1'
        raise SearchError(where=WHERE, got=(confidence, resamples), allowed=allowed)
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    for which, values in (('first', a), ('second', b)):
        if not np.isfinite(values).all():
            where = f'{WHERE}, {which} score'
            raise SearchError(where=where, allowed='finite numbers for every network')
        if np.ptp(values) == 0.0:
            raise SearchError(
                f'is the same for all {len(a)} networks, so there is no order to compare',
                where=f'{WHERE}, {which} score',
                got=float(values[0]),
            )
    values = np.array(_all_three(a, b))
    drawn = np.empty((resamples, 3))
    rng = np.random.default_rng(seed)
    for i in range(resamples):
        rows = rng.integers(0, len(a), len(a))
        while np.ptp(a[rows]) == 0.0 or np.ptp(b[rows]) == 0.0:
            rows = rng.integers(0, len(a), len(a))
        drawn[i] = _all_three(a[rows], b[rows])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(drawn, (tail, 1.0 - tail), axis=0)
    pearson, spearman, kendall = (
        Interval(float(v), float(below), float(above))
        for v, below, above in zip(values, low, high, strict=True)
    )
    return RankStudy(len(a), pearson, spearman, kendall)


def _all_three(a: Floats, b: Floats) -> tuple[float, float, float]:
    from scipy import stats  # half of the time that importing this package would take

    correlations = (
        float(stats.pearsonr(a, b).statistic),
        float(stats.spearmanr(a, b).statistic),
        float(stats.kendalltau(a, b).statistic),
    )
    assert all(math.isfinite(value) for value in correlations), correlations
    return correlations
