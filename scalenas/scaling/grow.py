"""Growing one network by a strategy and a factor or budget, and the table of what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from scalenas.arch import Head, Rounding, Scaling, Size, rounding
from scalenas.arch.strict import as_size
from scalenas.complexity import Budget, Cost, Estimate, Measure, column_of

from .fit import Fit, cost_of, fit
from .presets import table_entry
from .strategy import A, Scaled, ScalingError, parse_strategy, scale


def grow(
    arch: A,
    strategy: str,
    factor: float | None = None,
    budget: Budget | None = None,
    rule: Rounding | None = None,
    head: Head | None = None,
    size: Size | None = None,
    columns: Mapping[str, Measure] | None = None,
) -> tuple[Scaled[A], Fit[A] | None]:
    """The grown network, and the fit where a budget decided.

    `strategy` is a text for `parse_strategy`, with a factor or a budget, or one for `table_entry`
    (`scalenet:s2`), with neither. Without a `rule`, a table entry rounds as its paper does,
    HRNet-style networks round to the nearest (of their widths, in steps of 8, most of a growth by
    2 would be lost), and everything else as pycls does. `columns` are those that a budget bounds
    and nobody counts, see `fit`.

    Raises:
        ScalingError: for a strategy with both or none of factor and budget, or a table with any.
    """
    bounded = bool(budget)
    if size is not None:
        as_size(size, 'size')
    if size is not None and arch.size is not None and size != arch.size:
        raise ScalingError(
            where='size',
            got=size,
            allowed=f"the network's own, {arch.size[0]} x {arch.size[1]}",
            hint='change `resolution` in the arch instead',
        )
    if not isinstance(strategy, str):
        raise ScalingError(where='strategy', got=strategy, allowed='a text such as fast')
    if ':' in strategy:
        if bounded or factor is not None:
            hint = 'a table entry takes neither a factor nor a budget'
            raise ScalingError(where='strategy', got=strategy, hint=hint)
        scaling, own = table_entry(strategy)
        return scale(arch, scaling, rule or own, size), None
    if bounded == (factor is not None):
        hint = 'give either a factor or a budget'
        raise ScalingError(where='strategy', got=strategy, hint=hint)
    rule = rule or rounding('nearest' if arch.size is None else 'pycls')
    parsed = parse_strategy(strategy)
    if factor is not None:
        return scale(arch, parsed(factor), rule, size), None
    fitted = fit(arch, parsed, budget or Budget(), rule, head, size, columns=columns)
    return fitted.scaled, fitted


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


def fit_text(fitted: Fit[A], columns: Mapping[str, Measure] | None = None) -> str:
    """The factor of a fit, how far below each bound it is, and where measured values are from."""
    misses = ', '.join(f'{name} {miss:.1%}' for name, miss in fitted.misses.items())
    lines = [f'factor {fitted.factor:.3f}; below the bounds: {misses}']
    for name, by in (columns or {}).items():
        if name in fitted.cost:
            value = column_of(name).text(fitted.cost[name])
            estimate = isinstance(by, Estimate)
            source = (
                f'estimate, not measured: {value} by {by}' if estimate else f'measured: {value}'
            )
            lines.append(f'{source}, backbone without head')
    return '\n'.join(lines)
