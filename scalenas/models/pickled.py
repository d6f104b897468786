"""What a checkpoint may hold besides tensors, and what it is where that is something else.

torch's restricted unpickler calls only what is on its list. Here are the entries that mmengine's
checkpoints need: training logs, NumPy arrays, and the plain values of a dataset's meta.

NumPy trusts a pickled dtype: one that declares numbers to be objects makes it follow them as
pointers. Here a dtype is made from its name alone.
"""

from __future__ import annotations

import datetime
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer

from scalenas.errors import CheckpointError

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


class Array(np.ndarray[Any, Any]):
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


READ = 'tensors, plain values and numpy arrays'
ALONE = 'write its state_dict alone with torch.save, if you trust the file'

Entry = Callable[..., Any] | tuple[Callable[..., Any], str]


def readable() -> list[Entry]:
    """All that may be called or made, for `torch.serialization.safe_globals`."""
    entries: list[Entry] = [HistoryBuffer, frozenset, slice]
    entries += [datetime.datetime, datetime.date, datetime.timedelta]
    entries += [
        (_statistic, 'builtins.getattr'),
        (_no_bytes, 'builtins.bytes'),
        (_table, 'mmengine.config.config.ConfigDict'),
        (_table, 'addict.addict.Dict'),
        (_table_of_lists, 'collections.defaultdict'),
        (_no_list, 'builtins.list'),
    ]
    for name in ('pathlib.PosixPath', 'pathlib.WindowsPath', 'pathlib.PurePosixPath'):
        entries.append((_path, name))
    # NumPy 2 moved two of these; files name the place that they had where they were written.
    entries += [(Kind, 'numpy.dtype'), (Array, 'numpy.ndarray')]
    for place in ('numpy.core', 'numpy._core'):
        entries.append((rebuilt_array, f'{place}.multiarray._reconstruct'))
        entries.append((rebuilt_scalar, f'{place}.multiarray.scalar'))
    return entries


def refusal(path: object, error: str) -> CheckpointError:
    """Of a file that torch's restricted unpickler does not read, by the words of its error."""
    match = re.search(r'(?:GLOBAL|class|function) <?(?:class )?\'?([\w.]+\.\w+)', error)
    if match is None:
        match = re.search(r'GLOBAL (\w+)', error)
    if match:
        return CheckpointError(
            'refused: reading it would run what it names',
            where=path,
            got=match[1],
            allowed=READ,
            hint=ALONE,
        )
    if match := re.search(r'Unsupported operand (\d+)', error):
        return CheckpointError(
            f'refused: pickled in another way than torch.save does by default (code {match[1]})',
            where=path,
            hint='write it again without pickle_protocol, and without whole numbers of 256 bytes',
        )
    return CheckpointError('refused: its pickle is none of torch.save', where=path, allowed=READ)


def _statistic(owner: object, name: str) -> Callable[..., Any]:
    # A HistoryBuffer is written with its own methods, as getattr(HistoryBuffer, 'mean'). The
    # real getattr would let a file reach anything.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'unsupported GLOBAL builtins.getattr({owner!r}, {name!r})')
    method: Callable[..., Any] = getattr(HistoryBuffer, name)
    return method


def _no_bytes(*content: object) -> bytes:
    # Pickle writes b'' as a call without arguments, and an array without elements holds one. With
    # a number it would take as much memory as the file likes.
    if content:
        raise pickle.UnpicklingError('unsupported GLOBAL builtins.bytes with arguments')
    return b''


def _table(content: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return dict(content or {})


def _table_of_lists(kind: object = None) -> dict[str, Any]:
    return {}


def _no_list(*content: object) -> list[Any]:
    raise pickle.UnpicklingError('unsupported GLOBAL builtins.list')


def _path(*parts: str) -> str:
    return str(PurePath(*parts))
