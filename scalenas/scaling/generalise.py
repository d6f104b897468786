"""From searched scaling stages to larger ones: one curve per dimension, fitted and extrapolated.

Each curve is 1 at stage 0. Source: ScaleNet (Xie et al. 2022), equations (9), (21) to (27).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from scalenas.arch import Scaling

from .strategy import ScalingError

_LEAST = 1e-9  # a0 > 0
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


@dataclass(frozen=True, slots=True)
class Form:
    """A family of curves: its function, where a fit starts, and the least of each coefficient."""

    function: Callable[[float, Sequence[float]], float]
    starts: tuple[tuple[float, ...], ...]
    least: tuple[float, ...]


FORMS: dict[str, Form] = {
    'exponential': Form(
        exponential, ((0.1, 2.0), (0.5, 1.3), (2.0, 1.05), (20.0, 1.005)), (_LEAST, _LEAST)
    ),
    'linear': Form(linear, ((0.2,),), (_LEAST,)),
    'squared': Form(squared, ((0.02, 0.1),), (_LEAST, -math.inf)),
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
        return Scaling(*(function(stage, getattr(self, name)) for name in DIMENSIONS))


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

    Raises:
        ScalingError: for an unknown form, or fewer stages than coefficients.
    """
    if form not in FORMS:
        raise ScalingError(f'form: expected one of {", ".join(FORMS)}, got {form!r}')
    found = FORMS[form]
    if len(stages) < len(found.least) or min(stages, default=0) < 1:
        raise ScalingError(
            f'{form}: needs at least {len(found.least)} stages numbered from 1, got {list(stages)}'
        )
    j = list(stages)
    curves = [_fit(found, j, [getattr(stages[n], name) for n in j]) for name in DIMENSIONS]
    return Growth(form, curves[0], curves[1], curves[2])


def _fit(form: Form, j: Sequence[int], y: Sequence[float]) -> tuple[float, ...]:
    def residuals(a: Sequence[float]) -> list[float]:
        return [form.function(n, a) - value for n, value in zip(j, y, strict=True)]

    bounds = (np.array(form.least), np.full(len(form.least), np.inf))
    # The exponential has a long flat valley: several starts, scaled steps, the best end.
    ends = [
        least_squares(
            residuals,
            start,
            bounds=bounds,
            x_scale='jac',
            xtol=1e-14,
            ftol=1e-14,
            gtol=1e-14,
            max_nfev=20_000,
        )
        for start in form.starts
    ]
    return tuple(float(a) for a in min(ends, key=lambda end: float(end.cost)).x)
