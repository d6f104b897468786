"""What to train next: an iteration number in, the archs of that step out."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, final

from scalenas.arch import Arch
from scalenas.arch.strict import as_int, is_int
from scalenas.errors import UserError
from scalenas.space import AbstractSpace, arch_of

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


MOST_RANDOM = 1_000


class UniformSampler(AbstractSampler[A]):
    """One arch a step, every active gene drawn evenly.

    Source: SPOS (Guo et al. 2020).
    """

    def _draw(self, iteration: int, rng: random.Random) -> tuple[A, ...]:
        return (self.space.sample(rng),)


class SandwichSampler(AbstractSampler[A]):
    """The largest, the smallest, then `num_random` random archs in every step.

    Source: BigNAS (Yu et al. 2020), section 3.1.
    """

    largest_first = True

    def __init__(self, space: AbstractSpace[A], seed: int = 0, num_random: int = 2) -> None:
        super().__init__(space, seed)
        self.num_random = as_int(num_random, 'sampler.num_random', 0, MOST_RANDOM)
        self._ends = (space.largest(), space.smallest())

    def _draw(self, iteration: int, rng: random.Random) -> tuple[A, ...]:
        return (*self._ends, *(self.space.sample(rng) for _ in range(self.num_random)))


class FixedSampler(AbstractSampler[A]):
    """The same arch in every step: how a teacher is trained, as the supernet's largest net.

    `arch` is 'largest', 'smallest', a zoo name, the path of a YAML file, plain data or an arch.

    Raises:
        SpaceError: when the arch is not in the space.
    """

    def __init__(
        self,
        space: AbstractSpace[A],
        seed: int = 0,
        arch: str | Mapping[str, Any] | A = 'largest',
    ) -> None:
        super().__init__(space, seed)
        self.arch = arch_of(arch, space)
        self.largest_first = self.arch == space.largest()

    def _draw(self, iteration: int, rng: random.Random) -> tuple[A, ...]:
        return (self.arch,)
