"""Measured columns: functions of a whole network, beside what is counted layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scalenas.arch import Arch, Size
from scalenas.arch.strict import is_number
from scalenas.errors import UserError

from .cost import Cost

Measure = Callable[[Any, Size], float]
"""A number >= 0 of a network and its input size, less is better; the same whenever it is asked."""


class Measured:
    """A cost with more columns: `Measured(counter, {'ms': line}, size)(arch)['ms']`.

    Args:
        size: of the input; None for networks that have their own.
    """

    def __init__(
        self,
        cost: Callable[[Arch], Cost],
        columns: Mapping[str, Measure],
        size: Size | None = None,
    ) -> None:
        self._cost, self._columns, self._size = cost, dict(columns), size
        self._memo: dict[Arch, dict[str, float]] = {}

    def __call__(self, arch: Arch) -> Cost:
        """Cost of one network; each is measured once.

        Raises:
            UserError: when a column gives no finite number >= 0.
        """
        values = self._memo.get(arch)
        if values is None:
            values = self._memo[arch] = {n: self._value(n, arch) for n in self._columns}
        return Cost({**self._cost(arch), **values})

    def _value(self, name: str, arch: Arch) -> float:
        size = self._size or arch.size
        assert size is not None  # it was counted
        value = self._columns[name](arch, size)
        if not is_number(value) or value < 0:
            raise UserError(
                f'of {arch.summary}', where=f'column {name}', got=value, allowed='a number >= 0'
            )
        return value
