"""Cost of a network: params, macs and activations, as exact integers."""

from __future__ import annotations

from dataclasses import dataclass

from .rule import PYCLS, Rule


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-adds, parameters and convolution outputs of one image."""

    macs: int = 0
    params: int = 0
    acts: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.params + other.params, self.acts + other.acts)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.macs - other.macs, self.params - other.params, self.acts - other.acts)

    def gmacs(self, rule: Rule = PYCLS) -> float:
        """Multiply-adds in the rule's unit."""
        return self.macs / rule.giga

    def to_dict(self) -> dict[str, int]:
        """Plain data."""
        return {'macs': self.macs, 'params': self.params, 'acts': self.acts}

    def __str__(self) -> str:
        divisor, unit = PYCLS.unit(self.macs)
        return (
            f'{self.macs / divisor:.3f} {unit} macs, {self.params / 1e6:.3f} M params, '
            f'{self.acts / 1e6:.3f} M acts'
        )
