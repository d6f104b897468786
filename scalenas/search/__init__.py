"""Which network is best: Pareto fronts, evolution and random search, the study they share."""

from .algorithm import AbstractSearch
from .alternating import AlternatingSearch
from .coarse_to_fine import CoarseToFine
from .families import Family, StageBudgets
from .iterations import Iteration
from .loop import CandidateError, run_search
from .nsga2 import NSGA2
from .pareto import front, hypervolume, peel, select
from .places import Places
from .plan import ALGORITHMS, SearchPlan
from .progress import ProgressLine
from .random_search import RandomSearch
from .ranking import RankStudy, rank_study
from .record import Objective, Record, SearchError
from .report import front_of, write_findings, write_report
from .storage import StudyError
from .study import SearchStudy
from .topology import TopologyEvolution

__all__ = [
    'ALGORITHMS',
    'NSGA2',
    'AbstractSearch',
    'AlternatingSearch',
    'CandidateError',
    'CoarseToFine',
    'Family',
    'Iteration',
    'Objective',
    'Places',
    'ProgressLine',
    'RandomSearch',
    'RankStudy',
    'Record',
    'SearchError',
    'SearchPlan',
    'SearchStudy',
    'StageBudgets',
    'StudyError',
    'TopologyEvolution',
    'front',
    'front_of',
    'hypervolume',
    'peel',
    'rank_study',
    'run_search',
    'select',
    'write_findings',
    'write_report',
]
