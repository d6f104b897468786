"""MBConv networks (EfficientNet, ScaleNet, BigNAS) as frozen values.

A stride-2 stem, stages of MBConv blocks, a 1x1 convolution (conv_out); the classifier is a head.
The first block of a stage changes stride and channels, every later one has an identity skip.

Module names are those of mmpretrain's EfficientNet (`layers.0.conv`,
`layers.2.0.depthwise_conv.conv`, `layers.2.0.se.conv1.conv`), with one difference: here
`layers[s]` is stage s and the last entry conv_out, while mmpretrain puts stages of stride 1 into
the entry before them. So one renumbering of (stage, block) maps its weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

from .layer import Extent, Feature, Layer, Printable, Section, Size, Unit, layers, out_size
from .mbconv_units import EFFICIENTNET_SE, MBBlock, SqueezeRule, conv_unit, stage_units
from .rounding import Rounding, Scaling
from .strict import (
    MOST_CHANNELS,
    MOST_STAGES,
    as_channels,
    as_choice,
    as_depth,
    as_flag,
    as_int,
    as_list,
    as_mapping,
    as_one_of,
    as_side,
    check_blocks,
    inside,
    need_one,
    wrong,
)

KERNELS = (3, 5, 7)
ACTIVATIONS = ('swish', 'relu', 'relu6', 'hswish')
SHORTCUTS = ('identity', 'projected')
SQUEEZE_OF = ('input', 'expanded')


@dataclass(frozen=True, slots=True)
class MBStage:
    """MBConv blocks in sequence; the first has the stage's stride, all end in `width` channels.

    Raises:
        ArchError: for no block, or a choice that no block can have.
    """

    width: int
    blocks: tuple[MBBlock, ...]
    stride: int = 1

    def __post_init__(self) -> None:
        as_channels(self.width, 'width')
        as_one_of(self.stride, 'stride', (1, 2))
        need_one(self.blocks, 'blocks', 'block')
        for kernel, expand, se in self.blocks:
            as_one_of(kernel, 'kernel', KERNELS)
            if isinstance(expand, bool) or not isinstance(expand, int) or not 1 <= expand <= 6:
                raise wrong('expand', 'a whole number from 1 to 6', expand)
            as_flag(se, 'se')

    @classmethod
    def from_dict(cls, data: object, where: str = 'stage') -> MBStage:
        """A stage from `{width, depth, stride, kernel, expand, se}`.

        kernel, expand and se are one value for all blocks, or a list with one per block.
        """
        table = as_mapping(data, where, ('width', 'depth', 'kernel', 'expand'), ('stride', 'se'))
        depth = as_depth(table['depth'], f'{where}.depth')
        columns = [_column({'se': True, **table}, key, depth, where) for key in MBBlock._fields]
        blocks = tuple(MBBlock(*row) for row in zip(*columns, strict=True))
        with inside(where):
            return cls(table['width'], blocks, table.get('stride', 1))

    def to_dict(self) -> dict[str, object]:
        """The inverse of `parse`."""
        data: dict[str, object] = {
            'width': self.width,
            'depth': len(self.blocks),
            'stride': self.stride,
        }
        for key, column in zip(MBBlock._fields, zip(*self.blocks, strict=True), strict=True):
            data[key] = column[0] if len(set(column)) == 1 else list(column)
        return data


def _column(table: dict[str, Any], key: str, depth: int, where: str) -> Sequence[Any]:
    value = table[key]
    if not isinstance(value, list | tuple):
        return [value] * depth
    if len(value) != depth:
        raise wrong(f'{where}.{key}', f'one value, or {depth}, one per block', value)
    return value


@dataclass(frozen=True, slots=True, repr=False)
class MBConvArch(Printable):
    """An MBConv backbone at its own resolution; `conv_out` None leaves the last stage the end.

    `shortcut` 'projected' gives blocks that change shape a skip, too (BigNAS, section 3.2).
    Equal networks are equal values.

    Raises:
        ArchError: when the parts do not make a network.
    """

    stages: tuple[MBStage, ...]
    stem: int = 32
    conv_out: int | None = 1280
    resolution: int = 224
    activation: Literal['swish', 'relu', 'relu6', 'hswish'] = 'swish'
    shortcut: Literal['identity', 'projected'] = 'identity'
    squeeze: SqueezeRule = EFFICIENTNET_SE
    in_channels: int = 3
    family: ClassVar[str] = 'mbconv'
    stem_stride: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for name in ('stem', 'in_channels'):
            as_channels(getattr(self, name), name)
        as_side(self.resolution, 'resolution')
        if self.conv_out is not None:
            as_channels(self.conv_out, 'conv_out')
        as_choice(self.activation, 'activation', ACTIVATIONS)
        as_choice(self.shortcut, 'shortcut', SHORTCUTS)
        if not isinstance(self.squeeze, SqueezeRule):
            raise wrong('squeeze', 'a SqueezeRule', self.squeeze)
        as_choice(self.squeeze.of, 'squeeze.of', SQUEEZE_OF)
        as_int(self.squeeze.divisor, 'squeeze.divisor', 1, MOST_CHANNELS)
        need_one(self.stages, 'stages', 'stage')
        as_list(self.stages, 'stages', 'stages', MOST_STAGES)
        check_blocks(self.num_blocks)

    @property
    def size(self) -> Size:
        """The input size that the network is made for."""
        return self.resolution, self.resolution

    @property
    def num_blocks(self) -> int:
        """MBConv blocks over all stages."""
        return sum(len(stage.blocks) for stage in self.stages)

    @property
    def summary(self) -> str:
        """How large it is, in words."""
        return f'{self.num_blocks} blocks at {self.resolution}x{self.resolution}'

    @property
    def extent(self) -> Extent:
        """Blocks, and widths of all stages."""
        return Extent(self.num_blocks, sum(stage.width for stage in self.stages))

    def features(self, size: Size) -> tuple[Feature, ...]:
        """The last map at each stride from 4 on; conv_out, where there is one, is the coarsest."""
        stages = self.stages
        maps = [
            Feature(stages[index].width, at, stride)
            for index, at, stride in _ends(tuple([stage.stride for stage in stages]), size)
        ]
        if self.conv_out is not None:
            maps[-1] = Feature(self.conv_out, maps[-1].size, maps[-1].stride)
        return tuple(maps)

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        """Name and value of every unit that runs, in order; names are module paths."""
        c_in, at, rule = self.stem, out_size(size, 2), self.squeeze
        project = self.shortcut == 'projected'
        yield 'layers.0', conv_unit(self.in_channels, c_in, 3, 2, size)
        index = 0
        for stage in self.stages:
            index += 1
            width = stage.width
            shared = stage_units(index, c_in, width, stage.stride, at, rule, project)
            yield from shared.run(stage.blocks)
            c_in, at = width, shared.size_out
        if self.conv_out is not None:
            yield f'layers.{index + 1}', conv_unit(c_in, self.conv_out, 1, 1, at)

    def section(self, name: str) -> Section:
        """Stem, stage or conv_out to which a unit belongs."""
        index = int(name.split('.')[1])
        if 0 < index <= len(self.stages):
            return Section(f'stage{index}', len(self.stages[index - 1].blocks))
        return Section('conv_out' if index else 'stem')

    def layers(self, size: Size | None = None) -> Iterator[Layer]:
        """The flat layer plan, for an input of the network's own size unless another is given."""
        return layers(self, size or self.size)

    def with_(self, **changes: Any) -> MBConvArch:
        """A copy with some fields changed, e.g. `with_(resolution=240)`."""
        return replace(self, **changes)

    def scaled(self, scaling: Scaling, rounding: Rounding) -> MBConvArch:
        """The network grown by these factors.

        A deeper stage repeats its last block, a shallower one loses its last blocks. The group
        factor has no meaning for depthwise convolutions and is not used.
        """
        stages = []
        for stage in self.stages:
            depth = as_depth(rounding.depth(len(stage.blocks) * scaling.depth), 'depth')
            more = depth - len(stage.blocks)
            blocks = stage.blocks[:depth] + stage.blocks[-1:] * max(0, more)
            stages.append(
                MBStage(rounding.width(stage.width * scaling.width), blocks, stage.stride)
            )
        conv_out = self.conv_out
        if conv_out is not None and rounding.head:
            conv_out = rounding.width(conv_out * scaling.width)
        return replace(
            self,
            stages=tuple(stages),
            stem=rounding.width(self.stem * scaling.width) if rounding.stem else self.stem,
            conv_out=conv_out,
            resolution=rounding.resolution(self.resolution * scaling.resolution),
        )

    @classmethod
    def from_dict(cls, data: object, where: str = 'arch') -> MBConvArch:
        """An arch from plain data; every key but `family` and `stages` has B0's default."""
        optional = (
            *('resolution', 'stem', 'conv_out', 'activation', 'shortcut', 'squeeze'),
            'in_channels',
        )
        table = as_mapping(data, where, ('family', 'stages'), optional)
        as_choice(table['family'], f'{where}.family', (cls.family,))
        stages = as_list(table['stages'], f'{where}.stages', 'stages', MOST_STAGES)
        rest = {k: v for k, v in table.items() if k not in ('family', 'stages', 'squeeze')}
        squeeze = cls.squeeze_rule(table.get('squeeze', {}), f'{where}.squeeze')
        parsed = tuple(MBStage.from_dict(s, f'{where}.stages[{i}]') for i, s in enumerate(stages))
        with inside(where):
            return cls(stages=parsed, squeeze=squeeze, **rest)

    @staticmethod
    def squeeze_rule(data: object, where: str) -> SqueezeRule:
        """The rule that `{of: input, divisor: 4}` describes; both have B0's default."""
        return SqueezeRule(**as_mapping(data, where, (), SqueezeRule._fields))

    def to_dict(self) -> dict[str, object]:
        """The inverse of `from_dict`."""
        return {
            'family': self.family,
            'in_channels': self.in_channels,
            'resolution': self.resolution,
            'stem': self.stem,
            'conv_out': self.conv_out,
            'activation': self.activation,
            'shortcut': self.shortcut,
            'squeeze': self.squeeze._asdict(),
            'stages': [stage.to_dict() for stage in self.stages],
        }


@lru_cache(maxsize=4096)
def _ends(strides: tuple[int, ...], size: Size) -> tuple[tuple[int, Size, int], ...]:
    """Index, output size and stride of the last stage at each stride from 4 on."""
    total, at, ends = 2, out_size(size, 2), {}
    for index, stride in enumerate(strides):
        total, at = total * stride, out_size(at, stride)
        ends[total] = index, at, total
    return tuple(end for end in ends.values() if end[2] >= min(4, total))
