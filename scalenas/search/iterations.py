"""What an alternating search tells of itself: its iterations, and the family it found, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scalenas.arch import dump
from scalenas.scaling import SearchedScalings

from .families import Breeder, Family
from .report import table_text


@dataclass(frozen=True, slots=True)
class Iteration:
    """One step of the chain: the best family after it, and how the networks it asked for scored.

    `fitness` is the weighted mean of the metric over the family's networks. `mean` and `std` hold
    one number a stage, over the different networks of that stage (ScaleNet, figure 6); iteration 0
    is the initial grid.
    """

    index: int
    best: Family
    fitness: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def best_of(
    history: Sequence[Iteration], breeder: Breeder, direction: str = 'max'
) -> Iteration | None:
    """The iteration whose family is the fittest of those within all budgets; the last of equals.

    The family of iteration 0 need not be: its scalings fit the random bases on average.
    """
    within = [step for step in reversed(history) if breeder.within(step.best)]
    best = max if direction == 'max' else min
    return best(within, key=lambda step: step.fitness, default=None)


def findings(
    history: Sequence[Iteration], breeder: Breeder, direction: str = 'max'
) -> dict[str, str]:
    """File name -> text: iterations.csv, scalings.yaml, and stages/sN.yaml (s0 is the base).

    The last two once a family is within all budgets.
    """
    found = {'iterations.csv': table_text([_row(step, breeder) for step in history])}
    step = best_of(history, breeder, direction)
    if step is None:
        return found
    best = step.best
    stages = dict(enumerate(best.scalings, 1))
    return {
        **found,
        'scalings.yaml': SearchedScalings(stages, breeder.space.rounding).dump(),
        **{
            f'stages/s{j}.yaml': dump(arch)
            for j, arch in enumerate([best.base, *breeder.grown(best)])
        },
    }


def _row(step: Iteration, breeder: Breeder) -> dict[str, float]:
    row: dict[str, float] = {
        'iteration': step.index,
        'fitness': step.fitness,
        'base_macs': breeder.macs(step.best.base),
    }
    grown = breeder.grown(step.best)
    for j, (scaling, arch) in enumerate(zip(step.best.scalings, grown, strict=True), 1):
        for name in ('depth', 'width', 'resolution'):
            row[f'stage{j}_{name}'] = getattr(scaling, name)
        row[f'stage{j}_macs'] = breeder.macs(arch)
        row[f'stage{j}_mean'], row[f'stage{j}_std'] = step.mean[j - 1], step.std[j - 1]
    return row
