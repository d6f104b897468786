"""What a network may cost: bounds, and how far a network is beyond them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from scalenas.arch.strict import is_number
from scalenas.errors import UserError

from .cost import Cost


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds on a cost, each optional; macs and acts of one image at the counter's input size.

    Raises:
        UserError: for a bound below zero, or a lower bound above its upper one.
    """

    max_macs: float | None = None
    max_params: float | None = None
    max_acts: float | None = None
    min_macs: float | None = None
    min_params: float | None = None
    min_acts: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            bound = getattr(self, field.name)
            if bound is None:
                continue
            if not is_number(bound) or bound < 0:
                raise UserError(
                    where=f'budget.{field.name}', got=bound, allowed='a finite number >= 0'
                )
        for what in ('macs', 'params', 'acts'):
            least, most = getattr(self, f'min_{what}'), getattr(self, f'max_{what}')
            if least is not None and most is not None and least > most:
                raise UserError(
                    where=f'budget.min_{what}', got=least, allowed=f'at most max_{what}, {most:g}'
                )

    def violation(self, cost: Cost) -> float:
        """0.0 inside the bounds, else the largest relative excess over a bound."""
        worst = 0.0
        for what in ('macs', 'params', 'acts'):
            value = cost[what]
            most, least = getattr(self, f'max_{what}'), getattr(self, f'min_{what}')
            if most is not None and value > most:
                worst = max(worst, (value - most) / most if most else float('inf'))
            if least is not None and value < least:
                worst = max(worst, (least - value) / least)
        return worst

    def allows(self, cost: Cost) -> bool:
        """True inside all bounds."""
        return self.violation(cost) == 0.0

    def __str__(self) -> str:
        bounds = [
            f'{field.name}={getattr(self, field.name):g}'
            for field in fields(self)
            if getattr(self, field.name) is not None
        ]
        return ', '.join(bounds) or 'no bounds'
