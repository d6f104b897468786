"""The building blocks of MBConv networks, as hashable values that list their layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from .layer import Layer, Size, Unit, out_size


class MBBlock(NamedTuple):
    """The choices of one block: depthwise kernel, expansion of its input, squeeze-excitation."""

    kernel: int = 3
    expand: int = 6
    se: bool = True


class SqueezeRule(NamedTuple):
    """Width of the squeeze: a share of the block's input, or of its expanded channels.

    `input` with divisor 4 is EfficientNet, ScaleNet as published, and BigNAS; `expanded` with
    divisor 4 is ScaleNet's search code. Fractions are cut off.
    """

    of: Literal['input', 'expanded'] = 'input'
    divisor: int = 4

    def __call__(self, c_in: int, expand: int) -> int:
        """Channels between the two convolutions of the squeeze-excitation."""
        return max(1, c_in * (expand if self.of == 'expanded' else 1) // self.divisor)


EFFICIENTNET_SE = SqueezeRule('input', 4)
"""A quarter of the block's input channels."""


@dataclass(frozen=True, slots=True, eq=False)
class ConvUnit:
    """A single convolution: the stem, or the 1x1 convolution before pooling."""

    c_in: int
    c_out: int
    kernel: int
    stride: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """One convolution."""
        return (Layer('conv', self.c_in, self.c_out, self.kernel, self.size, stride=self.stride),)


@dataclass(frozen=True, slots=True, eq=False)
class MBUnit:
    """MBConv: 1x1 expand, kxk depthwise [+ SE], 1x1 project; identity skip where shapes agree.

    Without expansion there is no first convolution. `squeeze` is the inner width of the SE, or 0.
    With `project`, a block that changes shape has a skip too: 2x2 average pooling where it
    strides, then a 1x1 convolution where channels differ.
    """

    c_in: int
    c_out: int
    kernel: int
    expand: int
    squeeze: int
    stride: int
    size: Size
    project: bool = False

    def layers(self) -> tuple[Layer, ...]:
        """The convolutions, named as in mmpretrain's InvertedResidual."""
        inner = self.c_in * self.expand
        depthwise = Layer(
            'depthwise_conv.conv',
            inner,
            inner,
            self.kernel,
            self.size,
            stride=self.stride,
            groups=inner,
        )
        plan = [depthwise]
        if self.expand != 1:
            plan.insert(0, Layer('expand_conv.conv', self.c_in, inner, 1, self.size))
        if self.squeeze:
            plan += squeeze_layers(inner, self.squeeze, ('se.conv1.conv', 'se.conv2.conv'))
        plan.append(Layer('linear_conv.conv', inner, self.c_out, 1, depthwise.size_out))
        if self.project and self.c_in != self.c_out:
            plan.append(Layer('shortcut.conv', self.c_in, self.c_out, 1, depthwise.size_out))
        return tuple(plan)


def squeeze_layers(channels: int, squeeze: int, names: tuple[str, str]) -> list[Layer]:
    """Squeeze-excitation: two 1x1 convolutions with bias on the pooled map."""
    first, second = names
    return [
        Layer(first, channels, squeeze, 1, (1, 1), bias=True, norm=False),
        Layer(second, squeeze, channels, 1, (1, 1), bias=True, norm=False),
    ]


class _Table(dict[MBBlock, MBUnit]):
    """Block choices -> the one unit that they mean at this place; made at the first question."""

    def __init__(self, make: Callable[[MBBlock], MBUnit]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, block: MBBlock) -> MBUnit:
        unit = self[block] = self._make(block)
        return unit


class StageUnits:
    """The distinct blocks of a stage, one object each: its first block, and all later ones.

    Networks of a space share these few units, so that a counter finds them by identity.
    """

    def __init__(
        self,
        index: int,
        c_in: int,
        c_out: int,
        stride: int,
        size: Size,
        rule: SqueezeRule,
        project: bool,
    ) -> None:
        self.size_out = at = out_size(size, stride)
        self._prefix = f'layers.{index}.'
        self._names: list[str] = []

        def first(block: MBBlock) -> MBUnit:
            kernel, expand, se = block
            squeeze = rule(c_in, expand) if se else 0
            return MBUnit(c_in, c_out, kernel, expand, squeeze, stride, size, project)

        def later(block: MBBlock) -> MBUnit:
            kernel, expand, se = block
            return MBUnit(c_out, c_out, kernel, expand, rule(c_out, expand) if se else 0, 1, at)

        self._first, self._later = _Table(first), _Table(later)

    def run(self, blocks: Sequence[MBBlock]) -> list[tuple[str, Unit]]:
        """Name and unit of each block."""
        names = self._names
        while len(names) < len(blocks):
            names.append(f'{self._prefix}{len(names)}')
        later = self._later
        units: list[tuple[str, Unit]] = [
            (name, later[block]) for name, block in zip(names, blocks, strict=False)
        ]
        units[0] = names[0], self._first[blocks[0]]  # cheaper than slicing both lists
        return units


@lru_cache(maxsize=16384)
def stage_units(
    index: int,
    c_in: int,
    c_out: int,
    stride: int,
    size: Size,
    rule: SqueezeRule,
    project: bool,
) -> StageUnits:
    """The shared units of all stages at this place of a network."""
    return StageUnits(index, c_in, c_out, stride, size, rule, project)


@lru_cache(maxsize=16384)
def conv_unit(c_in: int, c_out: int, kernel: int, stride: int, size: Size) -> ConvUnit:
    """One shared object per distinct convolution."""
    return ConvUnit(c_in, c_out, kernel, stride, size)
