"""Statistics of times: against SciPy, against known distributions, and what is no time."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.latency.reliability import (
    LEVEL,
    LatencyError,
    Times,
    check_time,
    kendall,
    ranking,
    ratio,
    rounds_needed,
    sign_test,
    split_half_tau,
)
from tests.errors import raises

pytestmark = pytest.mark.fast


def simulated(
    means: list[float], rounds: int, rng: random.Random, noise: float = 0.05, drift: float = 0.2
) -> Times:
    """Each round slows all networks alike by `drift`, and each time has `noise` of its own."""
    rows: list[list[float]] = [[] for _ in means]
    for _ in range(rounds):
        shared = math.exp(rng.gauss(0, drift))
        for row, mean in zip(rows, means, strict=True):
            row.append(mean * shared * math.exp(rng.gauss(0, noise)))
    return Times(tuple(f'net{i}' for i in range(len(means))), tuple(map(tuple, rows)))


@settings(deadline=None)  # the first one imports SciPy
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12))
def test_tau_is_scipys(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip('scipy.stats')
    a, b = map(list, zip(*pairs, strict=True))
    expected = stats.kendalltau(a, b).statistic
    assert kendall(a, b) == pytest.approx(0.0 if math.isnan(expected) else expected)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.data())
def test_the_sign_test_and_the_interval_are_scipys(values: list[int], data: st.DataObject) -> None:
    stats = pytest.importorskip('scipy.stats')
    others = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    less = sum(a < b for a, b in zip(values, others, strict=True))
    n = less + sum(a > b for a, b in zip(values, others, strict=True))
    expected = stats.binomtest(less, n).pvalue if n else 1.0
    assert sign_test(values, others) == pytest.approx(expected)
    found = ratio(values, others)
    ratios = sorted(a / b for a, b in zip(values, others, strict=True))
    assert found.ratio == statistics.median(ratios)
    # The rank is the largest whose two tails hold at most the level.
    rank = int(stats.binom.ppf(LEVEL / 2, len(values), 0.5))
    if 2 * stats.binom.cdf(rank, len(values), 0.5) <= LEVEL:
        rank += 1
    if 2 * stats.binom.cdf(rank - 1, len(values), 0.5) > LEVEL:
        rank -= 1
    bounds = (ratios[rank - 1], ratios[-rank]) if rank > 0 else (0.0, math.inf)
    assert (found.low, found.high) == bounds


def test_the_interval_holds_the_ratio_as_often_as_it_says() -> None:
    rng, inside, runs = random.Random(0), 0, 1000
    for _ in range(runs):
        one, other = simulated([1.03, 1.0], 20, rng).seconds
        found = ratio(one, other)
        inside += found.low <= 1.03 <= found.high
    # 20 rounds: the order statistics of rank 6 miss with 2 P(B(20, 1/2) < 6) = 0.041.
    assert inside / runs == pytest.approx(1 - 0.041, abs=0.025)


@pytest.mark.parametrize('nets', [2, 4, 7])
@pytest.mark.parametrize('rounds', [7, 20])
def test_equal_networks_are_seldom_separated(nets: int, rounds: int) -> None:
    rng, runs = random.Random(nets), 300
    apart = sum(
        len(ranking(simulated([1.0] * nets, rounds, rng), splits=1).groups) > 1 for _ in range(runs)
    )
    # Three standard deviations of such a count above the level.
    assert apart / runs <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / runs)


def test_what_differs_is_ranked_and_what_is_equal_is_tied() -> None:
    times = simulated([2.0, 1.0, 1.0, 3.0], 30, random.Random(1))
    found = ranking(times)
    assert [set(group) for group in found.groups] == [{'net1', 'net2'}, {'net0'}, {'net3'}]
    assert found.holds
    assert 0.005 < found.difference < 0.2


def test_the_smallest_difference_is_one_that_separates() -> None:
    """Networks that differ so much are separated half of the time, twice that nearly always."""
    rng = random.Random(2)
    width = statistics.median(
        ranking(simulated([1.0, 1.0], 20, rng), splits=1).difference for _ in range(100)
    )
    found = {}
    for factor in (0.0, 1.0, 2.0):
        found[factor] = statistics.mean(
            len(ranking(simulated([1.0, 1 + factor * width], 20, rng), splits=1).groups) - 1
            for _ in range(150)
        )
    assert found[0.0] <= 0.12
    assert 0.3 < found[1.0] < 0.8
    assert found[2.0] > 0.9


def test_split_half_tau_knows_signal_from_noise() -> None:
    rng = random.Random(3)
    clear = simulated([1.0, 1.5, 2.0, 3.0, 5.0], 20, rng)
    assert split_half_tau(clear) == 1.0
    assert ranking(clear).holds
    noise = [split_half_tau(simulated([1.0] * 6, 10, rng), 40) for _ in range(60)]
    # Halves of one measurement are drawn without replacement: equal networks come out below 0.
    assert statistics.mean(noise) < 0.1
    assert not ranking(simulated([1.0] * 6, 10, rng)).holds
    assert split_half_tau(clear, seed=5) == split_half_tau(clear, seed=5)


def test_an_order_of_networks_or_of_rounds_means_nothing() -> None:
    times = simulated([1.0, 1.2, 1.21, 2.0], 25, random.Random(4))
    turned = Times(times.names[::-1], times.seconds[::-1])
    one, other = ranking(times), ranking(turned)
    assert [set(group) for group in one.groups] == [set(group) for group in other.groups]
    assert one.difference == pytest.approx(other.difference)
    back = Times(times.names, tuple(row[::-1] for row in times.seconds))
    assert ranking(back).groups == one.groups


@pytest.mark.parametrize('nets', [2, 5, 40])
def test_too_few_rounds_tell_nothing(nets: int) -> None:
    means = [1.0 * 3**i for i in range(nets)]
    enough = rounds_needed(nets)
    rng = random.Random(0)
    few = ranking(simulated(means, enough - 1, rng, noise=0.001), splits=4)
    assert len(few.groups) == 1
    assert few.difference == math.inf
    full = ranking(simulated(means, enough, rng, noise=0.001), splits=4)
    assert len(full.groups) == nets
    assert full.difference < 0.1


@pytest.mark.parametrize(
    'value', [0, 0.0, -1.0, math.nan, math.inf, None, '3', True], ids=lambda value: repr(value)
)
def test_what_is_no_time(value: object) -> None:
    with raises(LatencyError, where='time of b', allowed='a finite number > 0'):
        check_time(value, 'b')
    with raises(LatencyError, where='time of b'):
        Times(('a', 'b'), ((1.0, 2.0), (1.0, value)))  # type: ignore[arg-type]


def test_what_is_no_measurement() -> None:
    with raises(LatencyError, where='rounds of b', got=1, allowed=(2,)):
        Times(('a', 'b'), ((1.0, 2.0), (1.0,)))
    with raises(LatencyError, where='times'):
        Times((), ())
    with raises(LatencyError, where='split-half tau', got=(1, 9)):
        split_half_tau(Times(('a',), ((1.0,) * 9,)))
    with raises(LatencyError, where='split-half tau', got=(2, 3)):
        ranking(Times(('a', 'b'), ((1.0,) * 3, (2.0,) * 3)))


def test_quartiles() -> None:
    assert Times(('a',), ((4.0, 1.0, 3.0, 2.0, 5.0),)).spreads() == ((2.0, 3.0, 4.0),)
    assert Times(('a',), ((7.0,),)).spreads() == ((7.0, 7.0, 7.0),)
