"""Paired timing: two actions take turns, and only their ratio is reported."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def spread(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
    return {'median': middle, 'q25': low, 'q75': high, 'n': len(values)}


def ratio(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    pairs: int,
    warmup: int = 2,
) -> dict[str, float]:
    """Time of `ours` over time of `theirs`, pair by pair; who goes first alternates."""
    for _ in range(warmup):
        ours()
        theirs()
    found = []
    for n in range(pairs):
        if n % 2:
            second = seconds(theirs)
            first = seconds(ours)
        else:
            first = seconds(ours)
            second = seconds(theirs)
        found.append(first / second)
    return spread(found)
