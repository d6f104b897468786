"""Fitting how the times of whole networks follow from those of their units, and judging it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .reliability import LatencyError, Times, kendall, split_half_tau
from .table import Agreement, Correction, kind_of

Parts = Mapping[str, int]
"""Text of a unit -> how many of it a network has."""

Floats = NDArray[np.float64]
WORTH = 0.9
"""A correction of more numbers must bring the error below this share of the simpler one's."""


ROUNDING = 1e-9


@dataclass(frozen=True)
class _Form:
    """Which numbers a correction has; each is a column of what is fitted.

    'scale', 'constant', 'alike' (an addend of every unit), 'call' (which is in the time of every
    unit, and once in that of a network), or a kind of units, for an addend of its own.
    """

    numbers: tuple[str, ...]

    def fitted(
        self, parts: Sequence[Parts], ms: Mapping[str, float], whole: Sequence[float]
    ) -> Correction:
        """The least relative squares through whole networks."""
        if not self.numbers:
            return Correction()
        sums = np.array([sum(n * ms[key] for key, n in row.items()) for row in parts])
        ones, units = np.ones(len(parts)), np.array([float(sum(row.values())) for row in parts])
        columns = {'scale': sums, 'constant': ones, 'alike': units, 'call': ones - units}
        for kind in self.numbers:
            if kind not in columns:
                columns[kind] = np.array([_count(row, kind) for row in parts], np.float64)
        target = np.asarray(whole, np.float64)
        rest = target if 'scale' in self.numbers else target - sums
        matrix: Floats = np.stack([columns[name] for name in self.numbers], 1) / target[:, None]
        found = np.linalg.lstsq(matrix, rest / target, rcond=None)[0]
        values = {
            name: 0.0 if abs(value) < ROUNDING * min(whole) else float(value)
            for name, value in zip(self.numbers, found, strict=True)
        }
        call = values.pop('call', 0.0)
        scale, constant = values.pop('scale', 1.0), values.pop('constant', 0.0)
        alike = values.pop('alike', 0.0)
        kinds = sorted({kind_of(key) for key in ms}) if alike or call or values else ()
        each = {kind: alike - call + values.get(kind, 0.0) for kind in kinds}
        return Correction(scale, constant + call, each)


def fit_correction(
    parts: Sequence[Parts], ms: Mapping[str, float], whole: Sequence[float]
) -> Correction:
    """The correction that predicts left-out networks best, with as few numbers as that needs.

    Tried are none, a scale, what a call costs, an addend of every unit, and one of each kind of
    unit whose number differs between networks. What would make a unit, or the constant, negative
    is not taken.

    Args:
        parts: the units of some whole networks.
        ms: the milliseconds of every unit, alone.
        whole: the milliseconds of these networks.

    Raises:
        LatencyError: without any network.
    """
    if not parts or len(parts) != len(whole):
        raise LatencyError(where='correction', got=len(whole), allowed='a time for each network')
    best, least = Correction(), float('inf')
    for form in _forms(parts):
        if len(parts) <= len(form.numbers):
            break
        found = form.fitted(parts, ms, whole)
        if not _allowed(found, ms):
            continue
        error = _left_out(form, parts, ms, whole)
        if error < WORTH * least:
            best, least = found, error
    return best


def _forms(parts: Sequence[Parts]) -> list[_Form]:
    kinds = sorted({kind_of(key) for row in parts for key in row})
    varying = tuple(kind for kind in kinds if len({_count(row, kind) for row in parts}) > 1)
    # As many addends of kinds as there are kinds would leave none for all alike.
    whole = ('scale', 'constant', 'alike')
    forms = [(), ('scale',), ('call',), ('scale', 'call'), whole, (*whole, *varying[1:])]
    return list(map(_Form, dict.fromkeys(forms)))


def _count(parts: Parts, kind: str) -> int:
    return sum(n for key, n in parts.items() if kind_of(key) == kind)


def _allowed(correction: Correction, ms: Mapping[str, float]) -> bool:
    smallest = min(correction.unit(key, value) for key, value in ms.items())
    return smallest >= 0 and correction.constant >= 0 and correction.scale > 0


def _left_out(
    form: _Form, parts: Sequence[Parts], ms: Mapping[str, float], whole: Sequence[float]
) -> float:
    """Root of the mean squared relative error of each network by a fit on all others."""
    squares = []
    for i, (row, time) in enumerate(zip(parts, whole, strict=True)):
        others = [*parts[:i], *parts[i + 1 :]]
        fitted = form.fitted(others, ms, [*whole[:i], *whole[i + 1 :]])
        squares.append((fitted.whole(row, ms) / time - 1) ** 2)
    return math.sqrt(statistics.fmean(squares))


def agreement(estimates: Sequence[float], times: Times, seed: int = 0) -> Agreement:
    """How estimates in milliseconds agree with networks that were timed.

    Raises:
        LatencyError: for fewer than two networks or four rounds.
    """
    whole = [1e3 * spread.median for spread in times.spreads()]
    errors = [abs(e / w - 1) for e, w in zip(estimates, whole, strict=True)]
    return Agreement(
        len(whole),
        kendall(estimates, whole),
        split_half_tau(times, seed=seed),
        statistics.median(errors),
        max(errors),
    )
