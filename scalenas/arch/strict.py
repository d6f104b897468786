"""Reading plain data strictly: an unknown, missing or mistyped key dies with one clear line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from scalenas.errors import UserError, short


class ArchError(UserError):
    """Something that is not a network: the message is one line for the user."""


def suggest(word: object, known: Collection[str]) -> str:
    """`"; did you mean 'x'?"` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ''


def as_mapping(
    data: object, where: str, required: Sequence[str], optional: Sequence[str] = ()
) -> Mapping[str, Any]:
    """`data`, if it is a mapping with all required keys and no unknown one.

    Raises:
        ArchError: names the place, the key and the allowed keys.
    """
    known = (*required, *optional)
    if not isinstance(data, Mapping):
        raise ArchError(
            f'{where}: expected a mapping with keys {", ".join(known)}, got {short(data)}'
        )
    for key in data:
        if key not in known:
            raise ArchError(
                f'{where}: unknown key {key!r} (allowed: {", ".join(known)}){suggest(key, known)}'
            )
    for key in required:
        if key not in data:
            raise ArchError(f'{where}: key {key!r} is missing (required: {", ".join(required)})')
    return data


def as_list(data: object, where: str, of: str) -> Sequence[Any]:
    """`data`, if it is a list or a tuple."""
    if not isinstance(data, list | tuple):
        raise ArchError(f'{where}: expected a list of {of}, got {short(data)}')
    return data


def as_int(data: object, where: str, least: int = 1) -> int:
    """`data`, if it is a whole number of at least `least` (True is not a number here)."""
    if isinstance(data, bool) or not isinstance(data, int) or data < least:
        raise ArchError(f'{where}: expected a whole number >= {least}, got {short(data)}')
    return data


def as_number(data: object, where: str) -> float:
    """`data`, if it is a finite number above 0 (True is not a number here)."""
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0 < data < math.inf:
        raise ArchError(f'{where}: expected a number > 0, got {short(data)}')
    return data


def as_fraction(data: object, where: str) -> float:
    """A number in 0 ... 1, such as a probability."""
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0.0 <= data <= 1.0:
        raise ArchError(f'{where}: expected a number in 0 ... 1, got {short(data)}')
    return float(data)


def as_flag(data: object, where: str) -> bool:
    """`data`, if it is true or false."""
    if not isinstance(data, bool):
        raise ArchError(f'{where}: expected true or false, got {short(data)}')
    return data


def as_choice(data: object, where: str, allowed: Sequence[str]) -> str:
    """`data`, if it is one of the allowed words."""
    if not isinstance(data, str) or data not in allowed:
        raise ArchError(
            f'{where}: expected one of {", ".join(allowed)}, got {short(data)}'
            f'{suggest(data, allowed)}'
        )
    return data
