"""Arch to metrics: BN calibration, validation, traced cost, latency."""

from scalenas.errors import EvaluationError

from .calibrate import calibrated
from .evaluator import SubnetEvaluator
from .latency import Latency, NetTimer, device_name, measure_latency
from .loop import SubnetValLoop
from .trace import trace

__all__ = [
    'EvaluationError',
    'Latency',
    'NetTimer',
    'SubnetEvaluator',
    'SubnetValLoop',
    'calibrated',
    'device_name',
    'measure_latency',
    'trace',
]
