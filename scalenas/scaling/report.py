"""The table of a scaling: base, target and result side by side."""

from __future__ import annotations

from scalenas.arch import Head, Scaling
from scalenas.complexity import Cost

from .fit import Fit, LatencyBound, cost_of
from .latency import LatencyLine
from .scale import A, Scaled

COLUMNS = ('', 'd', 'w', 'r', 'g', 'input', 'G macs', 'M params', 'M acts')


def scale_table(base: Scaled[A], grown: Scaled[A], head: Head | None = None) -> str:
    """Rows `base`, `asked` (ideal factors) and `reached` (after rounding), with counted costs."""
    before, after = cost_of(base, head), cost_of(grown, head)
    times = (
        after['macs'] / before['macs'],
        after['params'] / before['params'],
        after['acts'] / before['acts'],
    )
    rows = [
        COLUMNS,
        ('base', *_factors(Scaling()), _side(base), *_cost(before)),
        ('asked', *_factors(grown.asked), '', '', '', ''),
        ('reached', *_factors(grown.reached), _side(grown), *_cost(after)),
        ('times', '', '', '', '', '', *(f'x{factor:.3f}' for factor in times)),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
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
    return f'{cost["macs"] / 1e9:.3f}', f'{cost["params"] / 1e6:.3f}', f'{cost["acts"] / 1e6:.3f}'


def fit_text(found: Fit[A], latency: LatencyBound[A] | None = None) -> str:
    """The factor of a fit, how far below each bound it is, and where its milliseconds are from."""
    misses = ', '.join(f'{miss:.1%} below max_{what}' for what, miss in found.misses.items())
    text = f'factor {found.factor:.3f}: {misses}'
    if latency is None or found.latency is None:
        return text
    if isinstance(latency.by, LatencyLine):
        source = f'estimate, not measured: {found.latency:.3g} ms by {latency.by}'
    else:
        source = f'measured: {found.latency:.3g} ms'
    return f'{text}\n{source}, backbone without head'
