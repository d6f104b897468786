"""Samplers without groups: uniform, sandwich, and always the same net."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from scalenas.arch.strict import as_int
from scalenas.space import AbstractSpace, arch_of

from .sampler import A, AbstractSampler

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
