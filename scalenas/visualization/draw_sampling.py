"""What a super-supernet is trained on: macs of sampled paths, hierarchical beside uniform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scalenas.search import StageBudgets

from .figure import BLACK, BLUE, VERMILION, DrawError, canvas, macs_unit

Macs = NDArray[np.int64]
COLOURS = (BLUE, VERMILION)


def draw_sampling(
    samples: Mapping[str, Macs], budgets: Sequence[float], path: str | Path, bins: int = 200
) -> None:
    """Up to two histograms over one axis of macs, the budgets f_0, f_1, ... as dashed lines.

    Source: ScaleNet (Xie et al. 2022), figures 3 and 9.

    Raises:
        DrawError: when nothing was sampled, or a third histogram would need a colour.
    """
    if not 0 < len(samples) <= len(COLOURS) or not all(len(macs) for macs in samples.values()):
        counts = {name: len(macs) for name, macs in samples.items()}
        raise DrawError(where=path, got=counts, allowed='one or two samples, none of them empty')
    divisor, unit = macs_unit(float(max(macs.max() for macs in samples.values())))
    low, high = (float(end) / divisor for end in _ends(samples))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    with canvas(path, 8.0, 4.0) as figure:
        axes = figure.subplots()
        for (name, macs), colour in zip(samples.items(), COLOURS, strict=False):
            label = f'{name} ({len(macs):,} paths)'
            axes.hist(macs / divisor, bins=edges, color=colour, alpha=0.55, label=label)
        for j, budget in enumerate(budgets):
            axes.axvline(budget / divisor, color=BLACK, linestyle='--', linewidth=1)
            where = (budget / divisor, 1.0)
            axes.annotate(f'$f_{j}$', where, xycoords=('data', 'axes fraction'), ha='center')
        axes.set_xlabel(f'multiply-adds ({unit})')
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
