"""The columns of a cost: what is counted, of which layer how much, and how it is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Layer

Combine = Callable[[Iterable[Any]], Any]
"""Makes one value of those of several layers."""

Scale = tuple[tuple[int, str], ...]
"""(divisor, prefix) of the units in which values read well, the largest first."""


def largest(values: Iterable[int]) -> int:
    """The largest of them, 0 of none: how what is needed at the same time combines."""
    return max(values, default=0)


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of cost: a number of each layer, and how those of a whole network combine.

    Args:
        name: in budgets, objectives, tables and on the command line.
        of_layer: the value of one layer for one image. A network's is the `combine` of the
            values of its layers, however they are grouped into units.
        unit: of measure, as it stands behind a number: '285.116 G macs'.
        label: the quantity in words, for the axes of drawings.
        scale: units in which values are printed, the largest first.
        combine: `sum`, or `largest` for what layers need one after another.
    """

    name: str
    of_layer: Callable[[Layer], int]
    unit: str
    label: str
    scale: Scale = ((1, ''),)
    combine: Combine = sum

    def scale_of(self, value: float) -> tuple[int, str]:
        """Divisor and prefix in which a value reads well, and those for smaller values."""
        return next((step for step in self.scale if value >= step[0]), self.scale[-1])

    @property
    def head(self) -> tuple[int, str]:
        """Divisor and heading of a column in a table of whole networks: 10**9 and 'G macs'."""
        divisor, prefix = self.scale[0]
        return divisor, f'{prefix} {self.unit}'.strip()

    def text(self, value: float) -> str:
        """A value with three decimals, its prefix and its unit."""
        divisor, prefix = self.scale_of(value)
        return ' '.join(part for part in (f'{value / divisor:.3f}', prefix, self.unit) if part)


def macs(layer: Layer) -> int:
    """MACs; of a transposed convolution those that its input positions ask for."""
    height, width = layer.size if layer.op == 'deconv' else layer.size_out
    return _weights(layer) * height * width * layer.times


def params(layer: Layer) -> int:
    """Weights, biases, and scales and shifts of batch norms."""
    if layer.reused:
        return 0
    return _weights(layer) + layer.bias * layer.c_out + layer.norm * 2 * layer.c_out


def acts(layer: Layer) -> int:
    """Output values of convolutions.

    Source: Radosavovic et al., "Designing Network Design Spaces" (2020), which calls the size of
    the output tensors of all convolutions a network's activations.
    """
    if layer.op == 'linear':
        return 0
    height, width = layer.size_out
    return layer.c_out * height * width * layer.times


def _weights(layer: Layer) -> int:
    return layer.c_in // layer.groups * layer.c_out * layer.kernel**2


GIGA: Scale = ((10**9, 'G'), (10**6, 'M'))
MEGA: Scale = ((10**6, 'M'),)

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column('macs', macs, 'macs', 'MACs', GIGA),
        Column('params', params, 'params', 'parameters', MEGA),
        Column('acts', acts, 'acts', 'activations', MEGA),
    )
}
"""Name -> column, in the order of tables. One more entry is counted, bounded, searched for and
printed everywhere."""

WHOLE_MODEL = ('macs', 'params', 'acts')
"""Columns that are also traced over neck and head; others are of the backbone's layers."""


def column_of(name: str) -> Column:
    """The column of this name; one that is measured and not counted prints as it is named."""
    return COLUMNS.get(name) or Column(name, _not_counted, name, name)


def _not_counted(layer: Layer) -> int:
    raise AssertionError(f'{layer.name}: this column is not a sum over layers')


@dataclass(frozen=True, slots=True)
class Rule:
    """How macs are printed: the unit that one 'G' stands for.

    Counting itself is the same everywhere: macs are multiply-accumulate operations of convolutions
    and linear layers, params are all weights of executed layers (biases and batch-norm scales and
    shifts among them), acts are output values of convolutions.
    """

    name: str
    giga: int = 10**9

    def unit(self, largest: float) -> tuple[int, str]:
        """Divisor and name of the unit in which macs up to `largest` read well: G, or M below it.

        Those of a binary rule are Gi and Mi: no number of one unit stands under the other's name.
        """
        if self.giga == 2**30:
            return (2**30, 'Gi') if largest >= 2**30 else (2**20, 'Mi')
        return (self.giga, 'G') if largest >= self.giga else (self.giga // 1000, 'M')

    def __str__(self) -> str:
        return self.name


PYCLS = Rule('pycls')
"""1 G = 1e9 MACs (Dollar et al. 2021; most tables)."""

SCALENAS = Rule('scalenas', giga=2**30)
"""1 Gi = 2**30 MACs: the tables of HRNet and ScaleNAS, there called GFLOPs.

Only where such a table is quoted; everything else here is decimal.
"""

RULES = {rule.name: rule for rule in (PYCLS, SCALENAS)}
"""Every rule by its name."""
