"""Plots of a search: networks over two objectives, in pairs of more, and over its iterations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalenas.complexity import COLUMNS
from scalenas.search import Iteration
from scalenas.search import front as search_front

from .figure import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    axis_of,
    canvas,
    nothing_to_draw,
)

Point = tuple[float, float]
"""Value in a column of the cost, and score of one network."""


def pareto(points: Sequence[Point], maximize: bool = True) -> list[Point]:
    """The points that no other one beats, by ascending macs; of equal ones, one stays."""
    known = sorted({*points})
    best = search_front([(macs, -score if maximize else score) for macs, score in known])
    return [known[i] for i in best]


def draw_front(
    path: str | Path,
    points: Sequence[Point],
    random: Sequence[Point] | None = None,
    front: Sequence[Point] | None = None,
    chosen: Sequence[tuple[float, float, str]] = (),
    metric: str = 'score',
    title: str = '',
    maximize: bool = True,
    points_label: str = 'evolution',
    random_label: str = 'random search',
    column: str = 'macs',
) -> None:
    """Scatter of (cost, metric) with the Pareto front of each search.

    `column` is the cost's, such as 'macs' or 'ms'. Without `front`, that of `points` is drawn;
    `chosen` are (cost, metric, name).

    Raises:
        DrawError: when there is nothing to draw.
    """
    if not points:
        raise nothing_to_draw(path, 'evaluated networks')
    front = sorted(front) if front is not None else pareto(points, maximize)
    every = [*points, *(random or ()), *((m, s) for m, s, _ in chosen)]
    divisor, label = axis_of(column, max(macs for macs, _ in every))
    with canvas(path, 8.0, 5.2) as figure:
        axes = figure.add_subplot()
        if random:
            name = f'{random_label} ({len(random)})'
            _cloud(axes, random, divisor, GREY, 's', name)
            _steps(axes, pareto(random, maximize), divisor, GREY, '--', f'front of {random_label}')
        _cloud(axes, points, divisor, BLUE, 'o', f'{points_label} ({len(points)})')
        _steps(axes, front, divisor, BLUE, '-', f'front of {points_label}')
        for macs, score, _ in chosen:
            axes.plot(macs / divisor, score, '*', color=VERMILION, markersize=15, zorder=5)
        axes.set_xlabel(label)
        axes.set_ylabel(metric)
        axes.set_title(title, loc='left')
        axes.margins(0.07)
        axes.grid(color='#E4E4E4', linewidth=0.8)
        axes.set_axisbelow(True)
        axes.legend(loc='lower right' if maximize else 'upper right', fontsize=10)
        _names(figure, axes, [(m / divisor, s, name) for m, s, name in chosen])


def _cloud(
    axes: Any, points: Sequence[Point], divisor: float, colour: str, marker: str, label: str
) -> None:
    axes.scatter(
        [macs / divisor for macs, _ in points],
        [score for _, score in points],
        s=26,
        marker=marker,
        facecolors=colour,
        edgecolors='white',
        linewidths=0.5,
        alpha=0.65,
        label=label,
        zorder=3,
    )


def _steps(
    axes: Any, points: Sequence[Point], divisor: float, colour: str, style: str, label: str
) -> None:
    # A step: between two networks of the front only the cheaper one can be had.
    axes.step(
        [macs / divisor for macs, _ in points],
        [score for _, score in points],
        where='post',
        color=colour,
        linestyle=style,
        linewidth=1.8,
        label=label,
        zorder=4,
    )


def _names(figure: Any, axes: Any, chosen: Sequence[tuple[float, float, str]]) -> None:
    """Names next to the chosen networks, each where it covers nothing that was placed before."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    frame, legend = axes.get_window_extent(renderer), axes.get_legend()
    taken = [legend.get_window_extent(renderer)]
    for macs, score, _ in chosen:
        x, y = axes.transData.transform((macs, score))
        taken.append(Bbox.from_bounds(x - 9, y - 9, 18, 18))
    around = [(dx, dy) for dy in (12, -12, 26, -26, 40, -40) for dx in (10, -10)]
    for macs, score, name in chosen:
        for dx, dy in around:
            text = axes.annotate(
                name,
                (macs, score),
                xytext=(dx, dy),
                textcoords='offset points',
                ha='left' if dx > 0 else 'right',
                va='center',
                fontsize=10,
                weight='bold',
                zorder=6,
                arrowprops={'arrowstyle': '-', 'color': GREY} if abs(dy) > 12 else None,
                bbox={'facecolor': 'white', 'alpha': 0.75, 'edgecolor': 'none', 'pad': 1},
            )
            extent = text.get_window_extent(renderer)
            inside = frame.x0 <= extent.x0 and extent.x1 <= frame.x1
            inside = inside and frame.y0 <= extent.y0 and extent.y1 <= frame.y1
            if inside and not any(extent.overlaps(other) for other in taken):
                break
            if (dx, dy) != around[-1]:
                text.remove()
        taken.append(extent)


