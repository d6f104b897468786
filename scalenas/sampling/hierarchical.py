"""Hierarchical sampling: first a scaling stage, then one of its scalings, and a base network."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeVar

from scalenas.arch import Arch
from scalenas.arch.strict import is_number
from scalenas.errors import did_you_mean, one_of
from scalenas.space import FACTORS, ScaledSpace, Weights

from .sampler import AbstractSampler, SamplerError

A = TypeVar('A', bound=Arch)
ETAS = ('equal', 'size', 'released')


class HierarchicalSampler(AbstractSampler[A]):
    """HSS: one path a step, of stage j with probability eta_j; base and scaling are drawn evenly.

    `eta` is 'equal'; 'size', in proportion to the number of scalings of each stage; 'released', in
    proportion to its number of widths, as in the authors' code; or one weight per stage. The
    uniform sampling beside it in the paper, where any depth meets any width and resolution, is
    `dict(type='uniform')` over `space.merged()`.

    Source: ScaleNet (Xie et al. 2022), section 3.2, equations 1 and 2.

    Raises:
        SamplerError: for a space that is not scaled, or weights that are none.
    """

    def __init__(
        self, space: ScaledSpace[A], seed: int = 0, eta: str | Sequence[float] = 'equal'
    ) -> None:
        super().__init__(space, seed)
        if not isinstance(space, ScaledSpace):
            raise SamplerError(
                where="space of 'hierarchical'", got=type(space).__name__, allowed='a scaled space'
            )
        self.eta = _weights(eta, space)
        """Probability of each scaling stage of the space, in order."""
        self._weights: Weights = {'scale.stage': self.eta}

    def _draw(self, iteration: int, rng: Any) -> tuple[A, ...]:
        return (self.space.sample(rng, self._weights),)


def parse_eta(text: str) -> str | list[float]:
    """An `eta` as a word, or as the weights of a text such as `1,4,5,7`.

    Raises:
        SamplerError: for weights that are no numbers.
    """
    if ',' not in text:
        return text
    try:
        return [float(word) for word in text.split(',')]
    except ValueError:
        raise SamplerError(where='--eta', got=text, allowed='numbers such as 1,4,5,7') from None


def _weights(eta: str | Sequence[float], space: ScaledSpace[Any]) -> tuple[float, ...]:
    stages = [int(stage) for stage in space.genes['scale.stage'].values]
    if isinstance(eta, str):
        if eta not in ETAS:
            raise SamplerError(
                where='sampler.eta',
                got=eta,
                allowed=f'{one_of(ETAS)}, or a weight per stage',
                hint=did_you_mean(eta, ETAS),
            )
        counts = [
            {name: len(space.genes[f'scale.s{j}.{name}'].values) for name in FACTORS}
            for j in stages
        ]
        weights = {
            'equal': [1.0 for _ in counts],
            'size': [float(prod(count.values())) for count in counts],
            'released': [float(count['width']) for count in counts],
        }[eta]
    else:
        weights = _numbers(eta, len(stages))
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _numbers(eta: Any, count: int) -> list[float]:
    values = list(eta) if isinstance(eta, Sequence) else [eta]
    numbers = all(is_number(v) and v >= 0 for v in values)
    if len(values) != count or not numbers or not sum(values) > 0:
        allowed = f'{count} weights >= 0, one per stage, not all 0'
        raise SamplerError(where='sampler.eta', got=eta, allowed=allowed)
    return [float(value) for value in values]
