"""Which network is best: Pareto fronts, evolution and random search, the study they share."""

from .algorithm import AbstractSearch
from .coarse_to_fine import CoarseToFine
from .loop import CandidateError, run_search
from .pareto import front, hypervolume, peel, select
from .places import Places
from .plan import ALGORITHMS, SearchPlan
from .progress import ProgressLine
from .random_search import RandomSearch
from .record import Objective, Record, SearchError
from .report import front_of, write_report
from .storage import StudyError
from .study import SearchStudy
from .topology import TopologyEvolution

__all__ = [
    'ALGORITHMS',
    'AbstractSearch',
    'CandidateError',
    'CoarseToFine',
    'Objective',
    'Places',
    'ProgressLine',
    'RandomSearch',
    'Record',
    'SearchError',
    'SearchPlan',
    'SearchStudy',
    'StudyError',
    'TopologyEvolution',
    'front',
    'front_of',
    'hypervolume',
    'peel',
    'run_search',
    'select',
    'write_report',
]
