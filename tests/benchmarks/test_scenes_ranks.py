"""The tables on ranking: right statistics, one network of each function, and those of the page."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scalenas.benchmarks import hr_scenes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def ranks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        yield importlib.import_module('scenes_ranks')
        sys.modules.pop('scenes_ranks')


@pytest.fixture(scope='module')
def alone(ranks):
    table = hr_scenes.load()
    return ranks.reference(table.space, table.archs, table.alone)


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=2, max_size=9))
def test_a_weighted_tau_is_that_of_repeated_networks(ranks, rows) -> None:
    x, y, times = np.array(rows, float).T
    found = [np.repeat(values, times.astype(int)) for values in (x, y)]
    if min(map(len, found)) < 2 or min(map(np.ptp, found)) == 0:
        return
    expected = stats.kendalltau(*found).statistic
    assert ranks.kendall(x, y, times) == pytest.approx(expected, abs=1e-12)
    assert ranks.kendall(x[None], y, np.stack([times] * 3)) == pytest.approx([expected] * 3)


def test_the_networks_alone_are_different_functions_with_two_seeds(ranks, alone) -> None:
    table = hr_scenes.load()
    same = ranks.functions(table.space, table.archs)
    assert len(set(same)) == 1584 == table.about['evaluated']
    assert len(table.alone) == 24
    assert len(alone.slots) == len({same[slot] for slot in alone.slots}) == 22
    assert alone.slots[0] == table.slot(table.space.smallest())
    assert alone.slots[-1] == table.slot(table.space.largest())
    by_slot = {table.slot(one.arch): one for one in table.alone}
    for slot, scores, mean in zip(alone.slots, alone.scores, alone.means, strict=True):
        assert scores.tolist() == [by_slot[slot].seeds[seed]['mIoU'] for seed in (0, 1)]
        assert mean == pytest.approx(by_slot[slot].mean('mIoU'))


@pytest.mark.parametrize('noise', [0.3, 1.0])
def test_ceilings_are_those_of_normal_scores(ranks, noise: float) -> None:
    # Normal scores with a correlation r have a tau of 2/pi arcsin(r). Here worth, the mean of the
    # noise of both seeds and half of its difference are uncorrelated, of the variances wanted.
    drawn = np.random.default_rng(5).normal(0, 1, (300, 3))
    worth, a, b = (np.linalg.qr(drawn - drawn.mean(axis=0))[0] * math.sqrt(299)).T
    scores = worth[:, None] + noise / math.sqrt(2) * np.stack([a + b, a - b], axis=1)
    found = ranks.ceilings(scores, draws=20)
    one, mean = 1 / math.hypot(1, noise), 1 / math.hypot(1, noise / math.sqrt(2))
    for value, r in (
        (found.perfect_one, one),
        (found.perfect_mean, mean),
        (found.another_one, one * one),
        (found.another_mean, one * mean),
    ):
        assert value == pytest.approx(2 / math.pi * math.asin(r), abs=0.02)


def test_a_bootstrap_over_both_has_the_variance_of_both(ranks) -> None:
    rng = np.random.default_rng(2)
    nets, seeds = rng.normal(0, 1, 40), rng.normal(0, 1, 20)
    values = 3 + seeds[:, None] + nets

    def mean(w):
        return (w * values).sum(axis=-1) / w.sum(axis=-1)

    low, high = ranks.both_ways(mean, 20, 40, draws=20_000)
    error = math.sqrt(nets.var() / 40 + seeds.var() / 20)
    assert (high - low) / 2 / error == pytest.approx(1.96, rel=0.05)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.1 * error)


def test_the_interval_is_students(ranks) -> None:
    values = [1.5, 0.25, 2.0]
    mean, low, high = ranks.interval(values)
    assert mean == 1.25
    expected = stats.t.interval(0.95, 2, 1.25, stats.sem(values))
    assert (low, high) == pytest.approx(expected, abs=1e-12)


def test_supernets_are_compared_with_those_that_differ_in_one_thing(ranks) -> None:
    def names(name: str) -> list[str]:
        variant = ranks.Variant.of(name)
        assert variant.name == name
        return [base.name for base in ranks.bases(variant)]

    assert names('grouped-kd-start-1') == []
    assert names('grouped-labels-start-1') == ['grouped-kd-start-1']
    assert names('grouped-kd0.1-start-1') == ['grouped-kd-start-1']
    assert names('sandwich-kd-start-0.3') == ['grouped-kd-start-0.3', 'sandwich-kd-start-1']
    assert names('uniform-labels-noise-1') == [
        *('grouped-labels-noise-1', 'uniform-kd-noise-1', 'uniform-labels-start-1')
    ]


def test_the_tables_of_supernets(ranks) -> None:
    reference = ranks.Reference([0, 5, 9], np.array([[1, 3], [4, 4], [3, 3.0]]), np.zeros((3, 2)))
    header = ('variant', 'seed', 'seconds', 'net0', 'net5', 'net9')
    lines = (
        ('grouped-kd-start-1', 0, 60, 1, 9, 3),
        ('grouped-kd-start-1', 1, 120, 1, 9, 3),
        ('grouped-labels-start-1', 1, 60, 2, 10, 4),
        ('grouped-labels-start-1', 0, 60, 3, 11, 5),
        ('uniform-kd-start-1', 0, 60, 1, 2, 3),
    )
    found = ranks.supernets([dict(zip(header, map(str, line), strict=True)) for line in lines])
    rows = ranks.summary(found, reference, (0, 9)).splitlines()[2:]
    assert rows[0] == (
        '| grouped-kd-start-1 | 2 | 1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] | 0.82 [0.82, 0.82] '
        '| 4.33 [4.33, 4.33] | 1.00 [1.00, 1.00] | 3.00 [3.00, 3.00] | 1.50 [1.00, 2.00] |'
    )
    assert rows[2].startswith('| uniform-kd-start-1 | 1 | 0.33 | 0.33 | 0.00 | 2.00 |')
    # Means are 2 and 1 higher: Student's quantile of one degree of freedom is 12.706.
    rows = ranks.differences(found, reference).splitlines()[2:]
    assert rows == [
        '| grouped-labels-start-1 | grouped-kd-start-1 | 2 | +0.00 [+0.00, +0.00] '
        '| [+0.00, +0.00] | +1.50 [-4.85, +7.85] | [+1.00, +2.00] |'
    ]


def test_the_tables_of_the_page_are_those_of_the_files(ranks) -> None:
    page = (ROOT / 'docs/rank.md').read_text()
    found = ranks.tables(hr_scenes.load(), ranks.committed())
    lines = [line for text in found for line in text.splitlines()]
    assert len([line for line in lines if line.startswith('|')]) > 20
    assert [line for line in lines if line not in page] == []
