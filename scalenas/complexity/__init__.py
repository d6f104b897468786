"""What a network costs: one counter over the layer plan, counting rules, budgets."""

from .at_output import count_at_output
from .budget import Budget
from .columns import COLUMNS, Column, column_of, largest
from .cost import Cost
from .count import Counter, count, layer_cost
from .floor import count_floored
from .mmdet import count_mmdet
from .rule import PYCLS, RULES, SCALENAS, Rule

__all__ = [
    'COLUMNS',
    'PYCLS',
    'RULES',
    'SCALENAS',
    'Budget',
    'Column',
    'Cost',
    'Counter',
    'Rule',
    'column_of',
    'count',
    'count_at_output',
    'count_floored',
    'count_mmdet',
    'largest',
    'layer_cost',
]
