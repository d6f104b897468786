"""What a search found: cost against score, both Pareto fronts, the networks that were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .figure import BLUE, GREY, VERMILION, axis_of, canvas, nothing_to_draw

Point = tuple[float, float]
"""Value in a column of the cost, and score of one network."""


def pareto(points: Sequence[Point], maximize: bool = True) -> list[Point]:
    """The points that no other one beats, by ascending macs; of equal ones, one stays."""
    sign = 1 if maximize else -1
    front: list[Point] = []
    for point in sorted(set(points), key=lambda p: (p[0], -sign * p[1])):
        if not front or sign * point[1] > sign * front[-1][1]:
            front.append(point)
    return front


def draw_front(
    path: str | Path,
    found: Sequence[Point],
    random: Sequence[Point] | None = None,
    front: Sequence[Point] | None = None,
    chosen: Sequence[tuple[float, float, str]] = (),
    metric: str = 'score',
    title: str = '',
    maximize: bool = True,
    found_label: str = 'evolution',
    random_label: str = 'random search',
    column: str = 'macs',
) -> None:
    """Scatter of (cost, score) with the front of each search.

    `column` is the cost's, such as 'macs' or 'ms'. `front` is computed from `found` when not given;
    `chosen` are (cost, score, name).

    Raises:
        DrawError: when there is nothing to draw.
    """
    if not found:
        raise nothing_to_draw(path, 'evaluated networks')
    front = sorted(front) if front is not None else pareto(found, maximize)
    every = [*found, *(random or ()), *((m, s) for m, s, _ in chosen)]
    divisor, label = axis_of(column, max(macs for macs, _ in every))
    with canvas(path, 8.0, 5.2) as figure:
        axes = figure.add_subplot()
        if random:
            name = f'{random_label} ({len(random)})'
            _cloud(axes, random, divisor, GREY, 's', name)
            _steps(axes, pareto(random, maximize), divisor, GREY, '--', f'front of {random_label}')
        _cloud(axes, found, divisor, BLUE, 'o', f'{found_label} ({len(found)})')
        _steps(axes, front, divisor, BLUE, '-', f'front of {found_label}')
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
    """Names beside the chosen networks, each where it covers nothing that was placed before."""
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
