"""The reliability of a latency measurement: split-half Kendall's tau, ties, smallest difference.

Networks are timed in interleaved rounds, every network once a round, so the times of a round share
what the machine was doing. Everything here compares networks within rounds. What a round cannot
show, such as memory that a process lays out once and for all, is not in these numbers.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scalenas.errors import UserError

LEVEL = 0.05
"""Chance, at most, that any two networks of equal speed are separated."""

LEAST_TAU = 0.5
"""A split-half tau below this is no ranking: of four pairs more than one changes its order."""

SPLITS = 200


class LatencyError(UserError):
    """A time that is none, or a measurement or a table that cannot say what is asked of it."""


class Spread(NamedTuple):
    """Median and quartiles."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method='inclusive'))


@dataclass(frozen=True)
class Times:
    """Seconds of networks: `seconds[i][r]` is that of network i in round r.

    Raises:
        LatencyError: for no network, a round that is not whole, or a time that is not above 0.
    """

    names: tuple[str, ...]
    seconds: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.seconds):
            raise LatencyError(where='times', got=len(self.seconds), allowed='one row a network')
        for name, row in zip(self.names, self.seconds, strict=True):
            if len(row) != self.rounds or not row:
                raise LatencyError(where=f'rounds of {name}', got=len(row), allowed=[self.rounds])
            for value in row:
                check_time(value, name)

    @property
    def rounds(self) -> int:
        """How often every network was timed."""
        return len(self.seconds[0])

    def spreads(self) -> tuple[Spread, ...]:
        """Median and quartiles of each network, in seconds."""
        return tuple(map(Spread.of, self.seconds))


def check_time(value: Any, name: str) -> float:
    """The time itself.

    Raises:
        LatencyError: for zero, what is below, NaN, infinity, or no number.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 < value <= sys.float_info.max:  # whole numbers in JSON may be beyond all floats
        return float(value)
    raise LatencyError(where=f'time of {name}', got=value, allowed='a finite number > 0')


def kendall(a: Sequence[float], b: Sequence[float]) -> float:
    """Kendall's tau-b of two scores; 0 where one of them is constant, which orders nothing.

    Source: Kendall 1945, "The treatment of ties in ranking problems".
    """
    concordant = in_a = in_b = 0
    for (x, y), (u, v) in itertools.combinations(zip(a, b, strict=True), 2):
        first, second = (x > u) - (x < u), (y > v) - (y < v)
        concordant += first * second
        in_a += first != 0
        in_b += second != 0
    return concordant / math.sqrt(in_a * in_b) if in_a and in_b else 0.0


def split_half_tau(times: Times, splits: int = SPLITS, seed: int = 0) -> float:
    """Mean tau of the medians of two halves of the rounds, over random halves.

    It is the tau that a second measurement of half as many rounds would have with such a one: what
    estimates latency from anything else can hardly do better against this measurement.

    Raises:
        LatencyError: for fewer than two networks or four rounds.
    """
    if len(times.names) < 2 or times.rounds < 4:
        got = (len(times.names), times.rounds)
        allowed = '2 networks and 4 rounds, or more'
        raise LatencyError(where='split-half tau', got=got, allowed=allowed)
    rng, order = random.Random(f'halves/{seed}'), list(range(times.rounds))
    half, total = times.rounds // 2, 0.0
    for _ in range(splits):
        rng.shuffle(order)
        one, other = (
            [statistics.median(row[r] for r in part) for row in times.seconds]
            for part in (order[:half], order[half : 2 * half])
        )
        total += kendall(one, other)
    return total / splits


class Interval(NamedTuple):
    """A ratio of two times, and the bounds of its confidence interval."""

    low: float
    ratio: float
    high: float

    @property
    def width(self) -> float:
        """The relative difference from 1 that it would just exclude, e.g. 0.02."""
        return math.sqrt(self.high / self.low) - 1 if self.low else math.inf


def ratio(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Interval:
    """Median of first / second, round by round, with an interval that misses it with `level`.

    The bounds are order statistics: nothing is assumed of the times but that rounds are
    independent of each other once both are divided. Too few rounds give (0, ratio, infinity).
    """
    ratios = sorted(a / b for a, b in zip(first, second, strict=True))
    n, middle = len(ratios), statistics.median(ratios)
    rank = _rank(n, level)
    if not rank:
        return Interval(0.0, middle, math.inf)
    return Interval(ratios[rank - 1], middle, ratios[n - rank])


def sign_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Chance that equal networks differ in so many rounds as these: the two-sided sign test."""
    faster = sum(a < b for a, b in zip(first, second, strict=True))
    slower = sum(a > b for a, b in zip(first, second, strict=True))
    n = faster + slower
    return min(1.0, 2 * _below(min(faster, slower) + 1, n))


def rounds_needed(nets: int, level: float = LEVEL) -> int:
    """The fewest rounds in which two of so many networks can be separated at all."""
    return 1 + math.ceil(math.log2(max(1, math.comb(nets, 2)) / level))


@dataclass(frozen=True)
class Ranking:
    """What the times of several networks say of their order.

    Attributes:
        tau: split-half Kendall's tau.
        groups: names, fastest group first. Every network of a group differs significantly from
            every network of the next; within a group there is no order.
        difference: the relative difference that would separate half of the pairs; infinite where
            the rounds are too few for any.
        least_tau: below it, the groups are no ranking.
    """

    tau: float
    groups: tuple[tuple[str, ...], ...]
    difference: float
    least_tau: float = LEAST_TAU

    @property
    def holds(self) -> bool:
        """False where the measurement does not repeat itself well enough to rank."""
        return self.tau >= self.least_tau


def ranking(
    times: Times,
    level: float = LEVEL,
    least_tau: float = LEAST_TAU,
    splits: int = SPLITS,
    seed: int = 0,
) -> Ranking:
    """Ranks networks in groups that differ significantly: `level` over all pairs together (Holm).

    Raises:
        LatencyError: for fewer than two networks or four rounds.
    """
    tau = split_half_tau(times, splits, seed)
    rows, count = times.seconds, len(times.names)
    pairs = list(itertools.combinations(range(count), 2))
    chances = sorted((sign_test(rows[i], rows[j]), i, j) for i, j in pairs)
    apart: set[tuple[int, int]] = set()  # (faster, slower)
    for n, (chance, i, j) in enumerate(chances):
        if chance > level / (len(pairs) - n):
            break
        apart.add((i, j) if ratio(rows[i], rows[j]).ratio < 1 else (j, i))
    middles = [statistics.median(row) for row in rows]
    order = sorted(range(count), key=lambda i: middles[i])
    groups: list[list[int]] = [[]]
    for place, net in enumerate(order):
        if place and all((i, j) in apart for i in order[:place] for j in order[place:]):
            groups.append([])
        groups[-1].append(net)
    widths = [ratio(rows[i], rows[j], level / len(pairs)).width for i, j in pairs]
    named = tuple(tuple(times.names[i] for i in group) for group in groups)
    return Ranking(tau, named, statistics.median(widths), least_tau)


@functools.lru_cache(maxsize=256)
def _rank(n: int, level: float) -> int:
    """The largest rank of which smallest and largest miss the median with `level` at most."""
    rank = 0
    while rank < n // 2 and 2 * _below(rank + 1, n) <= level:
        rank += 1
    return rank


def _below(rank: int, n: int) -> float:
    """P(Binomial(n, 1/2) < rank)."""
    return float(sum(math.comb(n, k) for k in range(rank)) / 2**n)
