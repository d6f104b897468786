"""NumPy's arrays out of a pickle, rebuilt from what was checked.

NumPy believes a pickled type: one that says of numbers that they are objects makes it follow them
as pointers. Here a type is made from its name alone.
"""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np

KINDS = re.compile(r'[?bBhHiIlLqQefdgFDGO]|[biufcmMSUO]\d+')
"""Names of types without fields: numbers, times, text and objects."""

ORDERS = ('<', '>', '=', '|')


class Kind:
    """A type as it is pickled: `dtype('f8', False, True)` and then a state."""

    def __init__(self, name: object, align: object = False, copy: object = False) -> None:
        if not isinstance(name, str) or not KINDS.fullmatch(name):
            raise _unsupported('dtype', name)
        self.name, self.unit = name, ''
        self.order: Any = '='

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ORDERS:
            raise _unsupported('dtype', state)
        if any(part is not None for part in state[2:5]):  # parts, names and fields of a record
            raise _unsupported('dtype', state)
        self.order = state[1]
        if self.name[0] in 'mM' and len(state) > 8:
            (_, (unit, number, *_rest)) = state[8]
            unit = unit.decode() if isinstance(unit, bytes) else unit
            self.unit = f'[{int(number)}{unit}]'

    def made(self) -> Any:
        """The type."""
        return np.dtype(f'{self.name}{self.unit}').newbyteorder(self.order)


class Array(np.ndarray):
    """An array that takes its shape and values from a pickle."""

    def __setstate__(self, state: Any) -> None:
        """state: version, shape, type, whether columns come first, and the values."""
        _, shape, kind, fortran, values = state
        sound = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not sound or not isinstance(kind, Kind) or not isinstance(values, bytes | list):
            raise _unsupported('ndarray', shape)
        if isinstance(values, list) is not (kind.name[0] == 'O'):
            raise _unsupported('ndarray', kind.name)
        state = (1, shape, kind.made(), bool(fortran), values)
        super().__setstate__(state)


def rebuilt_array(*_: object) -> Array:
    """An empty array; what it holds follows as its state."""
    return np.ndarray.__new__(Array, 0)


def rebuilt_scalar(kind: object, value: object = b'') -> Any:
    """A number of NumPy's, or its text."""
    if not isinstance(kind, Kind) or not isinstance(value, bytes) or kind.name[0] == 'O':
        raise _unsupported('scalar', kind)
    made = kind.made()
    if not made.itemsize:
        return np.zeros((), made)[()]
    if len(value) != made.itemsize:
        raise _unsupported('scalar', kind.name)
    return np.frombuffer(value, made)[0]


def _unsupported(what: str, value: object) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f'unsupported GLOBAL numpy.{what} of {str(value)[:40]}')
