"""The one counter, every column over the layer plan, and the columns that are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from operator import mul
from typing import Any, Protocol, runtime_checkable

from scalenas.arch import Arch, Feature, Head, Layer, Size, Unit
from scalenas.arch.layer import Kit
from scalenas.arch.strict import as_size, is_number, sizeless
from scalenas.errors import UserError, foreign

from .columns import COLUMNS, Column
from .cost import Cost


def layer_cost(layer: Layer) -> Cost:
    """Cost of one layer with its bias and batch norm."""
    return Cost({name: column.of_layer(layer) for name, column in COLUMNS.items()})


def count(layers: Iterable[Layer]) -> Cost:
    """Cost of a flat layer plan, in every column."""
    plan = list(layers)
    return Cost(
        {name: column.combine(map(column.of_layer, plan)) for name, column in COLUMNS.items()}
    )


class Counter:
    """Cost of whole networks, each distinct unit counted once in the counter's life.

    `counter(arch)` equals `count(arch.layers(size)) + count(head.layers(...))`, some hundred
    times faster once its units are known. `rest` is a constant added to each network: whatever
    stands on the backbone and does not depend on it. Without a `size`, each network counts at its
    own (`arch.size`). Columns are those of the table when the counter was made.
    """

    def __init__(
        self, size: Size | None = None, head: Head | None = None, rest: Cost | None = None
    ) -> None:
        self.size = None if size is None else as_size(size, 'size')
        self.head = head
        self._columns = tuple(COLUMNS.values())
        self._names = tuple(column.name for column in self._columns)
        self._sums = all(column.combine is sum for column in self._columns)
        given = rest or Cost()
        self._rest = tuple(given.get(c.name, c.combine(())) for c in self._columns)
        self._memo = _Memo(self._columns)
        self._kits: dict[Kit, tuple[tuple[float, ...], ...]] = {}
        self._on_top: dict[tuple[Feature, ...], tuple[float, ...]] = {}

    def __call__(self, arch: Arch) -> Cost:
        """Cost of one network at the counter's input size, or else its own.

        Raises:
            UserError: when neither has an input size.
        """
        size = self.size or arch.size
        if size is None:
            raise sizeless(arch.family, 'size', UserError)
        parts = [self._rest if self.head is None else self._above(self.head, arch, size)]
        tally = getattr(arch, 'tally', None)
        if tally is not None and self._sums:
            for kit, counts in tally(size):
                rows = self._kits.get(kit) or self._values(kit)
                parts.append(tuple([sum(map(mul, row, counts)) for row in rows]))
        else:
            memo = self._memo
            parts += [memo[unit] for _, unit in arch.units(size)]
        return Cost(dict(zip(self._names, self._combined(parts), strict=True)))

    def _combined(self, parts: Sequence[tuple[float, ...]]) -> Iterable[float]:
        values = zip(*parts, strict=True)
        if self._sums:
            return map(sum, values)
        return [column.combine(v) for column, v in zip(self._columns, values, strict=True)]

    def _above(self, head: Head, arch: Arch, size: Size) -> tuple[float, ...]:
        """The rest and the head on a backbone: counted once for equal features."""
        features = tuple(arch.features(size))
        values = self._on_top.get(features)
        if values is None:
            parts = self._rest, self._memo.count(head.layers(features))
            values = self._on_top[features] = tuple(self._combined(parts))
        return values

    def _values(self, kit: Kit) -> tuple[tuple[float, ...], ...]:
        """The values of a kit's units, column by column; kept."""
        if len(self._kits) >= MOST_KITS:
            self._kits.clear()
        rows = zip(*[self._memo[unit] for unit in kit.units], strict=True)
        values = self._kits[kit] = tuple(rows)
        return values


MOST_UNITS = 2**18
MOST_KITS = 2**14


class _Memo(dict[Unit, tuple[float, ...]]):
    """Unit -> its value in every column, counted when it is first asked for."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = columns

    def __missing__(self, unit: Unit) -> tuple[float, ...]:
        if len(self) >= MOST_UNITS:
            self.clear()
        values = self.count(unit.layers())
        self[unit] = values
        return values

    def count(self, plan: Iterable[Layer]) -> tuple[float, ...]:
        """The value of a layer plan in every column."""
        layers = tuple(plan)
        return tuple(column.combine(map(column.of_layer, layers)) for column in self._columns)


Measure = Callable[[Any, Size], float]
"""A number >= 0 of a network and its input size, less is better; the same whenever it is asked."""


@runtime_checkable
class Estimate(Protocol):
    """A measure that is computed from numbers somebody measured before, and times nothing."""

    def __call__(self, arch: Any, size: Size) -> float:
        """The estimate."""
        ...

    def settings(self) -> dict[str, object]:
        """The numbers it is made of, or their fingerprint: with others it is another column."""
        ...


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
        try:
            value = self._columns[name](arch, size)
        except UserError:
            raise
        except Exception as error:  # anybody's code
            raise UserError(
                foreign(error),
                where=f'column {name}',
                hint='it is called with an arch and the size (height, width) of its input',
            ) from error
        if isinstance(value, Real) and not isinstance(value, bool | int):
            value = float(value)  # NumPy's numbers too
        if not is_number(value) or value < 0:
            raise UserError(
                f'of {arch.summary}', where=f'column {name}', got=value, allowed='a number >= 0'
            )
        return value
