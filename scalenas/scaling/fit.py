"""Budget fit: the largest growth of a network whose cost stays within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from scalenas.arch import ArchError, Head, Rounding, Size
from scalenas.arch.strict import sizeless
from scalenas.complexity import COLUMNS, Budget, Cost, Counter, Measure, column_of

from .latency import LatencyLine, backbone_acts
from .strategy import A, Scaled, ScalingError, Strategy, scale

_STEPS = 50  # bisection halves an interval of factors up to 2**30 below rounding noise
_NEAR = 64  # factors tried just above the found one, where rounding may break monotony
_REACH = 1.15
_TIMED = 7  # bisections of a factor of two: 0.5%, less than timings differ


@dataclass(frozen=True, slots=True)
class Fit(Generic[A]):
    """The network found, the factor that made it, its cost, and how far each bound is away.

    `misses` are the relative gaps to the upper bounds, 0.03 for a cost 3% below. The cost has the
    measured columns that were bounded.
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
        raise sizeless(scaled.arch.family, 'size', ScalingError)
    return Counter(scaled.size, head)(scaled.arch)


def fit(
    arch: A,
    strategy: Strategy,
    budget: Budget,
    rounding: Rounding,
    head: Head | None = None,
    size: Size | None = None,
    limit: float = 1024.0,
    columns: Mapping[str, Measure] | None = None,
) -> Fit[A]:
    """The network of the largest factor whose cost is within the upper bounds.

    Bisection between 1 / limit and limit, each candidate counted exactly. Rounding can make a
    slightly larger factor cheaper again, so factors up to 15% above are tried, too. A latency line
    estimates as exactly. Any other measured column is taken for a timer: about a dozen networks
    within the other bounds are measured, each once, outwards from the given one.

    Args:
        columns: the measured ones: name -> function of a network and its input size.

    Raises:
        ScalingError: without an upper bound, when none fits, when all do, when the fitted network
            is below a lower bound, or outside of what a latency line was measured for.
    """
    measured = dict(columns or {})
    budget.check_columns((*COLUMNS, *measured))
    most = {name: bound for name in budget if (bound := budget.most(name)) is not None}
    if not most:
        raise ScalingError(
            'needs an upper bound to grow towards',
            where='budget',
            allowed=(*COLUMNS, *measured),
        )
    lines = {name: by for name, by in measured.items() if isinstance(by, LatencyLine)}
    timers = {name: by for name, by in measured.items() if name in most and name not in lines}
    for name, line in lines.items():
        if name in most and (acts := line.acts(most[name])) < line.least * 1e6:
            raise _outside(f'{name} <= {most[name]:g} is reached outside of it', acts, line)

    def at(factor: float) -> tuple[Scaled[A], Cost]:
        scaled = scale(arch, strategy(factor), rounding, size)
        return scaled, with_columns(cost_of(scaled, head), scaled, lines)

    impossible = [math.inf]

    def fits(factor: float) -> bool:
        try:
            _, cost = at(factor)
        except ArchError:
            # Beyond what any network may have of blocks, channels or pixels.
            impossible.append(factor)
            return False
        return all(cost[name] <= bound for name, bound in most.items() if name not in timers)

    text = str(budget)
    factor = _counted(fits, limit, text, strategy) if set(most) - set(timers) else limit
    if min(impossible) <= factor * (1 + 1e-9):
        raise _impossible(factor, text, strategy)
    known: dict[tuple[A, Size], Cost] = {}

    def timed(factor: float) -> Cost:
        try:
            scaled, cost = at(factor)
        except ArchError:
            raise _impossible(factor, text, strategy) from None
        assert scaled.size is not None  # `at` has counted the network
        key = scaled.arch, scaled.size
        if key not in known:
            known[key] = with_columns(cost, scaled, timers)
        return known[key]

    if timers:
        bounds = Budget.between(most={name: most[name] for name in timers})
        factor = _timed(timed, bounds, factor, limit, text, strategy)
    scaled, _ = at(factor)
    cost = with_columns(timed(factor), scaled, {k: v for k, v in measured.items() if k in budget})
    for name, line in lines.items():
        if name in budget and not line.covers(acts := backbone_acts(scaled.arch, scaled.size)):
            raise _outside(f'{text} ({strategy}) fits a network outside of it', acts, line)
    if not budget.allows(cost):
        raise _unmet(f'the largest network within the upper bounds costs {cost}', text)
    misses = {name: 1 - cost[name] / bound for name, bound in most.items()}
    return Fit(scaled, factor, cost, misses)


def with_columns(cost: Cost, scaled: Scaled[A], columns: Mapping[str, Measure]) -> Cost:
    """The cost with these measured columns, where it has not got them."""
    assert scaled.size is not None
    more = {k: by(scaled.arch, scaled.size) for k, by in columns.items() if k not in cost}
    return Cost({**cost, **more})


def _impossible(factor: float, text: str, strategy: Strategy) -> ScalingError:
    problem = 'reaches the largest network that can be described before the bound'
    return _unmet(f'{strategy} {problem}, near factor {factor:.4g}', text)


def _endless(limit: float, text: str, strategy: Strategy) -> ScalingError:
    problem = f'even factor {limit:g} is within, for {strategy} does not grow what is bounded'
    return _unmet(problem, text)


def _unmet(problem: str, text: str) -> ScalingError:
    return ScalingError(problem, where='budget', got=text)


def _outside(what: str, acts: float, line: LatencyLine) -> ScalingError:
    return ScalingError(
        what,
        where='latency line',
        got=f'{acts / 1e6:.3g} M acts',
        allowed=f'{line.least:.3g} to {line.most:.3g} M acts, which were measured',
        hint='measure a wider range, or time the networks themselves',
    )


def _counted(fits: Callable[[float], bool], limit: float, text: str, strategy: Strategy) -> float:
    """The largest factor that fits, by counting."""
    if not fits(1 / limit):
        raise _unmet(f'no factor of {strategy} down to 1/{limit:g} is within', text)
    if fits(limit):
        raise _endless(limit, text, strategy)
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
    cost: Callable[[float], Cost],
    bounds: Budget,
    top: float,
    limit: float,
    text: str,
    strategy: Strategy,
) -> float:
    """The factor of the largest network up to factor `top` that is within the bounds.

    Large networks take long to time, so the way leads from the given network outwards.
    """
    low = min(1.0, top)
    if bounds.allows(cost(low)):
        high = low
        while bounds.allows(cost(high)):
            if high >= top:
                if top >= limit:
                    raise _endless(limit, text, strategy)
                return high
            low, high = high, min(2 * high, top)
    else:
        tried = [cost(low)]
        while not bounds.allows(tried[-1]):
            high, low = low, low / 2
            if low < 1 / limit:
                nearest = min(tried, key=bounds.violation)
                took = ', '.join(column_of(name).text(nearest[name]) for name in bounds)
                problem = f'no factor of {strategy} down to 1/{limit:g} is within'
                raise _unmet(f'{problem}, the nearest took {took}', text)
            tried.append(cost(low))
    for _ in range(_TIMED):
        middle = math.sqrt(low * high)
        if bounds.allows(cost(middle)):
            low = middle
        else:
            high = middle
    return low
