"""RegNet X, Y and Z (and ResNet, ResNeXt) as frozen values.

A stride-2 stem, stages of residual bottlenecks with grouped 3x3 convolutions, for some nets a 1x1
convolution before the pooling; the classifier is a head. Block X is plain, Y has
squeeze-excitation (a quarter of the block's input), Z is inverted (its last convolution is linear,
SiLU, no skip where shapes change).

Four numbers and a group width span a RegNet (`regnet`); a scaled one only its stages describe, so
stages are what the value holds. Module names are those of timm's RegNet (`s1.b1.conv2.conv`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from .layer import Extent, Feature, Layer, Printable, Section, Size, Unit, layers, out_size
from .regnet_units import RegHead, RegStem, reg_block
from .rounding import Rounding, Scaling, compatible
from .strict import (
    MOST_FACTOR,
    MOST_STAGES,
    as_channels,
    as_choice,
    as_depth,
    as_list,
    as_mapping,
    as_number,
    as_one_of,
    as_side,
    check_blocks,
    inside,
    need_one,
    wrong,
)

BLOCKS = ('x', 'y', 'z')
STEMS = ('simple', 'resnet')
RULE_KEYS = ('depth', 'w0', 'wa', 'wm', 'group_width')


@dataclass(frozen=True, slots=True)
class RegStage:
    """Blocks in sequence, all `width` wide; 3x3 convolutions have `bottleneck * width` channels.

    Raises:
        ArchError: where groups do not divide the inner channels.
    """

    width: int
    depth: int
    group_width: int
    bottleneck: float = 1.0
    stride: int = 2

    def __post_init__(self) -> None:
        for name in ('width', 'group_width'):
            as_channels(getattr(self, name), name)
        as_depth(self.depth, 'depth')
        _check_bottleneck(self.bottleneck)
        as_one_of(self.stride, 'stride', (1, 2))
        if self.inner < 1 or self.inner % self.group_width:
            of = f'{self.inner} channels (width {self.width} x bottleneck {self.bottleneck:g})'
            raise wrong('group_width', f'a divisor of the inner {of}', self.group_width)

    @property
    def inner(self) -> int:
        """Channels of the 3x3 convolutions."""
        return round(self.width * self.bottleneck)

    @classmethod
    def from_dict(cls, data: object, where: str = 'stage') -> RegStage:
        """A stage from `{width, depth, group_width, bottleneck, stride}`."""
        keys = ('width', 'depth', 'group_width')
        table = as_mapping(data, where, keys, ('bottleneck', 'stride'))
        with inside(where):
            return cls(**table)

    def to_dict(self) -> dict[str, object]:
        """The inverse of `parse`."""
        return {
            'width': self.width,
            'depth': self.depth,
            'group_width': self.group_width,
            'bottleneck': self.bottleneck,
            'stride': self.stride,
        }


@dataclass(frozen=True, slots=True, repr=False)
class RegNetArch(Printable):
    """A RegNet backbone at its own resolution; `conv_out` is a last 1x1 convolution, or None.

    Equal networks are equal values.

    Raises:
        ArchError: when the parts do not make a network.
    """

    stages: tuple[RegStage, ...]
    block: Literal['x', 'y', 'z'] = 'x'
    stem: int = 32
    stem_type: Literal['simple', 'resnet'] = 'simple'
    conv_out: int | None = None
    resolution: int = 224
    in_channels: int = 3
    family: ClassVar[str] = 'regnet'

    def __post_init__(self) -> None:
        for name in ('stem', 'in_channels'):
            as_channels(getattr(self, name), name)
        as_side(self.resolution, 'resolution')
        if self.conv_out is not None:
            as_channels(self.conv_out, 'conv_out')
        as_choice(self.block, 'block', BLOCKS)
        as_choice(self.stem_type, 'stem_type', STEMS)
        need_one(self.stages, 'stages', 'stage')
        as_list(self.stages, 'stages', 'stages', MOST_STAGES)
        check_blocks(self.num_blocks)

    @property
    def size(self) -> Size:
        """The input size that the network is made for."""
        return self.resolution, self.resolution

    @property
    def num_blocks(self) -> int:
        """Residual blocks over all stages."""
        return sum(stage.depth for stage in self.stages)

    @property
    def summary(self) -> str:
        """How large it is, in words."""
        return f'{self.num_blocks} blocks at {self.resolution}x{self.resolution}'

    @property
    def extent(self) -> Extent:
        """Blocks, and widths and group widths of all stages."""
        return Extent(
            self.num_blocks,
            sum(stage.width for stage in self.stages),
            sum(stage.group_width for stage in self.stages),
        )

    @property
    def stem_stride(self) -> int:
        """Image side over the side of the stem's map."""
        return 2 if self.stem_type == 'simple' else 4

    def _start(self, size: Size) -> tuple[Size, int]:
        """Size and stride after the stem."""
        half, stride = out_size(size, 2), self.stem_stride
        return (half if stride == 2 else out_size(half, 2)), stride

    def features(self, size: Size) -> tuple[Feature, ...]:
        """The output of every stage; conv_out, where there is one, replaces the last."""
        at, stride = self._start(size)
        maps = []
        for stage in self.stages:
            at, stride = out_size(at, stage.stride), stride * stage.stride
            maps.append(Feature(stage.width, at, stride))
        if self.conv_out is not None:
            maps[-1] = Feature(self.conv_out, at, stride)
        return tuple(maps)

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        """Name and value of every unit that runs, in order; names are module paths."""
        kernel = 3 if self.stem_type == 'simple' else 7
        yield 'stem', RegStem(self.in_channels, self.stem, kernel, size)
        c_in, (at, _) = self.stem, self._start(size)
        for s, stage in enumerate(self.stages, 1):
            inner, stride = stage.inner, stage.stride
            groups = inner // stage.group_width
            for b in range(stage.depth):
                squeeze = 0 if self.block == 'x' else max(1, round(c_in / 4))
                block = reg_block(
                    c_in, inner, stage.width, groups, stride, squeeze, self.block != 'z', at
                )
                yield f's{s}.b{b + 1}', block
                c_in, at, stride = stage.width, out_size(at, stride), 1
        if self.conv_out is not None:
            yield 'final_conv', RegHead(c_in, self.conv_out, at)

    def section(self, name: str) -> Section:
        """Stem, stage or conv_out to which a unit belongs."""
        first = name.split('.')[0]
        if first in ('stem', 'final_conv'):
            return Section('stem' if first == 'stem' else 'conv_out')
        index = int(first.removeprefix('s'))
        return Section(f'stage{index}', self.stages[index - 1].depth)

    def layers(self, size: Size | None = None) -> Iterator[Layer]:
        """The flat layer plan, for an input of the network's own size unless another is given."""
        return layers(self, size or self.size)

    def with_(self, **changes: Any) -> RegNetArch:
        """A copy with some fields changed, e.g. `with_(resolution=240)`."""
        return replace(self, **changes)

    def scaled(self, scaling: Scaling, rounding: Rounding) -> RegNetArch:
        """The network grown by these factors; stem and conv_out stay as they are.

        Where scaled groups do not divide the scaled inner channels, the repair rule of the paper
        (`compatible`) moves the width.
        """
        stages = []
        for stage in self.stages:
            width, group = compatible(
                rounding.width(stage.width * scaling.width),
                stage.bottleneck,
                rounding.group(stage.group_width * scaling.group),
            )
            depth = rounding.depth(stage.depth * scaling.depth)
            stages.append(replace(stage, width=width, depth=depth, group_width=group))
        resolution = rounding.resolution(self.resolution * scaling.resolution)
        return replace(self, stages=tuple(stages), resolution=resolution)

    @classmethod
    def from_dict(cls, data: object, where: str = 'arch') -> RegNetArch:
        """An arch from plain data: `stages`, or the numbers that generate them (`regnet`)."""
        rest = ('block', 'stem', 'stem_type', 'conv_out', 'resolution', 'in_channels')
        ruled = isinstance(data, Mapping) and 'stages' not in data
        required = ('family', *RULE_KEYS) if ruled else ('family', 'stages')
        table = as_mapping(data, where, required, (*rest, 'bottleneck') if ruled else rest)
        as_choice(table['family'], f'{where}.family', (cls.family,))
        kept = {k: v for k, v in table.items() if k in rest}
        with inside(where):
            if ruled:
                numbers = {k: table[k] for k in RULE_KEYS}
                return regnet(**numbers, bottleneck=table.get('bottleneck', 1.0), **kept)
            stages = as_list(table['stages'], 'stages', 'stages', MOST_STAGES)
            parsed = (RegStage.from_dict(s, f'stages[{i}]') for i, s in enumerate(stages))
            return cls(stages=tuple(parsed), **kept)

    def to_dict(self) -> dict[str, object]:
        """The inverse of `from_dict`."""
        return {
            'family': self.family,
            'in_channels': self.in_channels,
            'resolution': self.resolution,
            'block': self.block,
            'stem': self.stem,
            'stem_type': self.stem_type,
            'conv_out': self.conv_out,
            'stages': [stage.to_dict() for stage in self.stages],
        }


