"""Arch to metrics: BN calibration, validation, traced cost, latency."""

from .calibrate import calibrated
from .errors import EvaluationError
from .evaluator import SubnetEvaluator
from .latency import Latency, measure_latency
from .loop import SubnetValLoop
from .trace import trace

__all__ = [
    'EvaluationError',
    'Latency',
    'SubnetEvaluator',
    'SubnetValLoop',
    'calibrated',
    'measure_latency',
    'trace',
]
