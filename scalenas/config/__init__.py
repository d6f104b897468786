"""Reading configs, and saying in one line what is wrong with one, or with the data it names."""

from .batch import check_batch
from .data import check_data
from .diagnosis import clear_errors, diagnosed
from .errors import ConfigError, DataError
from .heads import label_rule, task_model
from .labels import LabelRule
from .loading import watch
from .options import DictAction
from .private_random import seeded
from .read import read_config
from .truth import fit_truth

__all__ = [
    'ConfigError',
    'DataError',
    'DictAction',
    'LabelRule',
    'check_batch',
    'check_data',
    'clear_errors',
    'diagnosed',
    'fit_truth',
    'label_rule',
    'read_config',
    'seeded',
    'task_model',
    'watch',
]
