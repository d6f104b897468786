"""What an alternating search asks of its stages: which, their budget, weights, fixed scalings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scalenas.arch import Arch, Scaling
from scalenas.arch.strict import as_int, as_list, as_mapping, as_number
from scalenas.complexity import Cost
from scalenas.space import FACTORS, AbstractSpace, ScaledSpace, base_macs, mean_macs

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
        "'mcea' searches a base network and its scalings",
        where='space',
        got=space.family.name,
        allowed="a scaled space (family='scaled')",
        hint='take another algorithm',
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
        problem = 'the space has only stage 0, so there is nothing to scale'
        raise SearchError(problem, where=_WHERE)
    missing = next((stage for stage in range(1, found + 1) if stage not in allowed), None)
    if missing is not None:
        raise SearchError(
            f'the space has no stage {missing}, only {", ".join(map(str, allowed))}',
            where=f'{_WHERE}.num_stages',
            got=found,
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
            raise SearchError(where=f'{_WHERE}.base_macs', got=macs, allowed="'auto' or a number")
        return as_number(macs, f'{_WHERE}.base_macs')
    as_int(samples, f'{_WHERE}.base_samples')
    unit = as_int(int(as_number(step, f'{_WHERE}.base_step')), f'{_WHERE}.base_step')
    return float(base_macs(mean_macs(space.base, cost, samples), unit))


def stage_weights(weights: object, num_stages: int) -> tuple[float, ...]:
    """pi_j of stages 1 to M, with a sum of 1; equal ones for None.

    Raises:
        SearchError: for others than M finite numbers >= 0, of which one is above 0.
    """
    if weights is None:
        return (1.0 / num_stages,) * num_stages
    found = as_list(weights, f'{_WHERE}.weights', 'numbers')
    numbers = all(isinstance(w, int | float) and 0.0 <= w < math.inf for w in found)
    if len(found) != num_stages or not numbers or not sum(found):
        allowed = f'{num_stages} numbers >= 0 that are not all 0'
        raise SearchError(where=f'{_WHERE}.weights', got=tuple(found), allowed=allowed)
    return tuple(w / sum(found) for w in found)


def fixed_scalings(
    space: ScaledSpace[Any], mode: str, scalings: object, num_stages: int
) -> tuple[Scaling, ...]:
    """The scalings of stages 1 to M under which mode 'fixed' looks for a base; () for others.

    Raises:
        SearchError: for a number of them that is not M, scalings beside another mode, or one that
            no stage of the space has, for the supernet holds no such networks.
    """
    where = f'{_WHERE}.scalings'
    rows = () if scalings is None else as_list(scalings, where, 'scalings, one a stage')
    if mode != 'fixed':
        if rows:
            allowed = f"nothing with mode {mode!r}: only 'fixed' reads it"
            raise SearchError(where=where, got=rows, allowed=allowed)
        return ()
    if len(rows) != num_stages:
        allowed = f"{num_stages} with mode 'fixed', one a stage"
        raise SearchError(where=where, got=len(rows), allowed=allowed)
    found = tuple(
        row
        if isinstance(row, Scaling)
        else Scaling(**as_mapping(row, f'{where}[{i}]', (), FACTORS))
        for i, row in enumerate(rows)
    )
    stages = [int(stage) for stage in space.genes['scale.stage'].values]
    for i, scaling in enumerate(found):
        if not any(scaling in space.strategies(j) for j in stages):
            factors = {name: getattr(scaling, name) for name in FACTORS}
            raise SearchError(
                'is a scaling of no stage of the space, so the supernet holds no such networks',
                where=f'{where}[{i}]',
                got=factors,
                hint='take factors that one stage of the space has, or train a supernet in a space '
                'with these',
            )
    return found
