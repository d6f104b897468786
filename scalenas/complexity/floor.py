"""The floor rule of ScaleNet's authors: odd maps halve downwards in their tables.

The network itself rounds up (a convolution with 'same' padding), so at an odd map size their macs
are 7 to 12% below what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from scalenas.arch import Layer, Size, out_size

from .cost import Cost
from .count import count


def floored(plan: Iterable[Layer], size: Size) -> Iterator[Layer]:
    """The plan with every output map at floor(size / stride), for costing only.

    Source: ScaleNet (Xie et al. 2022), the released counter.
    """
    maps: dict[Size, Size] = {(1, 1): (1, 1)}
    stride = 1
    while (at := out_size(size, stride)) != (1, 1):
        maps[at] = max(1, size[0] // stride), max(1, size[1] // stride)
        stride *= 2
    for layer in plan:
        yield replace(layer, size=maps[layer.size_out], stride=1)


def count_floored(plan: Iterable[Layer], size: Size) -> Cost:
    """Cost of a plan for an input of `size` as the authors of ScaleNet count it."""
    return count(floored(plan, size))
