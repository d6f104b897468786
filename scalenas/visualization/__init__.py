"""Figures and tables of networks, searches and predictions; matplotlib comes in when drawing."""

from .cost_table import CostRow, cost_rows, cost_text, layer_text
from .draw_arch import draw_arch
from .draw_predictions import draw_predictions
from .draw_samples import draw_histogram
from .draw_search import draw_front, pareto
from .figure import DrawError

__all__ = [
    'CostRow',
    'DrawError',
    'cost_rows',
    'cost_text',
    'draw_arch',
    'draw_front',
    'draw_histogram',
    'draw_predictions',
    'layer_text',
    'pareto',
]
