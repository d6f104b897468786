"""Which network is best: Pareto fronts, evolution and random search, the study they share.

`run(config, checkpoint)` searches a supernet in one call and gives a `Result`; `read(config)` gives
that of a search as far as it is.
"""

from importlib import import_module
from typing import Any

from .algorithm import AbstractSearch, RandomSearch
from .coarse_to_fine import CoarseToFine
from .loop import CandidateError, run_search
from .mcea import AlternatingSearch, Iteration
from .nsga2 import NSGA2
from .objectives import Objectives
from .pareto import front, hypervolume, peel, select
from .paths import (
    Comparison,
    GivenNetworks,
    compare,
    comparison_of,
    comparisons_text,
    paths_text,
    rank_table,
    read_alone,
    read_paths,
    sampled_paths,
    spread_by_cost,
)
from .places import Places
from .plan import ALGORITHMS, SearchPlan, objectives_of
from .ranking import RankStudy, rank_study
from .record import Record, SearchError, StudyError
from .report import ProgressLine, front_of, volume_curve, write_findings, write_report
from .scaled_series import ScaledSeries, StageBudgets
from .started import Start
from .storage import StorageAwayError, as_wait
from .study import SearchStudy
from .topology import TopologyEvolution
from .turns import TURNS, check_proposals

__all__ = [
    'ALGORITHMS',
    'NSGA2',
    'TURNS',
    'AbstractSearch',
    'AlternatingSearch',
    'CandidateError',
    'CoarseToFine',
    'Comparison',
    'GivenNetworks',
    'Iteration',
    'Objectives',
    'Places',
    'ProgressLine',
    'RandomSearch',
    'RankStudy',
    'Record',
    'ScaledSeries',
    'SearchError',
    'SearchPlan',
    'SearchStudy',
    'StageBudgets',
    'Start',
    'StorageAwayError',
    'StudyError',
    'TopologyEvolution',
    'as_wait',
    'check_proposals',
    'compare',
    'comparison_of',
    'comparisons_text',
    'front',
    'front_of',
    'hypervolume',
    'objectives_of',
    'paths_text',
    'peel',
    'rank_study',
    'rank_table',
    'read_alone',
    'read_paths',
    'run_search',
    'sampled_paths',
    'select',
    'spread_by_cost',
    'volume_curve',
    'write_findings',
    'write_report',
]


def __getattr__(name: str) -> Any:
    # They look into the rooms above this one, which are imported for them alone.
    if name in ('Result', 'read', 'run'):
        return getattr(import_module('scalenas.searching'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
