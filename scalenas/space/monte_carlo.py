"""Budgets from the space itself: what its networks cost on average, by drawing them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from typing import Any

from scalenas.arch import Arch
from scalenas.arch.strict import as_int
from scalenas.complexity import Cost

from .bounds import SpaceError
from .space import AbstractSpace

STEP = 50_000_000
MOST_SAMPLES = 10_000_000


def mean_macs(
    space: AbstractSpace[Any],
    cost: Callable[[Arch], Cost],
    samples: int = 100_000,
    seed: int = 0,
) -> float:
    """Mean multiply-adds of so many networks, every gene drawn evenly."""
    rng = random.Random(seed)
    draws = range(as_int(samples, 'samples', 1, MOST_SAMPLES))
    return statistics.fmean(cost(space.sample(rng))['macs'] for _ in draws)


def base_macs(mean: float, step: int = STEP) -> int:
    """f_0: the multiple of `step` multiply-adds nearest to the mean of the base networks.

    Source: ScaleNet (Xie et al. 2022), appendix A.

    Raises:
        SpaceError: when that is 0; networks so small need a smaller step.
    """
    found = round(mean / step) * step
    if not found:
        raise SpaceError(
            f'the mean of {mean:,.0f} macs is nearer to 0 than to a multiple of it',
            where='step',
            got=step,
            hint='give a smaller one',
        )
    return found
