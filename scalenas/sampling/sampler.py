"""What to train next: an iteration number in, the archs of that step out."""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, final

from scalenas.arch import Arch
from scalenas.arch.strict import as_flag, as_int, as_list, is_int, need_one
from scalenas.errors import UserError
from scalenas.space import AbstractSpace, Group, arch_of, depths_of, group_of

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


MOST_GROUPS = 100  # of depths, and of percentages
SHARES = (0.2, 0.5, 0.8)
ALL = (1.0,)  # one group for every pair of depths: there are no fusions to have a share of


class GroupedSampler(AbstractSampler[A]):
    """Depth pairs x fusion percentages, visited in a cycle; one random arch of the group a step.

    By default the depths are all pairs of neighbours, e.g. (2, 3), (3, 4), (4, 5), the fusions 0.2,
    0.5 and 0.8, and the cycle has 9 steps. Step g of it has fusion g // 3 and depths g % 3. Any
    space with genes of depth has groups; without switches of fusions, by depths alone.

    With `released` the cycle is the one of the authors' code, 11 steps: first a small net (the
    least depth, fusions on with probability `smallest_fusion`), then the nine groups in their
    order, last the largest net. `smallest_fusion` is 0.1 there for segmentation and 0 for pose.
    The authors restart the cycle in every epoch; here it runs on over the iterations.

    Source: ScaleNAS (Cheng et al. 2020), section 3.4.

    Raises:
        SamplerError: for empty groups, or an argument that has no effect.
        ArchError: for depths or fusions that are no lists.
        SpaceError: for depths that the space does not have, or a percentage outside 0 and 1.
    """

    def __init__(
        self,
        space: AbstractSpace[A],
        seed: int = 0,
        depths: Sequence[Sequence[int]] | None = None,
        fusions: Sequence[float] | None = None,
        released: bool = False,
        smallest_fusion: float | None = None,
    ) -> None:
        super().__init__(space, seed)
        own = depths_of(space)
        if not own:
            raise SamplerError(
                where='sampler.type',
                got='grouped',
                allowed='another sampler for a space without genes of depth',
            )
        if not space.role('fusion'):
            for name, value in (('fusions', fusions), ('smallest_fusion', smallest_fusion)):
                if value is not None:
                    raise SamplerError(
                        where=f'sampler.{name}',
                        got=value,
                        allowed='nothing, for the space has no switches of fusions',
                    )
            fusions = ALL
        fusions = SHARES if fusions is None else fusions
        if smallest_fusion is not None and not released:
            raise SamplerError(
                where='sampler.smallest_fusion',
                got=smallest_fusion,
                allowed='nothing, for only released=True reads it',
            )
        as_flag(released, 'sampler.released')
        if depths is None:
            depths = list(itertools.pairwise(own)) or [own]
        for pair in as_list(depths, 'sampler.depths', 'lists of depths', MOST_GROUPS):
            as_list(pair, 'sampler.depths', 'lists of depths, such as [[2, 3], [3, 4]]')
        as_list(fusions, 'sampler.fusions', 'percentages, such as [0.2, 0.5, 0.8]', MOST_GROUPS)
        need_one(depths, 'sampler.depths', 'list of depths')
        need_one(fusions, 'sampler.fusions', 'percentage')
        nine = [group_of(space, d, f) for f in fusions for d in depths]
        self.cycle: tuple[Group[A], ...] = tuple(nine)
        """The groups in the order of their visits."""
        if released:
            small = group_of(space, own[:1], 0.1 if smallest_fusion is None else smallest_fusion)
            large = group_of(space, own[-1:], 1.0)
            middle = [nine[step % len(nine)] for step in range(1, len(nine) + 1)]
            self.cycle = (small, *middle, large)

    def _draw(self, iteration: int, rng: random.Random) -> tuple[A, ...]:
        return (self.cycle[iteration % len(self.cycle)].sample(rng),)