def _check_bottleneck(ratio: float) -> None:
    if not 1 / MOST_FACTOR <= as_number(ratio, 'bottleneck') <= MOST_FACTOR:
        raise wrong('bottleneck', f'a number from {1 / MOST_FACTOR:g} to {MOST_FACTOR:,}', ratio)


def regnet(
    depth: int,
    w0: int,
    wa: float,
    wm: float,
    group_width: int,
    bottleneck: float = 1.0,
    **options: Any,
) -> RegNetArch:
    """The RegNet of a quantised linear rule: block j is about w0 + wa * j wide.

    Source: Radosavovic et al. 2020, equations (2) to (4); widths in steps of 8 as in pycls.

    Raises:
        ArchError: for numbers that span no network.
    """
    as_depth(depth, 'depth')
    _check_bottleneck(bottleneck)
    if as_channels(w0, 'w0') % 8:
        raise wrong('w0', 'a multiple of 8', w0)
    if wa is False or wa != 0:
        as_number(wa, 'wa')
    if as_number(wm, 'wm') <= 1:
        raise wrong('wm', 'a number > 1', wm)
    as_channels(group_width, 'group_width')
    counts: dict[int, int] = {}
    for j in range(depth):
        step = round(math.log((w0 + wa * j) / w0) / math.log(wm))
        width = round(w0 * wm**step / 8) * 8
        counts[width] = counts.get(width, 0) + 1
    stages = []
    for width, blocks in sorted(counts.items()):
        fitting, group = compatible(width, bottleneck, group_width)
        stages.append(RegStage(fitting, blocks, group, bottleneck))
    return RegNetArch(tuple(stages), **options)
