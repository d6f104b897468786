"""Plots of sampled networks: histograms of their MACs, and their order by two metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scalenas.search import Comparison, StageBudgets

from .figure import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    DrawError,
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
