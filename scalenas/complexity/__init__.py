"""What a network costs: one counter over the layer plan, counting rules, budgets."""

from .authors import count_at_output_size, count_floored, count_operations
from .budget import Budget
from .columns import (
    COLUMNS,
    PYCLS,
    RULES,
    SCALENAS,
    WHOLE_MODEL,
    Column,
    Rule,
    column_of,
    largest,
)
from .cost import Cost
from .count import Counter, Estimate, Measure, Measured, count, layer_cost

__all__ = [
    'COLUMNS',
    'PYCLS',
    'RULES',
    'SCALENAS',
    'WHOLE_MODEL',
    'Budget',
    'Column',
    'Cost',
    'Counter',
    'Estimate',
    'Measure',
    'Measured',
    'Rule',
    'column_of',
    'count',
    'count_at_output_size',
    'count_floored',
    'count_operations',
    'largest',
    'layer_cost',
]