Values = Sequence[float]
"""Of one network, a value for each axis."""


def draw_pairs(
    path: str | Path,
    axes: Sequence[str],
    points: Sequence[Values],
    front: Sequence[Values],
    random: Sequence[Values] = (),
    points_label: str = 'evolution',
    random_label: str = 'random search',
) -> None:
    """Scatters of every pair of `axes`, columns or metrics by name; the front stands out.

    The front is that of all axes together: in a panel its points need not be the best of the two.

    Raises:
        DrawError: when there is nothing to draw, or no pair.
    """
    if not points or len(axes) < 2:
        raise nothing_to_draw(path, 'evaluated networks')
    pairs = list(itertools.combinations(range(len(axes)), 2))
    wide = min(3, len(pairs))
    high = math.ceil(len(pairs) / wide)
    scales = [axis_of(name, max(row[i] for row in points)) for i, name in enumerate(axes)]
    clouds = [
        (random, GREY, 's', 26, f'{random_label} ({len(random)})'),
        (points, BLUE, 'o', 26, f'{points_label} ({len(points)})'),
        (front, VERMILION, '*', 70, f'front ({len(front)})'),
    ]
    with canvas(path, 4.6 * wide, 4.2 * high) as figure:
        panels = list(figure.subplots(high, wide, squeeze=False).flat)
        for panel in panels[len(pairs) :]:
            panel.set_axis_off()
        for panel, (i, j) in zip(panels, pairs, strict=False):
            # Costs go along the bottom, also where they were named after a metric.
            x, y = (j, i) if axes[i] not in COLUMNS and axes[j] in COLUMNS else (i, j)
            (across, label), (up, other) = scales[x], scales[y]
            for rows, colour, marker, area, name in clouds:
                panel.scatter(
                    [row[x] / across for row in rows],
                    [row[y] / up for row in rows],
                    s=area,
                    marker=marker,
                    facecolors=colour,
                    edgecolors='white',
                    linewidths=0.5,
                    label=name if rows else None,
                )
            panel.set_xlabel(label)
            panel.set_ylabel(other)
            panel.grid(color='#E4E4E4', linewidth=0.8)
            panel.set_axisbelow(True)
        panels[0].legend(fontsize=9)


COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)


def draw_iterations(path: str | Path, history: Sequence[Iteration], metric: str = '') -> None:
    """Mean and standard deviation of what the networks of each stage scored, and the fitness.

    Source: ScaleNet (Xie et al. 2022), figure 6.

    Raises:
        DrawError: when there is no iteration.
    """
    if not history:
        raise nothing_to_draw(path, 'iterations')
    steps = [iteration.index for iteration in history]
    with canvas(path, 7.0, 4.2) as figure:
        axes = figure.subplots()
        for j in range(len(history[0].mean)):
            colour = COLOURS[j % len(COLOURS)]
            # Side by side, so that bars of equal height do not hide each other.
            places = [step + 0.06 * (j - (len(history[0].mean) - 1) / 2) for step in steps]
            axes.errorbar(
                places,
                [iteration.mean[j] for iteration in history],
                yerr=[iteration.std[j] for iteration in history],
                color=colour,
                marker='o',
                capsize=3,
                label=f'stage {j + 1}: mean and std',
            )
        fitness = [iteration.fitness for iteration in history]
        axes.plot(steps, fitness, color=BLACK, linestyle='--', marker='D', label='best family')
        axes.set_xticks(steps)
        axes.set_xlabel('iteration (0: random base networks)')
        axes.set_ylabel(metric or 'score')
        axes.legend()
