"""Networks that are a chain of steps: a stem, stages, and perhaps a last 1x1 convolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul
from typing import Any, Protocol, Self, TypeVar

from .layer import Size, Unit


class Stage(Protocol):
    """One stage of such a network."""

    @property
    def width(self) -> int:
        """Channels of its map."""
        ...

    @property
    def stride(self) -> int:
        """Of its first block."""
        ...


class StagedArch(Protocol):
    """An arch of such a network."""

    @property
    def stem(self) -> int:
        """Channels of the stem's map."""
        ...

    @property
    def stem_stride(self) -> int:
        """Image side over the side of the stem's map."""
        ...

    @property
    def stages(self) -> Sequence[Stage]:
        """Its stages, in order."""
        ...

    @property
    def conv_out(self) -> int | None:
        """Channels of the last 1x1 convolution; None where there is none."""
        ...

    @property
    def resolution(self) -> int:
        """Side of the images that the network is made for."""
        ...

    @property
    def size(self) -> Size:
        """Height and width of these images."""
        ...

    @property
    def num_blocks(self) -> int:
        """Blocks over all stages."""
        ...

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        """Name and value of every unit that runs, in order."""
        ...

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        ...


S = TypeVar('S', bound=StagedArch)


def step_maps(arch: StagedArch) -> tuple[tuple[int, int], ...]:
    """Channels and stride of the map of every step: stem, stages, the last convolution."""
    steps = [
        (arch.stem, arch.stem_stride),
        *((stage.width, stage.stride) for stage in arch.stages),
    ]
    if arch.conv_out is not None:
        steps.append((arch.conv_out, 1))
    widths, strides = zip(*steps, strict=True)
    return tuple(zip(widths, accumulate(strides, mul), strict=True))


def without_end(arch: S) -> S:
    """The network without its last convolution, which is made for a classifier's pooling.

    It would widen the coarsest map of a dense head several times, or, unread, never be trained.
    """
    return arch if arch.conv_out is None else arch.with_(conv_out=None)


def dense_maps(arch: StagedArch) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Arguments of the static net that give the last map at each stride from 4 on; its channels."""
    last: dict[int, tuple[int, int]] = {}
    for step, (channels, stride) in enumerate(step_maps(without_end(arch))):
        if step:  # no head reads the stem
            last[stride] = step, channels
    ends = [pair for stride, pair in last.items() if stride >= 4]
    return {'out_indices': tuple(step for step, _ in ends)}, tuple(c for _, c in ends)
