"""What an alternating search must know of its scaled space: its stages, and the base's budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scalenas.arch import Arch
from scalenas.arch.strict import as_int, as_number
from scalenas.complexity import Cost
from scalenas.space import AbstractSpace, ScaledSpace, base_macs, mean_macs

from .record import SearchError

_WHERE = 'search.algorithm'


def as_scaled(space: AbstractSpace[Any]) -> ScaledSpace[Any]:
    """The space, if it is a scaled one.

    Raises:
        SearchError: when it is another.
    """
    if isinstance(space, ScaledSpace):
        return space
    raise SearchError(
        f"{_WHERE}: 'mcea' searches a base network and its scalings, so the supernet needs a "
        f"scaled space (family='scaled'), got {type(space).__name__}; take another algorithm"
    )


def usable_stages(space: ScaledSpace[Any], wanted: int | None) -> int:
    """M: as many as wanted, or all; stages 1 to M must be in the space.

    Raises:
        SearchError: when one of them is not.
    """
    allowed = space.genes['scale.stage'].values
    last = max(int(stage) for stage in allowed)
    found = last if wanted is None else as_int(wanted, f'{_WHERE}.num_stages')
    if not found:
        raise SearchError(f'{_WHERE}: the space has only stage 0, so there is nothing to scale')
    missing = [stage for stage in range(1, found + 1) if stage not in allowed]
    if missing:
        raise SearchError(
            f'{_WHERE}.num_stages: {found} needs stages 1 to {found}, and the space has no stage '
            f'{missing[0]}, only {", ".join(map(str, allowed))}'
        )
    return found


def base_budget(
    space: ScaledSpace[Any],
    cost: Callable[[Arch], Cost],
    macs: float | str,
    samples: int,
    step: float,
) -> float:
    """f_0, as given, or for 'auto' by Monte Carlo over the base space.

    Source: ScaleNet (Xie et al. 2022), appendix A.

    Raises:
        UserError: for another word, or a step that is larger than all of it.
    """
    if macs != 'auto':
        if isinstance(macs, str):
            raise SearchError(f"{_WHERE}.base_macs: expected 'auto' or a number, got {macs!r}")
        return as_number(macs, f'{_WHERE}.base_macs')
    as_int(samples, f'{_WHERE}.base_samples')
    unit = as_int(int(as_number(step, f'{_WHERE}.base_step')), f'{_WHERE}.base_step')
    return float(base_macs(mean_macs(space.base, cost, samples), unit))
