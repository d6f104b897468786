"""Budgets from the space: the mean of its networks, and the rule of appendix A."""

from __future__ import annotations

import random

import pytest

from scalenas.arch import ArchError, ClassificationHead
from scalenas.complexity import Counter
from scalenas.space import base_macs, mean_macs, scalenet_space
from tests.errors import raises

COUNTER = Counter(head=ClassificationHead(1000))


@pytest.mark.longer
def test_the_mean_is_seeded_private_and_near_the_exact_one() -> None:
    space = scalenet_space()
    random.seed(1)
    before = random.getstate()
    found = mean_macs(space, COUNTER, 3000, seed=0)
    assert random.getstate() == before
    assert found == mean_macs(space, COUNTER, 3000, seed=0) != mean_macs(space, COUNTER, 3000, 1)
    # 318.1 M macs over 100,000 networks, standard deviation about 70 M.
    assert abs(found - 318.1e6) < 4 * 70e6 / 3000**0.5


def test_the_base_budget_is_the_nearest_multiple() -> None:
    assert base_macs(318.1e6) == 300_000_000
    assert base_macs(326e6) == 350_000_000
    assert base_macs(3.4e6, step=1_000_000) == 3_000_000
    with raises(ArchError, where='step', got=50_000_000, hint='give a smaller one'):
        base_macs(3.4e6)


def test_the_base_budget_of_imagenet_100() -> None:
    """100 M by the rule; the paper's is 120 M, which is no multiple of 50 M."""
    mean = mean_macs(scalenet_space(half=True), Counter(head=ClassificationHead(100)), 3000)
    assert 95e6 < mean < 99e6
    assert base_macs(mean) == 100_000_000
