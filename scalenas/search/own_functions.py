"""Columns and metrics that a config gives itself: functions by name, found or made."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scalenas.arch.strict import as_choice, as_mapping
from scalenas.complexity import COLUMNS, Measure
from scalenas.latency import LatencyTable
from scalenas.scaling.latency import EVERY, KINDS, LatencyLine, LatencyModel

from .fingerprint import is_repeatable
from .record import RESERVED, SearchError

Derive = Callable[[Mapping[str, float]], float]
"""A metric of all that an evaluation gave."""


def latency_line(file: str, base: str = EVERY, kind: str = 'inference') -> LatencyLine:
    """The column of a latency model: milliseconds per batch on the device that was measured.

    Args:
        file: `latency.yaml` of tools/benchmark_scaling.py.
        base: whose line; that of all networks where this one was not measured.
    """
    as_choice(kind, 'kind', KINDS)
    return LatencyModel.from_file(file).line(base, kind)[1]  # type: ignore[arg-type]


def latency_table(file: str) -> LatencyTable:
    """The column of a table of units: milliseconds per batch on the device that was measured.

    Args:
        file: as tools/benchmark.py --units writes it.
    """
    return LatencyTable.from_file(file)


KINDS_OF_FUNCTION: dict[str, Callable[..., Any]] = {
    'LatencyLine': latency_line,
    'LatencyTable': latency_table,
}
"""`type` in a config -> what makes the function. Others are named by their module."""


def columns_of(data: object, where: str = 'search.columns') -> dict[str, Measure]:
    """Measured columns by name: each a function of a network and its input size.

    Raises:
        UserError: for a name that is counted, or a function that cannot be found or made.
    """
    return functions_of(data, where)


def metrics_of(
    data: object, columns: Iterable[str], where: str = 'search.metrics'
) -> dict[str, Derive]:
    """Metrics by name, each a function of those that an evaluation gives.

    Raises:
        UserError: for the name of one of the `columns`, or a function that cannot be found or made.
    """
    table = functions_of(data, where)
    for name in table.keys() & {*columns}:
        raise SearchError('is a column of the cost', where=f'{where}.{name}', hint='rename it')
    return table


def functions_of(data: object, where: str) -> dict[str, Callable[..., float]]:
    """Functions by name: each 'package.module.function', or dict(type=..., **arguments) whose
    type makes one of the arguments.

    Raises:
        UserError: for a name that tables need for something else, and for a function that cannot
            be found or made.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise SearchError(where=where, got=data, allowed='functions by name')
    for name in data:
        if name in COLUMNS:
            raise SearchError('is counted already', where=f'{where}.{name}', hint='rename it')
        if name in RESERVED:
            raise SearchError('is a word of the tables', where=f'{where}.{name}', hint='rename it')
    return {str(name): _function(given, f'{where}.{name}') for name, given in data.items()}


def _function(given: object, where: str) -> Callable[..., float]:
    if isinstance(given, Mapping):
        arguments = dict(as_mapping(given, where, ('type',), tuple(map(str, given))))
        maker = arguments.pop('type')
        make = KINDS_OF_FUNCTION.get(maker) if isinstance(maker, str) else None
        try:
            function = (make or _imported(maker, f'{where}.type'))(**arguments)
        except TypeError as error:
            raise SearchError(str(error), where=where, hint='correct its arguments') from None
    else:
        function = _imported(given, where)
    if not callable(function):
        raise SearchError('is no function', where=where, got=given)
    if not is_repeatable(given):
        raise SearchError(
            'another process could not tell that it is the same',
            where=where,
            got=type(given).__name__,
            allowed="a function, 'package.module.function', or dict(type=..., **arguments)",
        )
    return function  # type: ignore[no-any-return]


def _imported(name: object, where: str) -> Any:
    if callable(name):
        return name
    kinds = ', '.join(KINDS_OF_FUNCTION)
    allowed = f"'package.module.function', or dict(type=...) of that or of {kinds}"
    if not isinstance(name, str) or not name.rpartition('.')[0]:
        raise SearchError(where=where, got=name, allowed=allowed)
    module, _, attribute = name.rpartition('.')
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SearchError(f'cannot be imported: {error}', where=where, got=name) from None
