"""Counting rules: the few points in which published tables differ, each with a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """How macs are printed: the unit that one 'G' stands for.

    Counting itself is the same everywhere: macs are multiply-adds of convolutions and linear
    layers, params are all weights of executed layers (biases and batch-norm scales and shifts
    among them), acts are output values of convolutions.
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
"""1 G = 1e9 multiply-adds (Dollar et al. 2021; most tables)."""

SCALENAS = Rule('scalenas', giga=2**30)
"""1 Gi = 2**30 multiply-adds: the tables of HRNet and ScaleNAS, there called GFLOPs.

Only where such a table is quoted; everything else here is decimal.
"""

RULES = {rule.name: rule for rule in (PYCLS, SCALENAS)}
"""Every rule by its name."""
