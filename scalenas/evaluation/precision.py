"""Metrics at full precision: two sub-nets may differ by less than a metric prints."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from mmengine.evaluator import Evaluator
from torch import Tensor

from scalenas.tasks import task_of_class


def unrounded(evaluator: Evaluator, present: bool = False) -> Evaluator:
    """The same evaluator, whose metrics neither round nor print, where their package is known.

    With `present` means over classes are over those that the truth holds.
    """
    for metric in evaluator.metrics:
        task_of_class(type(metric)).make_exact(metric, present)
    return evaluator


def full_precision(metrics: dict[str, Any]) -> dict[str, float]:
    """Plain floats of what an evaluator returned; lists and tables, as of classes, are left out."""
    return {name: float(value) for name, value in metrics.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        return math.prod(value.shape) == 1
    return isinstance(value, Real | np.generic)
