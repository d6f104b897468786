"""What a network may cost: an interval on each column, and how far a network is beyond them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from scalenas.arch.strict import is_number
from scalenas.errors import UserError, did_you_mean

from .cost import Cost, Row


@dataclass(frozen=True, slots=True)
class Percent:
    """A bound in percent of the largest network of a space, such as `'60%'`.

    Raises:
        UserError: for what is no text of this kind, or below 0.
    """

    value: float

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """From `'60%'`."""
        try:
            value = float(text.removesuffix('%'))
        except ValueError:
            value = -1.0
        if not text.endswith('%') or not is_number(value) or value < 0:
            raise UserError(where=where, got=text, allowed="a number >= 0, or percent as '60%'")
        return cls(value)

    def __format__(self, _: str) -> str:
        return f'{self.value:g}%'


Bound = float | Percent | None
"""None: no bound."""

Interval = tuple[Bound, Bound]
"""Least and most that a column may be."""

NONE: Interval = (None, None)

WHERE = 'budget'


class Budget(Row[Interval]):
    """Column -> interval: `Budget(macs=(None, 300e9), ms=(None, 12))`; immutable.

    Values are those of one image at the counter's input size, or `'60%'` of those of the largest
    network of a space, which `of` makes numbers. Columns without any bound are left
    out, so `Budget(macs=(None, None)) == Budget()`.

    Raises:
        UserError: for a bound below zero, or a lower one above the upper one.
    """

    __slots__ = ()

    def __init__(self, values: Mapping[str, Interval] | None = None, /, **columns: Interval):
        bounds = {name: _interval(name, v) for name, v in {**(values or {}), **columns}.items()}
        super().__init__({name: v for name, v in bounds.items() if v != NONE})

    @classmethod
    def from_dict(cls, data: object, columns: Iterable[str], where: str = WHERE) -> Self:
        """From plain data, `None` for no bounds; `columns` are those that there are.

        Raises:
            UserError: for another column, or what is no interval.
        """
        if data is None:
            return cls()
        if not isinstance(data, Mapping):
            raise UserError(
                where=where, got=data, allowed='intervals by column, as dict(macs=(None, 300e9))'
            )
        _check_columns(data, tuple(columns), where)
        return cls(data)

    @classmethod
    def between(
        cls, least: Mapping[str, Any] | None = None, most: Mapping[str, Any] | None = None
    ) -> Self:
        """From lower bounds and from upper ones."""
        lower, upper = least or {}, most or {}
        return cls({name: (lower.get(name), upper.get(name)) for name in (*upper, *lower)})

    def check_columns(self, columns: Iterable[str], where: str = WHERE) -> None:
        """Pass when every bound is on one of these columns.

        Raises:
            UserError: names the first that is on none.
        """
        _check_columns(self, tuple(columns), where)

    def of(self, largest: Callable[[], Cost]) -> Budget:
        """With numbers for percentages of the largest network, whose cost `largest()` is.

        Raises:
            UserError: for a column that it has not.
        """
        if not any(isinstance(bound, Percent) for pair in self.values() for bound in pair):
            return self
        cost = largest()
        self.check_columns(cost)

        def number(bound: Bound, name: str) -> Bound:
            return bound.value / 100 * cost[name] if isinstance(bound, Percent) else bound

        pairs = ((name, *interval) for name, interval in self.items())
        return Budget({name: (number(a, name), number(b, name)) for name, a, b in pairs})

    def to_dict(self) -> dict[str, list[float | str | None]]:
        """Plain data, of which `from_dict` makes the same again."""
        return {
            name: [f'{b}' if isinstance(b, Percent) else b for b in interval]
            for name, interval in self.items()
        }

    def least(self, name: str) -> float | None:
        """The lower bound on a column, if there is one; a number."""
        return self._number(name, 0)

    def most(self, name: str) -> float | None:
        """The upper bound on a column, if there is one; a number."""
        return self._number(name, 1)

    def _number(self, name: str, end: int) -> float | None:
        bound = self.get(name, NONE)[end]
        if isinstance(bound, Percent):
            raise UserError(
                'is a percentage of the largest network of a space, and here is none',
                where=f'{WHERE}.{name}',
                got=f'{bound}',
                hint='give a number',
            )
        return bound

    def __or__(self, other: Budget) -> Budget:
        """These bounds, and in their place those that the other has."""
        both = {}
        for name in (*self, *other):
            pairs = zip(self.get(name, NONE), other.get(name, NONE), strict=True)
            least, most = (mine if theirs is None else theirs for mine, theirs in pairs)
            both[name] = least, most
        return Budget(both)

    def violation(self, cost: Cost) -> float:
        """0.0 inside the bounds, else the largest relative excess over a bound."""
        worst = 0.0
        for name in self:
            least, most = self.least(name), self.most(name)
            if name not in cost:
                raise UserError('is no column', where=WHERE, got=name, allowed=tuple(cost))
            value = cost[name]
            if value != value:  # NaN is within no bounds
                return float('inf')
            if most is not None and value > most:
                worst = max(worst, (value - most) / most if most else float('inf'))
            if least is not None and value < least:
                worst = max(worst, (least - value) / least)
        return worst

    def allows(self, cost: Cost) -> bool:
        """True inside all bounds."""
        return self.violation(cost) == 0.0

    def __str__(self) -> str:
        bounds = []
        for name, (least, most) in self.items():
            bounds += [f'{name} <= {most:g}'] if most is not None else []
            bounds += [f'{name} >= {least:g}'] if least is not None else []
        return ', '.join(bounds) or 'no bounds'


def _interval(name: str, data: object) -> Interval:
    where = f'{WHERE}.{name}'
    if not isinstance(data, list | tuple) or len(data) != 2:
        raise UserError(
            where=where,
            got=data,
            allowed='(least, most), None for no bound',
            hint=f'{name}=(None, 1e9)',
        )
    least, most = (Percent.parse(b, where) if isinstance(b, str) else b for b in data)
    for bound in (least, most):
        if isinstance(bound, Percent) or bound is None:
            continue
        if not is_number(bound) or bound < 0:
            raise UserError(where=where, got=bound, allowed='a finite number >= 0')
    if type(least) is Percent is type(most):
        ordered = least.value <= most.value
    elif isinstance(least, Percent) or isinstance(most, Percent):
        ordered = True  # nobody knows yet
    else:
        ordered = least is None or most is None or least <= most
    if not ordered:
        raise UserError(where=where, got=data, allowed='least <= most')
    return least, most


def _check_columns(names: Iterable[object], known: Sequence[str], where: str) -> None:
    for name in names:
        if name in known:
            continue
        end, _, column = str(name).partition('_')
        interval = {'max': '(None, most)', 'min': '(least, None)'}.get(end)
        # Of two letters anything is near.
        hint = did_you_mean(name, known) if len(str(name)) > 2 else ''
        hint = hint or 'a column that is measured, such as ms, is named in search.columns'
        if interval and column in known:
            hint = f'write {where}=dict({column}={interval})'
        raise UserError('is no column', where=where, got=name, allowed=known, hint=hint)
