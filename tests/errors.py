"""What a test says of an error: its fields, never its sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import ANY

import pytest

from scalenas.errors import UserError

LONGEST = 300  # characters of a line that somebody reads, beyond a path of any length


@contextmanager
def raises(
    kind: type[UserError] | tuple[type[UserError], ...] = UserError,
    *,
    where: object = ANY,
    got: object = ANY,
    allowed: object = ANY,
    hint: object = ANY,
    problem: object = ANY,
    names: tuple[object, ...] = (),
) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """Pass where the block raises this error, with these fields, in one line of no great length.

    A field is a value that it equals, or a question that it answers with True (`contains`,
    `str.isdigit`, ...). `got` is of the same type, too: True is not 1. `where` is a path or a text.

    Args:
        names: values that stand in the line, such as the number of a trial, a path or a key; for
            what no field holds.
    """
    wanted = {'where': where, 'got': got, 'allowed': allowed, 'hint': hint, 'problem': problem}
    assert names or any(value is not ANY for value in wanted.values()), 'name a field of the error'
    with pytest.raises(kind) as caught:
        yield caught
    check_fields(caught.value, *names, **wanted)


def check_fields(error: BaseException | None, *names: object, **wanted: object) -> None:
    """As `raises` of an error that was caught already."""
    assert isinstance(error, UserError), repr(error)
    check_line(error, *names)
    for field, value in wanted.items():
        found = getattr(error, field)
        assert _holds(value, found), f'{field} is {found!r}, not {value!r}: {error}'


def check_line(error: BaseException, *names: object) -> None:
    """Fail where an error is no short line, or one of the values does not stand in it."""
    line = str(error)
    assert len(line.splitlines()) == 1, repr(line)
    letters = len(line) - len(getattr(error, 'where', ''))
    assert letters <= LONGEST, f'{letters} characters: {line}'
    for name in names:
        assert str(name) in line, f'{name!r} is not named in: {line}'


def contains(*parts: object) -> Callable[[object], bool]:
    """For a field that is long: it has all of these, as text."""
    return lambda found: all(str(part) in str(found) for part in parts)


def _holds(wanted: Any, found: Any) -> bool:
    if wanted is ANY:
        return True
    if callable(wanted):
        return wanted(found) is True
    if hasattr(wanted, '__fspath__'):
        wanted = str(wanted)
    return type(wanted) is type(found) and wanted == found
