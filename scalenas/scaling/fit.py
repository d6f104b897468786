"""Budget fit: the largest growth of a network whose cost stays within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from scalenas.arch import Head, Rounding, Size
from scalenas.complexity import Budget, Cost, Counter

from .scale import A, Scaled, scale
from .strategy import ScalingError, Strategy

_STEPS = 50  # bisection halves an interval of factors up to 2**30 below rounding noise
_NEAR = 64  # factors tried just above the found one, where rounding may break monotony
_REACH = 1.15


@dataclass(frozen=True, slots=True)
class Fit(Generic[A]):
    """The network found, the factor that made it, its cost, and how far each bound is away.

    `misses` are the relative gaps to the upper bounds, 0.03 for a cost 3% below.
    """

    scaled: Scaled[A]
    factor: float
    cost: Cost
    misses: dict[str, float]


def cost_of(scaled: Scaled[A], head: Head | None = None) -> Cost:
    """Cost of a scaled network at its own size.

    Raises:
        ScalingError: when it has none.
    """
    if scaled.size is None:
        raise ScalingError(
            f'{scaled.arch.family} networks have no input size of their own: give one'
        )
    return Counter(scaled.size, head)(scaled.arch)


def fit(
    arch: A,
    strategy: Strategy,
    budget: Budget,
    rounding: Rounding,
    head: Head | None = None,
    size: Size | None = None,
    limit: float = 1024.0,
) -> Fit[A]:
    """The network of the largest factor whose cost is within the upper bounds.

    Bisection between 1 / limit and limit, each candidate counted exactly. Rounding can make a
    slightly larger factor cheaper again, so factors up to 15% above are tried, too.

    Raises:
        ScalingError: without an upper bound, when none fits, when all do, or when the fitted
            network is below a lower bound.
    """
    most = {
        what: bound
        for what in ('macs', 'params', 'acts')
        if (bound := getattr(budget, f'max_{what}')) is not None
    }
    if not most:
        raise ScalingError('budget: needs max_macs, max_params or max_acts to grow towards')

    def at(factor: float) -> tuple[Scaled[A], Cost]:
        scaled = scale(arch, strategy(factor), rounding, size)
        return scaled, cost_of(scaled, head)

    def fits(factor: float) -> bool:
        cost = at(factor)[1]
        return all(getattr(cost, what) <= bound for what, bound in most.items())

    if not fits(1 / limit):
        raise ScalingError(f'no factor down to 1/{limit:g} is within {budget} ({strategy})')
    if fits(limit):
        raise ScalingError(
            f'even factor {limit:g} is within {budget}: {strategy} does not grow what is bounded'
        )
    factor = _largest(fits, 1 / limit, limit)
    for n in range(1, _NEAR + 1):
        above = factor * _REACH ** (n / _NEAR)
        if above < limit and fits(above):
            factor = above
    scaled, cost = at(factor)
    if not budget.allows(cost):
        raise ScalingError(f'the largest network within the upper bounds costs {cost}: {budget}')
    misses = {what: 1 - getattr(cost, what) / bound for what, bound in most.items()}
    return Fit(scaled, factor, cost, misses)


def _largest(fits: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
