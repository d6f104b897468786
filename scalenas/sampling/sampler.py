"""What to train next: an iteration number in, the archs of that step out."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import Generic, TypeVar, final

from scalenas.arch import Arch
from scalenas.arch.strict import is_int
from scalenas.errors import UserError
from scalenas.space import AbstractSpace

A = TypeVar('A', bound=Arch)
MOST_SEED = 2**63 - 1


class SamplerError(UserError):
    """A sampler that cannot be: the message is one line for the user."""


class AbstractSampler(ABC, Generic[A]):
    """Archs per iteration, as a pure function of (seed, iteration).

    Nothing is counted and no shared generator is touched: all ranks, and a run resumed at any
    iteration, draw the same archs.
    """

    largest_first: bool = False
    """True when every step trains the largest net, and trains it first."""

    def __init__(self, space: AbstractSpace[A], seed: int = 0) -> None:
        if not is_int(seed) or not -MOST_SEED <= seed <= MOST_SEED:
            raise SamplerError(where='sampler.seed', got=seed, allowed='a whole number')
        self.space = space
        self.seed = seed

    @abstractmethod
    def _draw(self, iteration: int, rng: random.Random) -> tuple[A, ...]:
        """The archs of a step, drawn with its private generator."""

    @final
    def archs(self, iteration: int) -> tuple[A, ...]:
        """The archs to train at `iteration` (0, 1, ...), in order; at least one."""
        assert iteration >= 0, iteration
        return self._draw(iteration, random.Random(f'{self.seed}/{iteration}'))
