"""One question, as a user asks it: this network, this strategy, this factor or budget."""

from __future__ import annotations

from collections.abc import Mapping

from scalenas.arch import Head, Rounding, Size, rounding
from scalenas.arch.strict import as_size
from scalenas.complexity import Budget, Measure

from .fit import Fit, fit
from .presets import table_entry
from .scale import A, Scaled, scale
from .strategy import ScalingError, parse_strategy


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
    found = fit(arch, parsed, budget or Budget(), rule, head, size, columns=columns)
    return found.scaled, found
