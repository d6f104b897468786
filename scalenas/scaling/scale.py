"""Growing a network by factors, with what rounding did to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from scalenas.arch import Arch, Rounding, Scaling, Size

A = TypeVar('A', bound=Arch)


@dataclass(frozen=True, slots=True)
class Scaled(Generic[A]):
    """A grown network, the input size that goes with it, and the factors asked for and reached.

    `reached` is measured over the whole network: blocks, sum of stage widths, image height, sum
    of group widths, each over that of the base. `size` is None where none was known.
    """

    arch: A
    size: Size | None
    asked: Scaling
    reached: Scaling
    rounding: Rounding


def scale(arch: A, scaling: Scaling, rounding: Rounding, size: Size | None = None) -> Scaled[A]:
    """The network grown by `scaling`.

    For a family without a resolution of its own (HRNet-style), `size` is the base's input size,
    and the scaled one stands beside the arch. Otherwise the arch's own counts, and `size` must be
    None or equal to it.
    """
    base = arch.size or size
    grown = arch.scaled(scaling, rounding)
    new = grown.size
    if new is None and base is not None:
        height, width = (rounding.resolution(side * scaling.resolution) for side in base)
        new = height, width
    before, after = arch.extent, grown.extent
    reached = Scaling(
        depth=after.blocks / before.blocks,
        width=after.channels / before.channels,
        resolution=new[0] / base[0] if new is not None and base is not None else 1.0,
        group=after.group_width / before.group_width,
    )
    return Scaled(grown, new, scaling, reached, rounding)
