"""Reading configs, and saying in one line what is wrong with one, or with the data it names."""

from .data import check_data
from .diagnosis import clear_errors, diagnosed
from .errors import ConfigError, DataError
from .options import DictAction
from .read import read_config
from .truth import fit_truth

__all__ = [
    'ConfigError',
    'DataError',
    'DictAction',
    'check_data',
    'clear_errors',
    'diagnosed',
    'fit_truth',
    'read_config',
]
