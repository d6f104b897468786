"""What a network may cost: an interval on each column, and how far a network is beyond them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from scalenas.arch.strict import is_number
from scalenas.errors import UserError, did_you_mean

from .cost import Cost, Row

Interval = tuple[float | None, float | None]
"""Least and most that a column may be; None: no bound."""

WHERE = 'budget'


class Budget(Row[Interval]):
    """Column -> interval: `Budget(macs=(None, 300e9), ms=(None, 12))`; immutable.

    Values are those of one image at the counter's input size. Columns without any bound are left
    out, so `Budget(macs=(None, None)) == Budget()`.

    Raises:
        UserError: for a bound below zero, or a lower one above the upper one.
    """

    __slots__ = ()

    def __init__(self, values: Mapping[str, Interval] | None = None, /, **columns: Interval):
        bounds = {name: _interval(name, v) for name, v in {**(values or {}), **columns}.items()}
        super().__init__({name: v for name, v in bounds.items() if v != (None, None)})

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
        cls, least: Mapping[str, float] | None = None, most: Mapping[str, float] | None = None
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

    def least(self, name: str) -> float | None:
        """The lower bound on a column, if there is one."""
        return self[name][0] if name in self else None

    def most(self, name: str) -> float | None:
        """The upper bound on a column, if there is one."""
        return self[name][1] if name in self else None

    def __or__(self, other: Budget) -> Budget:
        """These bounds, and in their place those that the other has."""
        both = {}
        for name in (*self, *other):
            least, most = other.least(name), other.most(name)
            both[name] = (
                self.least(name) if least is None else least,
                self.most(name) if most is None else most,
            )
        return Budget(both)

    def violation(self, cost: Cost) -> float:
        """0.0 inside the bounds, else the largest relative excess over a bound."""
        worst = 0.0
        for name, (least, most) in self.items():
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
    least, most = data
    for bound in (least, most):
        if bound is not None and (not is_number(bound) or bound < 0):
            raise UserError(where=where, got=bound, allowed='a finite number >= 0')
    if least is not None and most is not None and least > most:
        raise UserError(where=where, got=(least, most), allowed='least <= most')
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
