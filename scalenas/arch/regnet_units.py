"""The building blocks of RegNet and ResNet, as hashable values that list their layers."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .layer import Layer, Size, out_size
from .mbconv_units import squeeze_layers


class RegStem(NamedTuple):
    """Stride-2 convolution; a ResNet stem (7x7) has 3x3 max pooling of stride 2 after it."""

    c_in: int
    c_out: int
    kernel: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """One convolution."""
        return (Layer('conv', self.c_in, self.c_out, self.kernel, self.size, stride=2),)


class RegBlock(NamedTuple):
    """1x1, 3x3 in groups [+ SE], 1x1; a 1x1 projection where shapes change and `project` is on.

    `squeeze` is the inner width of the SE (0: none).
    """

    c_in: int
    inner: int
    c_out: int
    groups: int
    stride: int
    squeeze: int
    project: bool
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """The convolutions, named as in timm's RegNet."""
        v, at, end = self.inner, self.size, out_size(self.size, self.stride)
        plan = [
            Layer('conv1.conv', self.c_in, v, 1, at),
            Layer('conv2.conv', v, v, 3, at, stride=self.stride, groups=self.groups),
        ]
        if self.squeeze:
            plan += squeeze_layers(v, self.squeeze, ('se.fc1', 'se.fc2'))
        plan.append(Layer('conv3.conv', v, self.c_out, 1, end))
        if self.project and (self.stride != 1 or self.c_in != self.c_out):
            plan.append(Layer('downsample.conv', self.c_in, self.c_out, 1, at, stride=self.stride))
        return tuple(plan)


class RegHead(NamedTuple):
    """1x1 convolution before the pooling."""

    c_in: int
    c_out: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """One convolution."""
        return (Layer('conv', self.c_in, self.c_out, 1, self.size),)


@lru_cache(maxsize=16384)
def reg_block(
    c_in: int,
    inner: int,
    c_out: int,
    groups: int,
    stride: int,
    squeeze: int,
    project: bool,
    size: Size,
) -> RegBlock:
    """One shared object per distinct block."""
    return RegBlock(c_in, inner, c_out, groups, stride, squeeze, project, size)
