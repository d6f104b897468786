"""Arch to metrics: BN calibration, validation, traced cost, latency."""

from scalenas.errors import EvaluationError

from .calibrate import calibrated
from .evaluator import SubnetEvaluator
from .latency import Latency, measure_latency
from .loop import SubnetValLoop
from .net_timer import NetTimer, device_name
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
