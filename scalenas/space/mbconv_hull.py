"""All that the MBConv networks of a space can have: what a supernet of them must hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from scalenas.arch import MBBlock, MBConvArch, Rounding, Scaling

from .gene import refusal
from .space import AbstractSpace


@dataclass(frozen=True, slots=True)
class StageHull:
    """The widths of a stage, the most blocks it has, and the choices of each of them."""

    widths: tuple[int, ...]
    depth: int
    blocks: tuple[MBBlock, ...]
    stride: int


@dataclass(frozen=True, slots=True)
class MBConvHull:
    """What each part can be, small to large; restrictions of a sub-space do not count.

    So the supernets of a space and of its sub-spaces have the same weights. `template` is any
    network of the space, for what is the same in all.
    """

    stages: tuple[StageHull, ...]
    stems: tuple[int, ...]
    conv_outs: tuple[int, ...]
    resolutions: tuple[int, ...]
    template: MBConvArch

    def merged(self, others: Iterable[MBConvHull]) -> MBConvHull:
        """All that this one or one of the others has."""
        hulls = (self, *others)
        return replace(
            self,
            stages=tuple(
                replace(
                    stage,
                    widths=_union(hull.stages[s].widths for hull in hulls),
                    depth=max(hull.stages[s].depth for hull in hulls),
                )
                for s, stage in enumerate(self.stages)
            ),
            stems=_union(hull.stems for hull in hulls),
            conv_outs=_union(hull.conv_outs for hull in hulls),
            resolutions=_union(hull.resolutions for hull in hulls),
        )

    def grown(self, scaling: Scaling, rounding: Rounding) -> MBConvHull:
        """All that the networks have once they are scaled."""

        def widths(values: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(rounding.width(c * scaling.width) for c in values)

        return replace(
            self,
            stages=tuple(
                replace(s, widths=widths(s.widths), depth=rounding.depth(s.depth * scaling.depth))
                for s in self.stages
            ),
            stems=widths(self.stems) if rounding.stem else self.stems,
            conv_outs=widths(self.conv_outs) if rounding.head else self.conv_outs,
            resolutions=tuple(
                rounding.resolution(side * scaling.resolution) for side in self.resolutions
            ),
        )


def _union(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({value for row in rows for value in row}))


def hull_of(space: AbstractSpace[Any]) -> MBConvHull:
    """What a supernet of the MBConv networks of a space must hold.

    Raises:
        SpaceError: for a space of other networks.
    """
    hull = space.hull() if space.family.arch is MBConvArch else None
    if not isinstance(hull, MBConvHull):
        raise refusal('space', 'one of MBConv networks', space.family.name)
    return hull
