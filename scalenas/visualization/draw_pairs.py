"""Networks of a search with other than two objectives: a panel for each pair of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from scalenas.complexity import COLUMNS

from .figure import BLUE, GREY, VERMILION, axis_of, canvas, nothing_to_draw

Values = Sequence[float]
"""Of one network, a value for each axis."""


def draw_pairs(
    path: str | Path,
    axes: Sequence[str],
    found: Sequence[Values],
    front: Sequence[Values],
    random: Sequence[Values] = (),
    found_label: str = 'evolution',
    random_label: str = 'random search',
) -> None:
    """Scatters of every pair of `axes`, columns or metrics by name; the front stands out.

    The front is that of all axes together: in a panel its points need not be the best of the two.

    Raises:
        DrawError: when there is nothing to draw, or no pair.
    """
    if not found or len(axes) < 2:
        raise nothing_to_draw(path, 'evaluated networks')
    pairs = list(itertools.combinations(range(len(axes)), 2))
    wide = min(3, len(pairs))
    high = math.ceil(len(pairs) / wide)
    scales = [axis_of(name, max(row[i] for row in found)) for i, name in enumerate(axes)]
    clouds = [
        (random, GREY, 's', 26, f'{random_label} ({len(random)})'),
        (found, BLUE, 'o', 26, f'{found_label} ({len(found)})'),
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
