"""What would add most to the dominated volume, against the volume itself."""

from __future__ import annotations

import numpy as np

from scalenas.search import hypervolume
from scalenas.search.volume_gain import most_gain


def test_the_most_gain_is_that_of_the_exact_volume() -> None:
    """Of certain candidates, one after the other, in two dimensions and in three."""
    draw = np.random.default_rng(0)
    for axes in (1, 2, 3):
        known = [tuple(p) for p in 0.5 + 0.5 * draw.random((10, axes))]
        candidates = draw.random((12, axes))
        corner = tuple(np.max(known, 0) + 0.05 * (np.max(known, 0) - np.min(candidates, 0)))
        first, *_ = chosen = most_gain(known, candidates[None], 3, np.random.default_rng(1))
        assert sorted(chosen) == list(range(12))
        gains = [hypervolume([*known, tuple(c)], corner) for c in candidates]
        span = max(gains) - hypervolume(known, corner)
        assert max(gains) - gains[first] < 0.05 * span


def test_what_others_evaluate_is_gained_already() -> None:
    """The first candidate is the one that adds most to what is known and what is running."""
    draw = np.random.default_rng(0)
    changed = 0
    for _ in range(20):
        known = [tuple(p) for p in 0.5 + 0.5 * draw.random((10, 2))]
        running, candidates = draw.random((2, 2)), draw.random((12, 2))
        corner = tuple(np.max(known, 0) + 0.05 * (np.max(known, 0) - np.min(candidates, 0)))
        there = [*known, *map(tuple, running)]
        first, *_ = most_gain(
            known, candidates[None], 1, np.random.default_rng(1), running=running[None]
        )
        gains = [hypervolume([*there, tuple(c)], corner) for c in candidates]
        most = max(hypervolume([*known, tuple(c)], corner) for c in candidates)
        assert max(gains) - gains[first] < 0.05 * (most - hypervolume(known, corner))
        alone, *_ = most_gain(known, candidates[None], 1, np.random.default_rng(1))
        changed += alone != first
    assert changed >= 3
