"""A row of a table: column -> value, immutable and hashable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NoReturn, TypeVar

V = TypeVar('V')


class Row(Mapping[str, V]):
    """`Row({'macs': 1}, acts=2)`; equal to another of the same class with the same values."""

    __slots__ = ('_values',)
    _values: dict[str, V]

    def __init__(self, values: Mapping[str, V] | None = None, /, **columns: V) -> None:
        object.__setattr__(self, '_values', {**(values or {}), **columns})

    def __getitem__(self, name: str) -> V:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row) or type(other) is not type(self):
            return NotImplemented
        return self._values == other._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f'a {type(self).__name__} does not change: {name}')

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Row[V]], tuple[dict[str, V]]]:
        return type(self), (self._values,)

    def __repr__(self) -> str:
        values = ', '.join(f'{name}={value!r}' for name, value in self.items())
        return f'{type(self).__name__}({values})'
