"""What a checkpoint may hold beside tensors, and what it is where that is something else.

torch's restricted unpickler calls nothing but what stands in a list. Here are the entries that
mmengine's checkpoints need: training logs, numpy arrays, and the plain values of a dataset's meta.
"""

from __future__ import annotations

import datetime
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from mmengine.logging import HistoryBuffer

from scalenas.errors import CheckpointError

from .arrays import Array, Kind, rebuilt_array, rebuilt_scalar

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
    found = re.search(r'(?:GLOBAL|class|function) <?(?:class )?\'?([\w.]+\.\w+)', error)
    if found is None:
        found = re.search(r'GLOBAL (\w+)', error)
    if found:
        return CheckpointError(
            'refused: reading it would run what it names',
            where=path,
            got=found[1],
            allowed=READ,
            hint=ALONE,
        )
    if found := re.search(r'Unsupported operand (\d+)', error):
        return CheckpointError(
            f'refused: pickled in another way than torch.save does by default (code {found[1]})',
            where=path,
            hint='write it again without pickle_protocol, and without whole numbers of 256 bytes',
        )
    return CheckpointError('refused: its pickle is none of torch.save', where=path, allowed=READ)


def _statistic(owner: object, name: str) -> Callable[..., Any]:
    # A HistoryBuffer is written with its own methods, as getattr(HistoryBuffer, 'mean'). The
    # real getattr would let a file reach anything.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'unsupported GLOBAL builtins.getattr({owner!r}, {name!r})')
    found: Callable[..., Any] = getattr(HistoryBuffer, name)
    return found


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
