"""From searched scaling stages to larger ones: one curve per dimension, fitted and extrapolated.

Each curve is 1 at stage 0. Source: ScaleNet (Xie et al. 2022), equations (9), (21) to (27).

Equation (27) only asks for a0 > 0. Where a factor hardly moves at first (1.0, then 1.4) the
exponential then has no least-squares solution: ever larger a1 fit ever better, and predict factors
of thousands. Its a1 is at most `STEEPEST` here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalenas.arch import Scaling

from .strategy import ScalingError

STEEPEST = 2.0
"""The largest a1 of equation (9), by its derivation: a1 is 2^theta, the thetas of the dimensions
are shares of the growth of the macs, and these double from stage to stage."""

_LEAST = 1e-15  # a0 > 0; so little that a dimension that never grew does not round up
_FLATTEST = 1.0 + 1e-6  # of a1: a straight line, which large a0 and small a1 - 1 come close to
_GRID = 400
Floats = NDArray[np.float64]
DIMENSIONS = ('depth', 'width', 'resolution')


def exponential(j: float, a: Sequence[float]) -> float:
    """Equation (9): a0 (a1^j - 1) + 1."""
    return a[0] * (math.pow(a[1], j) - 1) + 1


def linear(j: float, a: Sequence[float]) -> float:
    """Equation (23): a0 j + 1."""
    return a[0] * j + 1


def squared(j: float, a: Sequence[float]) -> float:
    """Equation (26): a0 j^2 + a1 j + 1."""
    return a[0] * j**2 + a[1] * j + 1


def _fit_exponential(j: Floats, y: Floats) -> tuple[float, ...]:
    # Of two coefficients one is linear: along a1 the best a0 is known, and the slope there.
    def best(a1: float) -> tuple[float, Floats]:
        rise = a1**j - 1.0
        a0 = max(_LEAST, float(rise @ (y - 1.0) / (rise @ rise)))
        return a0, a0 * rise + 1.0 - y

    def slope(a1: float) -> float:
        a0, off = best(a1)
        return float(a0 * (off @ (j * a1 ** (j - 1.0))))

    steps = _FLATTEST - 1.0, STEEPEST - 1.0
    grid = [_FLATTEST, *(1.0 + np.geomspace(*steps, _GRID)[1:-1]).tolist(), STEEPEST]
    errors = [float(off @ off) for _, off in map(best, grid)]
    at = int(np.argmin(errors))
    a1 = grid[at]
    below, above = grid[max(0, at - 1)], grid[min(at + 1, len(grid) - 1)]
    if slope(below) < 0.0 < slope(above):
        from scipy.optimize import brentq  # slow to import, and only a fit needs it

        a1 = float(brentq(slope, below, above, xtol=1e-15))
    return best(a1)[0], a1


def _fit_linear(j: Floats, y: Floats) -> tuple[float, ...]:
    return (max(_LEAST, float(j @ (y - 1.0) / (j @ j))),)


def _fit_squared(j: Floats, y: Floats) -> tuple[float, ...]:
    a0, a1 = np.linalg.lstsq(np.stack([j**2, j], 1), y - 1.0)[0].tolist()
    if a0 >= _LEAST:
        return a0, a1
    return _LEAST, float(j @ (y - 1.0 - _LEAST * j**2) / (j @ j))


@dataclass(frozen=True, slots=True)
class Form:
    """A family of curves: its function, how many coefficients it has, and their fit to points."""

    function: Callable[[float, Sequence[float]], float]
    size: int
    fit: Callable[[Floats, Floats], tuple[float, ...]]


FORMS: dict[str, Form] = {
    'exponential': Form(exponential, 2, _fit_exponential),
    'linear': Form(linear, 1, _fit_linear),
    'squared': Form(squared, 2, _fit_squared),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """Curves of depth, width and resolution over the scaling stage j; `growth(4)` extrapolates."""

    form: str
    depth: tuple[float, ...]
    width: tuple[float, ...]
    resolution: tuple[float, ...]
    label: str = 'least squares'

    def __call__(self, stage: float) -> Scaling:
        """The factors at a stage, whole or between two."""
        function = FORMS[self.form].function
        try:
            return Scaling(*(function(stage, getattr(self, name)) for name in DIMENSIONS))
        except OverflowError:
            problem = f'the {self.form} curves have no finite factors there'
            raise ScalingError(problem, where='stage', got=stage) from None


PRINTED = Growth(
    'exponential',
    depth=(1.944, 1.0751),
    width=(2.046, 1.0597),
    resolution=(2.007, 1.1102),
    label='as printed',
)
"""Coefficients behind stages 4 and 5 of ScaleNet's table 8.

They are what the printed factors imply (the paper prints no coefficients), and not the
least-squares solution of stages 1 to 3: that is `fit_growth` of those stages.
"""


def fit_growth(stages: Mapping[int, Scaling], form: str = 'exponential') -> Growth:
    """The least-squares curves through searched stages (1, 2, ...), with a0 > 0 (equation 27).

    The a1 of the exponential is from 1, a straight line, to `STEEPEST`.

    Raises:
        ScalingError: for an unknown form, or fewer stages than coefficients.
    """
    if not isinstance(form, str) or form not in FORMS:
        raise ScalingError(where='form', got=form, allowed=FORMS)
    curve = FORMS[form]
    if len(stages) < curve.size or min(stages, default=0) < 1:
        allowed = f'at least {curve.size}, numbered from 1, for {form} curves'
        raise ScalingError(where='stages', got=list(stages), allowed=allowed)
    j = np.array(list(stages), np.float64)
    curves = [
        curve.fit(j, np.array([getattr(stage, name) for stage in stages.values()], np.float64))
        for name in DIMENSIONS
    ]
    return Growth(form, curves[0], curves[1], curves[2])
