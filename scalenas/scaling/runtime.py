"""Runtime of scaled networks: which are timed in which order, and what their times say.

Source: Dollar et al. 2021, section 4 and figure 2.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, Rounding, Scaling, Size
from scalenas.arch.rounding import NEAREST
from scalenas.arch.strict import sizeless
from scalenas.complexity import Cost

from .fit import cost_of
from .latency import EVERY, KINDS, Kind, LatencyLine, fit_line, pearson
from .strategy import A, Scaled, ScalingError, parse_strategy, scale

BASES = ('efficientnet_b0', 'regnety_400mf', 'regnetz_500mf')
"""The paper's base nets; the numbers of its RegNetY-500MF are not published."""

FIGURE_2: dict[str, str] = {'compound': 'dwr', 'dwg': 'dw', 'fast': 'dWr', 'width': 'w'}
"""The strategies of figure 2 -> their names there, where group width always goes with width."""

METRICS = ('macs', 'params', 'acts')


@dataclass(frozen=True, slots=True)
class Net:
    """A scaled network to be timed; `name` is unique, `labels` are all (strategy, factor) for it.

    Strategies meet in the same network, at factor 1 at the latest: it is timed once for them.
    """

    name: str
    base: str
    labels: tuple[tuple[str, float], ...]
    arch: Arch
    size: Size
    cost: Cost


@dataclass(frozen=True, slots=True)
class Timing:
    """A timed network: seconds of a batch, and all single runs relative to that."""

    net: Net
    seconds: float
    spread: float
    """Interquartile range of all runs, over their median: what disturbed the measurement."""


def base_name(what: str) -> str:
    """What a base is called in tables and files: its name in the zoo, or that of its YAML file."""
    path = Path(what)
    return path.stem if path.suffix in ('.yaml', '.yml') else what


def base_at(arch: A, side: int | None) -> Scaled[A]:
    """A base net at square inputs of this side; None: at its own.

    Raises:
        ScalingError: for a net without a side of its own, when none is given.
    """
    size = None if side is None else (side, side)
    if arch.size is None:
        if size is None:
            raise sizeless(arch.family, '--side', ScalingError)
        return scale(arch, Scaling(), NEAREST, size)
    share = 1.0 if side is None else side / arch.size[0]
    return scale(arch, Scaling(resolution=share), NEAREST)


def powers(most: float) -> list[float]:
    """1, 2, 4 ... up to `most`.

    Raises:
        ScalingError: when that is below 2, for a line needs two points.
    """
    if not 2 <= most < math.inf:
        raise ScalingError(where='--max-factor', got=most, allowed='a number >= 2')
    return [2.0**n for n in range(math.floor(math.log2(most) + 1e-9) + 1)]


def networks(
    bases: Mapping[str, Scaled[Any]],
    strategies: Sequence[str],
    factors: Sequence[float],
    rounding: Rounding,
) -> list[Net]:
    """Every base grown by every strategy and factor; equal networks are one.

    Raises:
        ScalingError: for an unknown strategy, or a factor that is not above 0.
    """
    labels_of: dict[tuple[str, Arch, Size], list[tuple[str, float]]] = {}
    costs: dict[tuple[str, Arch, Size], Cost] = {}
    for base, given in bases.items():
        for strategy in strategies:
            for factor in factors:
                scaled = scale(given.arch, parse_strategy(strategy)(factor), rounding, given.size)
                cost = cost_of(scaled)
                assert scaled.size is not None  # `cost_of` has asked
                key = base, scaled.arch, scaled.size
                labels_of.setdefault(key, []).append((strategy, factor))
                costs[key] = cost
    return [
        Net(f'{base} {labels[0][0]} x{labels[0][1]:g}', base, tuple(labels), arch, size, costs[key])
        for key, labels in labels_of.items()
        for base, arch, size in [key]
    ]


def order(nets: Sequence[Net], rounds: int, seed: int) -> Iterator[tuple[int, Net]]:
    """Every network once a round, each round in an order of its own.

    So a machine that is slow for a while does not slow the large networks, or one strategy.
    """
    for n in range(rounds):
        shuffled = list(nets)
        random.Random(f'{seed}/{n}').shuffle(shuffled)
        yield from ((n, net) for net in shuffled)


def timing(net: Net, runs: Sequence[float], statistic: str = 'median') -> Timing:
    """What the runs of a network say: their median, or the fastest of them.

    On a machine with other work the fastest is nearer to the network's own time.
    """
    middle = statistics.median(runs)
    low, _, high = statistics.quantiles(runs, n=4, method='inclusive')
    seconds = min(runs) if statistic == 'fastest' else middle
    return Timing(net, seconds, (high - low) / middle)


def correlations(timings: Sequence[Timing]) -> dict[str, float]:
    """Pearson's r of the times with macs, params and acts."""
    times = [timing.seconds for timing in timings]
    return {
        metric: pearson([timing.net.cost[metric] for timing in timings], times)
        for metric in METRICS
    }


def by_base(timings: Sequence[Timing]) -> dict[str, list[Timing]]:
    """Timings of each base, and of all where there are more bases than one."""
    groups: dict[str, list[Timing]] = {}
    for entry in timings:
        groups.setdefault(entry.net.base, []).append(entry)
    return groups if len(groups) == 1 else {**groups, EVERY: list(timings)}


def latency_lines(timings: Sequence[Timing]) -> dict[str, LatencyLine]:
    """The line of each base, and the one through all; where times do not rise there is none."""
    lines = {}
    for base, entries in {**by_base(timings), EVERY: timings}.items():
        with suppress(ScalingError):
            lines[base] = _line(entries)
    return lines


def _line(timings: Sequence[Timing]) -> LatencyLine:
    return fit_line([t.net.cost['acts'] for t in timings], [1e3 * t.seconds for t in timings])


def runtime_table(timings_of: Mapping[Kind, Sequence[Timing]]) -> str:
    """Markdown: by kind of run and base, Pearson's r with each metric, and the line on acts."""
    rows = [
        '| run | base | networks | r macs | r params | r acts | ms per M acts | + ms | error |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for kind in (kind for kind in KINDS if timings_of.get(kind)):
        lines = latency_lines(timings_of[kind])
        for base, timings in by_base(timings_of[kind]).items():
            r, line = correlations(timings), lines.get(base)
            cells = [kind, base, str(len(timings)), *(f'{r[metric]:.3f}' for metric in METRICS)]
            cells += (
                [f'{line.slope:.3g}', f'{line.intercept:.3g}', f'{line.error:.0%}']
                if line
                else ['', '', '']
            )
            rows.append(f'| {" | ".join(cells)} |')
    return '\n'.join(rows)


def spread_text(timings_of: Mapping[Kind, Sequence[Timing]]) -> str:
    """One line for each kind of run: how far the runs of one network lie apart."""
    lines = []
    for kind, timings in timings_of.items():
        spreads = sorted(timing.spread for timing in timings)
        lines.append(
            f'{kind}: the middle half of the runs of a network spans '
            f'{statistics.median(spreads):.0%} of their median (worst network {spreads[-1]:.0%})'
        )
    return '\n'.join(lines)
