"""Arch to metrics: BN calibration, validation, traced cost."""

from scalenas.errors import EvaluationError

from .calibrate import calibrated
from .evaluator import SubnetEvaluator
from .loop import SubnetValLoop
from .trace import trace

__all__ = [
    'EvaluationError',
    'SubnetEvaluator',
    'SubnetValLoop',
    'calibrated',
    'trace',
]
