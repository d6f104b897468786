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

    def __str__(self) -> str:
        return self.name


PYCLS = Rule('pycls')
"""1 G = 1e9 multiply-adds (Dollar et al. 2021; most tables)."""

SCALENAS = Rule('scalenas', giga=2**30)
"""1 G = 2**30 multiply-adds: the tables of HRNet and ScaleNAS, there called GFLOPs."""

RULES = {rule.name: rule for rule in (PYCLS, SCALENAS)}
"""Every rule by its name."""
