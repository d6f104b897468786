"""How good a front has become, in one number: the hypervolume after each generation."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

from .objectives import Objectives
from .pareto import Point, front, hypervolume
from .record import Record

logger = logging.getLogger(__name__)


def volume_rows(records: Sequence[Record], objectives: Objectives) -> list[dict[str, float]] | None:
    """One row a generation: evaluated so far, size of the front, its hypervolume, the reference.

    Every objective is scaled such that the best value of generation 0 is 0 and its worst is 1, and
    that worst corner is the reference: a front of the later generations may exceed 1. In columns
    `reference NAME` it stands in the unit of the objective. None where nothing can count it.
    """
    if not records:
        return []
    order = objectives.by_cost
    start = objectives.points([record for record in records if record.generation == 0] or records)
    best = [min(axis) for axis in zip(*start, strict=True)]
    worst = [max(axis) for axis in zip(*start, strict=True)]
    corner = {f'reference {o.name}': o.loss(value) for o, value in zip(order, worst, strict=True)}
    rows: list[dict[str, float]] = []
    members: list[Point] = []
    done = 0
    ordered = sorted(records, key=lambda record: (record.generation, record.slot))
    for generation, new in itertools.groupby(ordered, key=lambda record: record.generation):
        points = objectives.points(list(new))
        done += len(points)
        pool = [*members, *(_scaled(point, best, worst) for point in points)]
        members = [pool[i] for i in front(pool)]
        try:
            volume = hypervolume(members, (1.0,) * len(order))
        except ModuleNotFoundError as error:
            logger.warning('no hypervolume of %d objectives: %s', len(order), error)
            return None
        row = {'generation': generation, 'evaluated': done, 'front': len(members)}
        rows.append({**row, 'hypervolume': volume, **corner})
    return rows


def _scaled(point: Point, best: Sequence[float], worst: Sequence[float]) -> Point:
    # Where all of generation 0 are equal there is no unit but the objective's own.
    return tuple(
        1.0 + (value - high) / ((high - low) or 1.0)
        for value, low, high in zip(point, best, worst, strict=True)
    )
