"""Reading configs, and saying in one line what is wrong with one, or with the data it names."""

from scalenas.errors import ConfigError, DataError

from .batch import check_batch
from .blame import in_loop
from .data import check_data
from .diagnosis import clear_errors, diagnosed
from .heads import label_rule, task_model
from .hints import check_hints
from .labels import LabelRule
from .loading import watch
from .monitors import check_monitors
from .options import DictAction
from .private_random import seeded
from .read import read_config
from .truth import fit_truth
from .values import check_values

__all__ = [
    'ConfigError',
    'DataError',
    'DictAction',
    'LabelRule',
    'check_batch',
    'check_data',
    'check_hints',
    'check_monitors',
    'check_values',
    'clear_errors',
    'diagnosed',
    'fit_truth',
    'in_loop',
    'label_rule',
    'read_config',
    'seeded',
    'task_model',
    'watch',
]
