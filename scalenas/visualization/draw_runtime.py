"""Runtime of scaled networks over macs, params and activations, as in figure 2 of fast scaling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalenas.scaling import ScalingError, fit_line
from scalenas.scaling.latency import EVERY
from scalenas.scaling.runtime import FIGURE_2, METRICS, Timing, by_base, correlations

from .figure import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, axis_of, canvas, nothing_to_draw

COLOURS = (BLUE, GREEN, VERMILION, ORANGE, PURPLE, SKY)
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
    for strategy, colour, marker in zip(strategies, COLOURS * 2, MARKERS * 2, strict=False):
        rows = [t for t in timings if strategy in dict(t.net.labels)]
        x = [t.net.cost[metric] / _axis(metric)[0] for t in rows]
        name = f'{FIGURE_2[strategy]} ({strategy})' if strategy in FIGURE_2 else strategy
        _cloud(axes, x, [1e3 * t.seconds for t in rows], colour, marker, name)


def _by_base(axes: Any, bases: dict[str, list[Timing]]) -> None:
    for (base, rows), colour, marker in zip(bases.items(), COLOURS * 2, MARKERS * 2, strict=False):
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
