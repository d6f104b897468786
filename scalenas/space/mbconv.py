"""The MBConv space: choices per network, per stage and per block.

Genes: `resolution`, `stem`, `conv_out`; `s2.width` and `s2.depth` (stage 2 of 1, 2, ...);
`s2.b0.kernel`, `s2.b0.expand`, `s2.b0.se`, the latter active while the stage has such a block.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Arch, MBBlock, MBConvArch, MBStage, Rounding, Scaling
from scalenas.arch.strict import (
    MOST_STAGES,
    as_channels,
    as_choice,
    as_depth,
    as_flag,
    as_int,
    as_list,
    as_mapping,
    as_side,
    inside,
    wrong,
)

from .gene import Gene, Value, ascending, check_genes, choices, outside
from .mbconv_hull import MBConvHull, StageHull
from .space import AbstractSpace, Genes

_CHOICES = ('width', 'depth', 'kernel', 'expand', 'se')


@dataclass(frozen=True, slots=True)
class StageChoices:
    """What a stage may be: each field but the stride holds all allowed values, small to large."""

    width: tuple[int, ...]
    depth: tuple[int, ...]
    kernel: tuple[int, ...] = (3, 5, 7)
    expand: tuple[int, ...] = (6,)
    se: tuple[bool, ...] = (True,)
    stride: int = 1

    def __post_init__(self) -> None:
        rules = {'width': as_channels, 'depth': as_depth, 'kernel': as_int, 'expand': as_int}
        for name, rule in rules.items():
            choices(getattr(self, name), f'space.stages.{name}', rule)
        choices(self.se, 'space.stages.se', as_flag)
        for name in _CHOICES:
            ascending(getattr(self, name), f'space.stages.{name}')
        # Whatever a block or a stage refuses is refused here, before anything is sampled.
        with inside('space.stages'):
            for block in itertools.product(self.kernel, self.expand, self.se):
                MBStage(self.width[0], (MBBlock(*block),), self.stride)

    @classmethod
    def from_dict(cls, data: object, where: str) -> StageChoices:
        """Choices from plain data; a single value stands for a list of one."""
        table = as_mapping(data, where, ('width', 'depth'), (*_CHOICES[2:], 'stride'))
        given: dict[str, Any] = {k: _tuple(v) for k, v in table.items() if k != 'stride'}
        return cls(**given, stride=table.get('stride', 1))

    def to_dict(self) -> dict[str, object]:
        """The inverse of `parse`."""
        return {**{name: list(getattr(self, name)) for name in _CHOICES}, 'stride': self.stride}


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class MBConvSpace(AbstractSpace[MBConvArch]):
    """MBConv networks; `options` are the fields of the arch that are the same in all of them.

    Raises:
        ArchError: for arguments that span no space.
    """

    def __init__(
        self,
        stages: Sequence[StageChoices],
        resolution: Sequence[int] = (224,),
        stem: Sequence[int] = (32,),
        conv_out: Sequence[int] = (1280,),
        **options: Any,
    ) -> None:
        self.stages = tuple(as_list(stages, 'space.stages', 'stages', MOST_STAGES))
        for stage in self.stages:
            if not isinstance(stage, StageChoices):
                raise wrong('space.stages', 'StageChoices', stage)
        self.resolution = choices(resolution, 'space.resolution', as_side)
        self.stem = choices(stem, 'space.stem', as_channels)
        self.conv_out = choices(conv_out, 'space.conv_out', as_channels)
        for name in ('resolution', 'stem', 'conv_out'):
            ascending(getattr(self, name), f'space.{name}')
        as_mapping(options, 'space', (), ('activation', 'shortcut', 'squeeze', 'in_channels'))
        # Nothing is made before it is known to be of a size that somebody can mean.
        deepest = [max(stage.depth) for stage in self.stages]
        check_genes(3 + sum(2 + len(MBBlock._fields) * depth for depth in deepest))
        # The arch checks the options; it also is the template of every decoded arch.
        self._template = MBConvArch(
            tuple(MBStage(s.width[0], (MBBlock(s.kernel[0], s.expand[0]),)) for s in self.stages),
            **options,
        )
        self._names = [
            [tuple(f's{s}.b{b}.{key}' for key in MBBlock._fields) for b in range(max(stage.depth))]
            for s, stage in enumerate(self.stages, 1)
        ]
        super().__init__(self._genes())

    def _genes(self) -> list[Gene]:
        genes = [Gene(name, getattr(self, name), name) for name in ('resolution', 'stem')]
        for s, (stage, names) in enumerate(zip(self.stages, self._names, strict=True), 1):
            unit, parent = f's{s}', f's{s}.depth'
            genes += [Gene(f'{unit}.width', stage.width, unit), Gene(parent, stage.depth, unit)]
            for b, keys in enumerate(names):
                at = frozenset(d for d in stage.depth if d > b)
                for name, values in zip(keys, (stage.kernel, stage.expand, stage.se), strict=True):
                    genes.append(Gene(name, values, unit, parent, at))
        return [*genes, Gene('conv_out', self.conv_out, 'conv_out')]

    def _build(self, values: Genes) -> MBConvArch:
        stages = []
        for s, (stage, names) in enumerate(zip(self.stages, self._names, strict=True), 1):
            blocks = tuple(
                MBBlock(int(values[kernel]), int(values[expand]), bool(values[se]))
                for kernel, expand, se in names[: int(values[f's{s}.depth'])]
            )
            stages.append(MBStage(int(values[f's{s}.width']), blocks, stage.stride))
        return self._template.with_(
            stages=tuple(stages),
            resolution=values['resolution'],
            stem=values['stem'],
            conv_out=values['conv_out'],
        )

    def _read(self, arch: MBConvArch) -> Genes:
        if not isinstance(arch, MBConvArch):
            raise outside('arch', 'an MBConvArch', type(arch).__name__)
        if len(arch.stages) != len(self.stages):
            raise outside('number of stages', [len(self.stages)], len(arch.stages))
        if arch.conv_out is None:
            raise outside('conv_out', self.conv_out, None)
        values: dict[str, Value] = {
            'resolution': arch.resolution,
            'stem': arch.stem,
            'conv_out': arch.conv_out,
        }
        for s, (stage, names) in enumerate(zip(arch.stages, self._names, strict=True), 1):
            values[f's{s}.width'], values[f's{s}.depth'] = stage.width, len(stage.blocks)
            # A stage deeper than the space is refused for its depth: its last blocks need no names.
            for block, keys in zip(stage.blocks, names, strict=False):
                values.update(zip(keys, block, strict=True))
        return values

    def _shrink(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> MBConvArch | None:
        if not isinstance(arch, MBConvArch) or len(arch.stages) != len(self.stages):
            return None

        def width(x: int) -> int:
            return rounding.width(x * scaling.width)

        def depth(x: int) -> int:
            return rounding.depth(x * scaling.depth)

        def resolution(x: int) -> int:
            return rounding.resolution(x * scaling.resolution)

        # Cheapest first: most scalings are told apart by the resolution alone.
        side = self._before('resolution', arch.resolution, resolution)
        stem = self._before('stem', arch.stem, width if rounding.stem else int)
        if side is None or stem is None or arch.conv_out is None:
            return None
        conv_out = self._before('conv_out', arch.conv_out, width if rounding.head else int)
        stages = []
        for s, stage in enumerate(arch.stages, 1):
            channels = self._before(f's{s}.width', stage.width, width)
            blocks = self._before(f's{s}.depth', len(stage.blocks), depth)
            if channels is None or blocks is None:
                return None
            stages.append(MBStage(channels, stage.blocks[:blocks], stage.stride))
        fields = {'resolution': side, 'stem': stem, 'conv_out': conv_out}
        return None if conv_out is None else arch.with_(stages=tuple(stages), **fields)

    def _before(self, name: str, grown: int, grow: Callable[[int], int]) -> int | None:
        """The first value of a gene that grows into this."""
        return next((int(v) for v in self.genes[name].values if grow(int(v)) == grown), None)

    def hull(self) -> MBConvHull:
        """What a supernet of the space must hold; restrictions do not count."""
        return MBConvHull(
            tuple(
                StageHull(
                    stage.width,
                    stage.depth[-1],
                    tuple(
                        MBBlock(kernel, expand, se)
                        for kernel in stage.kernel
                        for expand in stage.expand
                        for se in stage.se
                    ),
                    stage.stride,
                )
                for stage in self.stages
            ),
            self.stem,
            self.conv_out,
            self.resolution,
            self._template,
        )

    @classmethod
    def from_dict(cls, data: object, where: str = 'space') -> MBConvSpace:
        """The space that plain data describes; single values stand for lists of one."""
        options = ('activation', 'shortcut', 'squeeze', 'in_channels')
        table = as_mapping(
            data, where, ('family', 'stages'), ('resolution', 'stem', 'conv_out', *options, 'where')
        )
        as_choice(table['family'], f'{where}.family', (MBConvArch.family,))
        stages = [
            StageChoices.from_dict(stage, f'{where}.stages[{i}]')
            for i, stage in enumerate(
                as_list(table['stages'], f'{where}.stages', 'stages', MOST_STAGES)
            )
        ]
        given = {k: _tuple(table[k]) for k in ('resolution', 'stem', 'conv_out') if k in table}
        rest = {k: table[k] for k in options if k in table}
        if 'squeeze' in rest:
            rest['squeeze'] = MBConvArch.squeeze_rule(rest['squeeze'], f'{where}.squeeze')
        return cls(stages, **given, **rest).restricted(table.get('where', []), where)

    def to_dict(self) -> dict[str, object]:
        """The inverse of `from_dict`."""
        arch: Mapping[str, object] = self._template.to_dict()
        return {
            'family': MBConvArch.family,
            'resolution': list(self.resolution),
            'stem': list(self.stem),
            'conv_out': list(self.conv_out),
            **{k: arch[k] for k in ('activation', 'shortcut', 'squeeze', 'in_channels')},
            'stages': [stage.to_dict() for stage in self.stages],
            'where': [[pattern, list(values)] for pattern, values in self.restrictions],
        }
