"""How to grow a network: strategies, published tables, budget fit, generalisation to more."""

from .fit import Fit, cost_of, fit
from .generalise import FORMS, PRINTED, STEEPEST, Growth, fit_growth
from .grow import fit_text, grow, scale_table
from .latency import LatencyLine, LatencyModel, fit_line, pearson
from .presets import (
    EFFICIENTNET_TABLE,
    SCALENET_TABLE,
    TABLES,
    SearchedScalings,
    compound_efficientnet,
    table_entry,
)
from .strategy import STRATEGIES, Scaled, ScalingError, Strategy, fast, parse_strategy, scale

__all__ = [
    'EFFICIENTNET_TABLE',
    'FORMS',
    'PRINTED',
    'SCALENET_TABLE',
    'STEEPEST',
    'STRATEGIES',
    'TABLES',
    'Fit',
    'Growth',
    'LatencyLine',
    'LatencyModel',
    'Scaled',
    'ScalingError',
    'SearchedScalings',
    'Strategy',
    'compound_efficientnet',
    'cost_of',
    'fast',
    'fit',
    'fit_growth',
    'fit_line',
    'fit_text',
    'grow',
    'parse_strategy',
    'pearson',
    'scale',
    'scale_table',
    'table_entry',
]
