"""Groups of a space: sub-spaces by depth, in which fusions are on with one probability.

What a gene decides is its role, which its family says: so groups are the same for every space that
has depths, and its share of fusions where there are any.

Source: ScaleNAS (Cheng et al. 2020), section 3.4.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from scalenas.arch.strict import is_int

from .gene import refusal
from .space import A, AbstractSpace
from .together import Weights


@dataclass(frozen=True)
class Group(Generic[A]):
    """A distribution over archs: a sub-space, and weights for its genes' values."""

    space: AbstractSpace[A]
    weights: Weights

    def sample(self, rng: random.Random) -> A:
        """One arch of the group."""
        return self.space.sample(rng, self.weights)


def depths_of(space: AbstractSpace[A]) -> tuple[int, ...]:
    """The depths that any gene of that role has, small to large; () where there is none."""
    return tuple(sorted({d for values in _depth_genes(space).values() for d in values}))


def group_of(
    space: AbstractSpace[A], depth: Sequence[int] | None = None, fusion: float = 0.5
) -> Group[A]:
    """Depths from `depth` (None: all), each fusion on with probability `fusion`.

    A branch or stage that has none of these depths keeps what it has, and so does a fusion that a
    sub-space fixed.

    Raises:
        SpaceError: for a depth that no gene has, or a percentage outside 0 and 1.
    """
    number = isinstance(fusion, int | float) and not isinstance(fusion, bool)
    if not number or not 0.0 <= fusion <= 1.0:
        raise refusal('fusion', 'a share in 0 ... 1', fusion)
    part = space if depth is None else _of_depths(space, tuple(depth))
    switches = part.role('fusion')
    free = [name for name in switches if len(part.genes[name].values) > 1]
    # One pattern in the place of some hundred names: drawing looks every one of them up.
    every = [pattern for pattern in (part.pattern_of('fusion'),) if pattern is not None]
    patterns = every if len(free) == len(switches) else free
    return Group(part, dict.fromkeys(patterns if switches else (), (1.0 - fusion, fusion)))


def _depth_genes(space: AbstractSpace[A]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(int(value) for value in space.genes[name].values)
        for name in space.role('depth')
    }


def _of_depths(space: AbstractSpace[A], depth: tuple[int, ...]) -> AbstractSpace[A]:
    genes, pattern = _depth_genes(space), space.pattern_of('depth')
    known = {d for own in genes.values() for d in own}
    strange = not all(is_int(d) and d in known for d in depth)
    if pattern is not None and (strange or all(set(own) == known for own in genes.values())):
        return space.where(pattern, depth)
    for name, own in genes.items():
        if kept := tuple(d for d in own if d in depth):
            space = space.where(name, kept)
    return space
