"""Cost of a network: a row of numbers, one per column, exact integers where it is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NoReturn, Self, TypeVar

from scalenas.arch.strict import as_int, as_mapping, is_number
from scalenas.errors import UserError

from .columns import COLUMNS, PYCLS, Rule, column_of

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


class Cost(Row[float]):
    """Column -> value of one network and one image: `cost['macs']`, `dict(cost)`; immutable.

    `Cost()` has no column: `a + Cost() == a`. Costs are added column by column, each as its column
    combines; a column that only one of them has stays as it is. Differences have those columns
    only that are sums: from the larger of two values neither can be had back.

    Raises:
        KeyError: where a column is read that was not counted.
    """

    __slots__ = ()

    @classmethod
    def from_dict(cls, data: object, where: str) -> Self:
        """From plain data, as `dict(cost)` is: all columns that are counted, others if measured.

        Raises:
            UserError: when one is missing, or is not a finite number >= 0; a whole one if counted.
        """
        names = tuple(data) if isinstance(data, Mapping) else ()
        table = as_mapping(data, where, tuple(COLUMNS), tuple(map(str, names)))
        for name, value in table.items():
            if name in COLUMNS:
                as_int(value, f'{where}.{name}', 0)
            elif not is_number(value) or value < 0:
                raise UserError(where=f'{where}.{name}', got=value, allowed='a finite number >= 0')
        return cls({**{name: table[name] for name in COLUMNS}, **table})

    def __add__(self, other: Cost) -> Cost:
        both = {**self._values, **other._values}
        for name in self._values.keys() & other._values.keys():
            both[name] = column_of(name).combine((self._values[name], other._values[name]))
        return Cost(both)

    def __sub__(self, other: Cost) -> Cost:
        names = dict.fromkeys((*self._values, *other._values))
        return Cost(
            {
                name: self._values.get(name, 0) - other._values.get(name, 0)
                for name in names
                if column_of(name).combine is sum
            }
        )

    def gmacs(self, rule: Rule = PYCLS) -> float:
        """MACs in the rule's unit."""
        return self['macs'] / rule.giga

    def __str__(self) -> str:
        return ', '.join(column_of(name).text(value) for name, value in self.items())
