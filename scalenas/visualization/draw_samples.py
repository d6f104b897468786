"""Plots of samples: MACs of sampled networks, their order by two metrics, runtime over cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalenas.scaling import ScalingError, fit_line
from scalenas.scaling.latency import EVERY
from scalenas.scaling.runtime import FIGURE_2, METRICS, Timing, by_base, correlations
from scalenas.search import Comparison, StageBudgets

from .figure import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    DrawError,
    axis_of,
    canvas,
    macs_unit,
    nothing_to_draw,
)


def draw_histogram(
    groups: Mapping[str, Sequence[float]], path: str | Path, title: str = '', bins: int = 60
) -> None:
    """One row per group over a common axis of macs; a tick marks the group's mean.

    Raises:
        DrawError: when a group is empty, or there is none.
    """
    empty = [name for name, macs in groups.items() if not len(macs)]
    if not groups or empty:
        raise nothing_to_draw(path, f'samples in {", ".join(empty) or "one group at least"}')
    low = min(min(macs) for macs in groups.values())
    high = max(max(macs) for macs in groups.values())
    divisor, unit = macs_unit(high)
    # All macs may be equal: a bin needs some width all the same.
    span = (high - low) / divisor or 1.0
    edges = [low / divisor + span * b / bins for b in range(bins + 1)]
    with canvas(path, 8.0, 1.3 + 0.55 * len(groups)) as figure:
        rows = figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
        for axes, (name, macs) in zip(rows, groups.items(), strict=True):
            shown = [value / divisor for value in macs]
            axes.hist(shown, bins=edges, color=BLUE, alpha=0.8)
            axes.axvline(sum(shown) / len(shown), color='black', linewidth=1.5)
            axes.set_yticks([])
            axes.spines['left'].set_visible(False)
            axes.set_ylabel(f'{name}  ({len(macs)})', rotation=0, ha='right', va='center')
        rows[-1].set_xlabel(f'MACs ({unit}); line: mean')
        figure.suptitle(title, fontsize=13)


Macs = NDArray[np.int64]
PAIR = (BLUE, VERMILION)


def draw_sampling(
    samples: Mapping[str, Macs], budgets: Sequence[float], path: str | Path, bins: int = 200
) -> None:
    """Up to two histograms over one axis of macs, the budgets f_0, f_1, ... as dashed lines.

    Source: ScaleNet (Xie et al. 2022), figures 3 and 9.

    Raises:
        DrawError: when nothing was sampled, or a third histogram would need a colour.
    """
    if not 0 < len(samples) <= len(PAIR) or not all(len(macs) for macs in samples.values()):
        counts = {name: len(macs) for name, macs in samples.items()}
        raise DrawError(where=path, got=counts, allowed='one or two samples, none of them empty')
    divisor, unit = macs_unit(float(max(macs.max() for macs in samples.values())))
    low, high = (float(end) / divisor for end in _ends(samples))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    with canvas(path, 8.0, 4.0) as figure:
        axes = figure.subplots()
        for (name, macs), colour in zip(samples.items(), PAIR, strict=False):
            label = f'{name} ({len(macs):,} paths)'
            axes.hist(macs / divisor, bins=edges, color=colour, alpha=0.55, label=label)
        for j, budget in enumerate(budgets):
            axes.axvline(budget / divisor, color=BLACK, linestyle='--', linewidth=1)
            where = (budget / divisor, 1.0)
            axes.annotate(f'$f_{j}$', where, xycoords=('data', 'axes fraction'), ha='center')
        axes.set_xlabel(f'MACs ({unit})')
        axes.set_ylabel('paths')
        axes.legend()


def sampling_table(samples: Mapping[str, Macs], budgets: StageBudgets, num_stages: int) -> str:
    """Per stage its budget, and the share of the paths of each sample that meets it."""
    lines = ['budget  M macs  ' + '  '.join(samples)]
    for j in range(num_stages):
        cells = [f'f_{j}'.ljust(6), f'{budgets.target(j) / 1e6:6,.0f}']
        low, high = budgets.bounds(j)
        for name, macs in samples.items():
            inside = (macs >= low) & (macs <= high)
            cells.append(f'{inside.mean():.1%}'.rjust(len(name)))
        lines.append('  '.join(cells))
    means = [f'{macs.mean() / 1e6:,.0f}'.rjust(len(name)) for name, macs in samples.items()]
    return '\n'.join([*lines, '  '.join(['mean  ', ' ' * 6, *means])])


def _ends(samples: Mapping[str, Macs]) -> tuple[int, int]:
    rows = samples.values()
    return min(int(macs.min()) for macs in rows), max(int(macs.max()) for macs in rows)


COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)


def draw_ranks(path: str | Path, rows: Mapping[str, Sequence[Comparison]], metric: str) -> None:
    """A scatter for each thing that is compared with, every supernet in a colour of its own.

    Source: ScaleNet (Xie et al. 2022), table 4.

    Raises:
        DrawError: for nothing to draw, or more supernets than colours.
    """
    kinds = list(dict.fromkeys(c.against for comparisons in rows.values() for c in comparisons))
    if not kinds or len(rows) > len(COLOURS):
        allowed = f'1 to {len(COLOURS)} supernets with ranks'
        raise DrawError(where=path, got=len(rows), allowed=allowed)
    with canvas(path, 6.5 * len(kinds), 4.6) as figure:
        for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
            for (name, comparisons), colour in zip(rows.items(), COLOURS, strict=False):
                for comparison in comparisons:
                    if comparison.against == kind:
                        study = comparison.study
                        label = f'{name}: Kendall {study.kendall.value:.2f}' if study else name
                        axes.scatter(
                            comparison.x, comparison.y, s=18, color=colour, alpha=0.7, label=label
                        )
            axes.set_xlabel(kind)
            axes.set_ylabel(f'{metric} in the supernet')
            axes.legend()


STRATEGY_COLOURS = (BLUE, GREEN, VERMILION, ORANGE, PURPLE, SKY)
MARKERS = 'osD^vP'


def draw_runtime(timings: Sequence[Timing], path: str | Path, what: str, title: str = '') -> None:
    """Three panels with the first base by strategy, and one with all bases over activations.

    `what` names the run on the axis, e.g. 'training step, batch 4'.

    Raises:
        DrawError: when there is nothing to draw.
    """
    if not timings:
        raise nothing_to_draw(path, 'timed networks')
    bases = {base: rows for base, rows in by_base(timings).items() if base != EVERY}
    first, rows = next(iter(bases.items()))
    with canvas(path, 9.6, 7.4) as figure:
        panels = figure.subplots(2, 2).ravel()
        every = correlations(rows)
        for axes, metric in zip(panels, METRICS, strict=False):
            _by_strategy(axes, rows, metric)
            axes.set_title(f'{first}: r = {every[metric]:.2f}', loc='left', fontsize=12)
        panels[0].legend(fontsize=10, loc='best')
        _by_base(panels[3], bases)
        together = correlations(timings)['acts']
        panels[3].set_title(f'all bases: r = {together:.2f}', loc='left', fontsize=12)
        panels[3].legend(fontsize=10, loc='best')
        for axes, metric in zip(panels, (*METRICS, 'acts'), strict=True):
            axes.set_xlabel(_axis(metric)[1])
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
            axes.grid(color='#E4E4E4', linewidth=0.8)
            axes.set_axisbelow(True)
        for axes in panels[::2]:
            axes.set_ylabel(f'{what} (ms)')
        figure.suptitle(title, x=0.01, ha='left', fontsize=12)


def _axis(metric: str) -> tuple[float, str]:
    """Always in the largest unit: panels of several machines stand side by side."""
    return axis_of(metric, math.inf)


def _by_strategy(axes: Any, timings: Sequence[Timing], metric: str) -> None:
    strategies = list(dict.fromkeys(s for t in timings for s, _ in t.net.labels))
    for strategy, colour, marker in zip(
        strategies, STRATEGY_COLOURS * 2, MARKERS * 2, strict=False
    ):
        rows = [t for t in timings if strategy in dict(t.net.labels)]
        x = [t.net.cost[metric] / _axis(metric)[0] for t in rows]
        name = f'{FIGURE_2[strategy]} ({strategy})' if strategy in FIGURE_2 else strategy
        _cloud(axes, x, [1e3 * t.seconds for t in rows], colour, marker, name)


def _by_base(axes: Any, bases: dict[str, list[Timing]]) -> None:
    for (base, rows), colour, marker in zip(
        bases.items(), STRATEGY_COLOURS * 2, MARKERS * 2, strict=False
    ):
        x = [t.net.cost['acts'] / 1e6 for t in rows]
        name = f'{base}, r = {correlations(rows)["acts"]:.2f}'
        _cloud(axes, x, [1e3 * t.seconds for t in rows], colour, marker, name)


def _cloud(
    axes: Any, x: Sequence[float], y: Sequence[float], colour: str, marker: str, name: str
) -> None:
    axes.plot(x, y, linestyle='', marker=marker, color=colour, label=name, zorder=3, alpha=0.85)
    try:
        line = fit_line([1e6 * value for value in x], y)
    except ScalingError:
        return  # too few points, or times that fall: points without a line say so
    ends = (line.least, line.most)
    axes.plot(ends, [line.ms(1e6 * end) for end in ends], color=colour, linewidth=1.2)
