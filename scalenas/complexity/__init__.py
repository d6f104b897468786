"""What a network costs: one counter over the layer plan, counting rules, budgets."""

from .at_output import count_at_output
from .budget import Budget
from .columns import COLUMNS, Column, column_of, largest
from .cost import Cost
from .count import Counter, count, layer_cost
from .floor import count_floored
from .operations import count_operations
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
    'count_operations',
    'largest',
    'layer_cost',
]
