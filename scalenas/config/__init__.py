"""Reading configs, and saying in one line what is wrong with one, or with the data it names."""

from scalenas.errors import ConfigError, DataError

from .blame import in_loop
from .diagnosis import clear_errors, diagnosed
from .monitors import check_monitors
from .parts import check_hints
from .private_random import seeded
from .read import DictAction, read_config
from .values import check_values

__all__ = [
    'ConfigError',
    'DataError',
    'DictAction',
    'check_hints',
    'check_monitors',
    'check_values',
    'clear_errors',
    'diagnosed',
    'in_loop',
    'read_config',
    'seeded',
]
