"""The table of a scaling: base, target and result side by side."""

from __future__ import annotations

from collections.abc import Mapping

from scalenas.arch import Head, Scaling
from scalenas.complexity import Cost, Measure, column_of

from .fit import Fit, cost_of
from .latency import LatencyLine
from .scale import A, Scaled

FACTORS = ('', 'd', 'w', 'r', 'g', 'input')


def scale_table(base: Scaled[A], grown: Scaled[A], head: Head | None = None) -> str:
    """Rows `base`, `asked` (ideal factors) and `reached` (after rounding), with counted costs."""
    before, after = cost_of(base, head), cost_of(grown, head)
    rows = [
        (*FACTORS, *(column_of(name).head[1] for name in before)),
        ('base', *_factors(Scaling()), _side(base), *_cost(before)),
        ('asked', *_factors(grown.asked), '', *('' for _ in before)),
        ('reached', *_factors(grown.reached), _side(grown), *_cost(after)),
        ('times', '', '', '', '', '', *(f'x{after[name] / before[name]:.3f}' for name in before)),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _factors(scaling: Scaling) -> tuple[str, ...]:
    return tuple(
        f'{factor:.3f}'
        for factor in (scaling.depth, scaling.width, scaling.resolution, scaling.group)
    )


def _side(scaled: Scaled[A]) -> str:
    return '' if scaled.size is None else f'{scaled.size[0]}x{scaled.size[1]}'


def _cost(cost: Cost) -> tuple[str, ...]:
    return tuple(f'{value / column_of(name).head[0]:.3f}' for name, value in cost.items())


def fit_text(found: Fit[A], columns: Mapping[str, Measure] | None = None) -> str:
    """The factor of a fit, how far below each bound it is, and where measured values are from."""
    misses = ', '.join(f'{name} {miss:.1%}' for name, miss in found.misses.items())
    lines = [f'factor {found.factor:.3f}; below the bounds: {misses}']
    for name, by in (columns or {}).items():
        if name in found.cost:
            value = column_of(name).text(found.cost[name])
            estimate = isinstance(by, LatencyLine)
            source = (
                f'estimate, not measured: {value} by {by}' if estimate else f'measured: {value}'
            )
            lines.append(f'{source}, backbone without head')
    return '\n'.join(lines)
