"""Residual blocks as hashable values that list their layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .layer import Layer, Size

EXPANSION = 4  # a bottleneck ends in four times its inner channels


class Bottleneck(NamedTuple):
    """1x1, 3x3, 1x1 to four times the inner channels, with a projection where shapes change."""

    c_in: int
    inner: int
    size: Size
    project: bool

    def layers(self) -> tuple[Layer, ...]:
        """Three convolutions, and the projection."""
        c_out = EXPANSION * self.inner
        plain = (
            Layer('conv1', self.c_in, self.inner, 1, self.size),
            Layer('conv2', self.inner, self.inner, 3, self.size),
            Layer('conv3', self.inner, c_out, 1, self.size),
        )
        return (
            (*plain, Layer('downsample.0', self.c_in, c_out, 1, self.size))
            if self.project
            else plain
        )


@dataclass(frozen=True, slots=True, eq=False)
class BasicBlock:
    """Two 3x3 convolutions with an identity skip."""

    channels: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """conv1 and conv2."""
        c = self.channels
        return (Layer('conv1', c, c, 3, self.size), Layer('conv2', c, c, 3, self.size))
