"""What was measured: times and their reliability, tables of units, the column that they make."""

from .cache import Cache, Entry
from .correction import agreement, fit_correction
from .reliability import (
    LatencyError,
    Ranking,
    Spread,
    Times,
    check_time,
    kendall,
    ranking,
    rounds_needed,
    split_half_tau,
)
from .rounds import Candidate, Visit, known_times, measure
from .table import (
    Agreement,
    Correction,
    LatencyTable,
    deployed_arch,
    options_of,
    unit_key,
    units_of,
)

__all__ = [
    'Agreement',
    'Cache',
    'Candidate',
    'Correction',
    'Entry',
    'LatencyError',
    'LatencyTable',
    'Ranking',
    'Spread',
    'Times',
    'Visit',
    'agreement',
    'check_time',
    'deployed_arch',
    'fit_correction',
    'kendall',
    'known_times',
    'measure',
    'options_of',
    'ranking',
    'rounds_needed',
    'split_half_tau',
    'unit_key',
    'units_of',
]
