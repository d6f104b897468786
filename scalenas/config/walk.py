"""One walk through nested tables and lists, for everybody who looks for something in a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
"""Keys of tables and positions in lists, from the outside in."""


def walk(value: Any, path: Path = (), without: tuple[str, ...] = ()) -> Iterator[tuple[Path, Any]]:
    """Path and content of all that is in `value`, itself first, what is around before what is in.

    Nothing below a key of `without` is visited.
    """
    yield path, value
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key not in without:
                yield from walk(child, (*path, key), without)
    elif isinstance(value, list | tuple):
        for position, child in enumerate(value):
            yield from walk(child, (*path, position), without)


def tables_in(
    value: Any, place: str = '', without: tuple[str, ...] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every table in a value that stands at `place`, the outer ones first."""
    for path, content in walk(value, (), without):
        if isinstance(content, Mapping):
            yield place_of(path, place), content


def place_of(path: Path, start: str = '') -> str:
    """A path as messages write it: `model.neck[0].type`."""
    for step in path:
        if isinstance(step, int):
            start = f'{start}[{step}]'
        else:
            start = f'{start}.{step}' if start else str(step)
    return start


def replaced(whole: Any, path: Path, part: Any) -> Any:
    """`whole` with `part` at `path`; what is around it is copied, nothing is changed in place."""
    if not path:
        return part
    first, *rest = path
    inner = replaced(whole[first], tuple(rest), part)
    if isinstance(whole, Mapping):
        return {**whole, first: inner}
    return [inner if i == first else item for i, item in enumerate(whole)]
