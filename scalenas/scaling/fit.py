"""Budget fit: the largest growth of a network whose cost stays within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from scalenas.arch import ArchError, Head, Rounding, Size
from scalenas.arch.strict import is_number
from scalenas.complexity import Budget, Cost, Counter
from scalenas.errors import short

from .latency import LatencyLine
from .scale import A, Scaled, scale
from .strategy import ScalingError, Strategy

_STEPS = 50  # bisection halves an interval of factors up to 2**30 below rounding noise
_NEAR = 64  # factors tried just above the found one, where rounding may break monotony
_REACH = 1.15
_TIMED = 7  # bisections of a factor of two: 0.5%, less than timings differ


@dataclass(frozen=True, slots=True)
class LatencyBound(Generic[A]):
    """At most `most` milliseconds, by a device's line (an estimate) or by timing networks.

    A timer gets a network and its input size, and gives milliseconds.

    Raises:
        ScalingError: for a bound that is not a number above 0.
    """

    most: float
    by: LatencyLine | Callable[[A, Size], float]

    def __post_init__(self) -> None:
        if not is_number(self.most) or not self.most > 0:
            raise ScalingError(f'max_latency_ms: expected a number > 0, got {short(self.most)}')


@dataclass(frozen=True, slots=True)
class Fit(Generic[A]):
    """The network found, the factor that made it, its cost, and how far each bound is away.

    `misses` are the relative gaps to the upper bounds, 0.03 for a cost 3% below. `latency` is in
    milliseconds, where it was bounded.
    """

    scaled: Scaled[A]
    factor: float
    cost: Cost
    misses: dict[str, float]
    latency: float | None = None


def cost_of(scaled: Scaled[A], head: Head | None = None) -> Cost:
    """Cost of a scaled network at its own size.

    Raises:
        ScalingError: when it has none.
    """
    if scaled.size is None:
        raise ScalingError(
            f'{scaled.arch.family} networks have no input size of their own: give `size`'
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
    latency: LatencyBound[A] | None = None,
) -> Fit[A]:
    """The network of the largest factor whose cost is within the upper bounds.

    Bisection between 1 / limit and limit, each candidate counted exactly. Rounding can make a
    slightly larger factor cheaper again, so factors up to 15% above are tried, too. A latency
    line bounds the activations of the backbone: heads were not timed. With a timer, about a dozen
    networks within the other bounds are timed, each once, outwards from the given one.

    Raises:
        ScalingError: without an upper bound, when none fits, when all do, when the fitted network
            is below a lower bound, or outside of what a latency line was measured for.
    """
    most = {
        what: bound
        for what in ('macs', 'params', 'acts')
        if (bound := getattr(budget, f'max_{what}')) is not None
    }
    if not most and latency is None:
        raise ScalingError(
            'budget: needs max_macs, max_params, max_acts or max_latency_ms to grow towards'
        )
    text = str(budget) if most else ''
    bounded, most_acts = bool(most), math.inf
    if latency is not None:
        text = f'{text}{", " if text else ""}max_latency_ms={latency.most:g}'
        if isinstance(latency.by, LatencyLine):
            reached = latency.by.acts(latency.most)
            if reached < latency.by.least * 1e6:
                raise _outside(f'{latency.most:g} ms are reached at', reached, latency.by)
            bounded, most_acts = True, reached

    def at(factor: float) -> tuple[Scaled[A], Cost]:
        scaled = scale(arch, strategy(factor), rounding, size)
        return scaled, cost_of(scaled, head)

    impossible = [math.inf]

    def fits(factor: float) -> bool:
        try:
            scaled, cost = at(factor)
        except ArchError:
            # Beyond what any network may have of blocks, channels or pixels.
            impossible.append(factor)
            return False
        within = all(cost[what] <= bound for what, bound in most.items())
        return within and (most_acts == math.inf or cost_of(scaled)['acts'] <= most_acts)

    factor = _counted(fits, limit, text, strategy) if bounded else limit
    if min(impossible) <= factor * (1 + 1e-9):
        raise _impossible(factor, text, strategy)
    ms = None
    if latency is not None and not isinstance(latency.by, LatencyLine):
        factor, ms = _timed(latency.by, latency.most, at, factor, limit, text, strategy)
    scaled, cost = at(factor)
    if not budget.allows(cost):
        raise ScalingError(f'the largest network within the upper bounds costs {cost}: {text}')
    misses = {what: 1 - cost[what] / bound for what, bound in most.items()}
    if latency is not None:
        if isinstance(latency.by, LatencyLine):
            acts = cost_of(scaled)['acts']
            if not latency.by.covers(acts):
                raise _outside(f'{text} ({strategy}) fits a network of', acts, latency.by)
            ms = latency.by.ms(acts)
        assert ms is not None
        misses['latency_ms'] = 1 - ms / latency.most
    return Fit(scaled, factor, cost, misses, ms)


def _impossible(factor: float, text: str, strategy: Strategy) -> ScalingError:
    return ScalingError(
        f'{text}: {strategy} reaches the largest network that can be described (near factor '
        f'{factor:.4g}) before it reaches the bound'
    )


def _outside(what: str, acts: float, line: LatencyLine) -> ScalingError:
    return ScalingError(
        f'{what} {acts / 1e6:.3g} M acts, but the latency line was measured from {line.least:.3g} '
        f'to {line.most:.3g} M acts only: measure a wider range, or time the networks themselves'
    )


def _counted(fits: Callable[[float], bool], limit: float, text: str, strategy: Strategy) -> float:
    """The largest factor that fits, by counting."""
    if not fits(1 / limit):
        raise ScalingError(f'no factor down to 1/{limit:g} is within {text} ({strategy})')
    if fits(limit):
        raise ScalingError(
            f'even factor {limit:g} is within {text}: {strategy} does not grow what is bounded'
        )
    edge = _largest(fits, 1 / limit, limit)
    above = (edge * _REACH ** (n / _NEAR) for n in range(_NEAR, 0, -1))
    return next((factor for factor in above if factor < limit and fits(factor)), edge)


def _largest(fits: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def _timed(
    timer: Callable[[A, Size], float],
    most: float,
    at: Callable[[float], tuple[Scaled[A], Cost]],
    top: float,
    limit: float,
    text: str,
    strategy: Strategy,
) -> tuple[float, float]:
    """Factor and milliseconds of the largest network up to factor `top` that is fast enough.

    Large networks take long to time, so the way leads from the given network outwards.
    """
    known: dict[tuple[A, Size], float] = {}

    def ms(factor: float) -> float:
        try:
            scaled, _ = at(factor)
        except ArchError:
            raise _impossible(factor, text, strategy) from None
        assert scaled.size is not None  # `at` has counted the network
        key = scaled.arch, scaled.size
        if key not in known:
            known[key] = timer(*key)
        return known[key]

    low = min(1.0, top)
    if ms(low) <= most:
        high = low
        while ms(high) <= most:
            if high >= top:
                if top >= limit:
                    raise ScalingError(
                        f'even factor {limit:g} is within {text}: {strategy} does not grow what '
                        'is bounded'
                    )
                return high, ms(high)
            low, high = high, min(2 * high, top)
    else:
        while ms(low) > most:
            high, low = low, low / 2
            if low < 1 / limit:
                raise ScalingError(
                    f'no factor down to 1/{limit:g} is within {text} ({strategy}): the fastest '
                    f'network took {min(known.values()):.3g} ms'
                )
    for _ in range(_TIMED):
        middle = math.sqrt(low * high)
        if ms(middle) <= most:
            low = middle
        else:
            high = middle
    return low, ms(low)
