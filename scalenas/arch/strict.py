"""Reading plain data strictly: an unknown, missing or mistyped key dies with one clear line.

One rule for numbers, wherever a network or a space is described: true is not 1, 3.0 is not 3, and
everything has a size that somebody could mean. A bound here keeps a mistyped number from being a
hang somewhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from scalenas.errors import UserError

MOST_CHANNELS = 1_000_000
MOST_BLOCKS = 40_000  # of a whole network
MOST_MODULES = 1_000  # of an HRNet-style stage
MOST_STAGES = 100
MOST_BRANCHES = 16  # of an HRNet-style network; the coarsest map then has stride 131072
MOST_SIDE = 100_000  # of an image
MOST_FACTOR = 1_000_000  # of a scaling
_MOST_INT = 2**63 - 1
_MOST_NUMBER = 1e18


E = TypeVar('E', bound=UserError)


class ArchError(UserError):
    """Something that is not a network: the message is one line for the user."""


@contextmanager
def inside(where: str) -> Iterator[None]:
    """Errors of the block are of a part of `where`: their place begins with it."""
    try:
        yield
    except ArchError as error:
        error.within(where)
        raise


def wrong(where: str, allowed: str | Collection[object], got: object) -> ArchError:
    """The error for a value that is not what is `allowed` at this place."""
    return ArchError(where=where, allowed=allowed, got=got)


def as_mapping(
    data: object, where: str, required: Sequence[str], optional: Sequence[str] = ()
) -> Mapping[str, Any]:
    """`data`, if it is a mapping with all required keys and no unknown one.

    Raises:
        ArchError: names the place, the key and the allowed keys.
    """
    known = (*required, *optional)
    if not isinstance(data, Mapping):
        raise wrong(where, f'a mapping with keys {", ".join(known)}', data)
    for key in data:
        if key not in known:
            raise ArchError('unknown key', where=where, got=key, allowed=known)
    for key in required:
        if key not in data:
            raise ArchError(f'key {key!r} is missing', where=where, allowed=required)
    return data


def as_list(data: object, where: str, of: str, most: int | None = None) -> Sequence[Any]:
    """`data`, if it is a list or a tuple, and of at most so many entries."""
    if not isinstance(data, list | tuple):
        raise wrong(where, f'a list of {of}', data)
    if most is not None and len(data) > most:
        raise wrong(where, f'at most {most:,} {of}', len(data))
    return data


def need_one(values: Sequence[object], where: str, of: str) -> None:
    """Pass for at least one value.

    Raises:
        ArchError: for none.
    """
    if not values:
        raise wrong(where, f'at least one {of}', values)


def is_int(data: object) -> bool:
    """True for a whole number; True itself is none."""
    return isinstance(data, int) and not isinstance(data, bool)


def is_number(data: object) -> bool:
    """True for a number that is neither NaN nor infinite nor beyond all use."""
    if isinstance(data, bool) or not isinstance(data, int | float):
        return False
    return -_MOST_NUMBER <= data <= _MOST_NUMBER


def as_int(data: object, where: str, least: int = 1, most: int = _MOST_INT) -> int:
    """`data`, if it is a whole number of at least `least` and at most `most`."""
    if isinstance(data, bool) or not isinstance(data, int) or data < least:
        raise wrong(where, f'a whole number >= {least}', data)
    if data > most:
        raise wrong(where, f'a whole number from {least} to {most:,}', data)
    return data


def as_number(data: object, where: str) -> float:
    """`data`, if it is a finite number above 0."""
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0 < data < float('inf'):
        raise wrong(where, 'a number > 0', data)
    if data > _MOST_NUMBER:
        raise wrong(where, f'a number from 0 to {_MOST_NUMBER:g}', data)
    return data


def as_fraction(data: object, where: str) -> float:
    """A number in 0 ... 1, such as a probability."""
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0.0 <= data <= 1.0:
        raise wrong(where, 'a number in 0 ... 1', data)
    return float(data)


def as_flag(data: object, where: str) -> bool:
    """`data`, if it is true or false."""
    if not isinstance(data, bool):
        raise wrong(where, 'true or false', data)
    return data


def as_choice(data: object, where: str, allowed: Sequence[str]) -> str:
    """`data`, if it is one of the allowed words."""
    if not isinstance(data, str) or data not in allowed:
        raise wrong(where, allowed, data)
    return data


def as_one_of(data: object, where: str, allowed: Sequence[int]) -> int:
    """`data`, if it is one of these whole numbers."""
    if isinstance(data, bool) or not isinstance(data, int) or data not in allowed:
        raise wrong(where, allowed, data)
    return data


def as_channels(data: object, where: str) -> int:
    """`data`, if so many channels are possible."""
    return as_int(data, where, 1, MOST_CHANNELS)


def as_depth(data: object, where: str) -> int:
    """`data`, if so many blocks are possible."""
    return as_int(data, where, 1, MOST_BLOCKS)


def as_side(data: object, where: str) -> int:
    """`data`, if an image may be so high or wide."""
    return as_int(data, where, 1, MOST_SIDE)


def as_size(data: object, where: str) -> tuple[int, int]:
    """`data`, if it is the height and width of an image."""
    sides = list(data) if isinstance(data, list | tuple) else []
    if len(sides) != 2 or not all(is_int(side) and side >= 1 for side in sides):
        raise wrong(where, 'two numbers >= 1, height and width', data)
    if max(sides) > MOST_SIDE:
        raise wrong(where, f'two numbers up to {MOST_SIDE:,}, height and width', data)
    return sides[0], sides[1]


def sizeless(family: str, where: str, kind: type[E]) -> E:
    """The error for networks without an input size of their own, where none was given."""
    return kind(f'{family} networks have no input size of their own', where=where, hint='give one')


def check_blocks(count: int) -> None:
    """Pass where a whole network may have so many blocks.

    Raises:
        ArchError: for more.
    """
    if count > MOST_BLOCKS:
        raise wrong('', f'a network of at most {MOST_BLOCKS:,} blocks', count)
