"""Cost of a network: a number in each column, exact integers where it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from scalenas.arch.strict import as_int, as_mapping, is_number
from scalenas.errors import UserError

from .columns import COLUMNS, PYCLS, Rule, column_of
from .row import Row


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
        """Multiply-adds in the rule's unit."""
        return self['macs'] / rule.giga

    def __str__(self) -> str:
        return ', '.join(column_of(name).text(value) for name, value in self.items())
