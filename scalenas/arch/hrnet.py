"""HRNet-style networks as frozen values: stem, stage 1, then modules of parallel branches.

A module runs in block steps. At step t every branch that has a block left runs it; then the
switched-on fusions of the step add converted maps of other branches, and the sum passes a ReLU.
A branch with no block left passes its map on, and may still be a source.
The blocks of a branch may have fewer channels inside than the branch: what is summed stays as wide.
Stock HRNet is the special case of equal depths with all fusions after the last step only.

Source: ScaleNAS (Cheng et al. 2020), section 3.2 and figures 1 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct
from typing import Any, ClassVar, Literal, NamedTuple

from .hrnet_module import HRModule, HRStage, module_of, scaled_stage
from .hrnet_step import FIELD
from .hrnet_units import Series, StageUnits, Stem, Transition, stage_units
from .layer import (
    EXPANSION,
    Bottleneck,
    Extent,
    Feature,
    Kit,
    Layer,
    Printable,
    Section,
    Size,
    Unit,
    layers,
    out_size,
)
from .rounding import Rounding, Scaling
from .strict import (
    MOST_BRANCHES,
    MOST_MODULES,
    as_channels,
    as_choice,
    as_depth,
    as_int,
    as_list,
    as_mapping,
    check_blocks,
    inside,
    need_one,
    wrong,
)

UPSAMPLE = ('nearest', 'bilinear')
OUTPUT = ('multi', 'single')


@dataclass(frozen=True, slots=True, repr=False)
class HRArch(Printable):
    """An HRNet-style backbone: two stride-2 convolutions, Bottlenecks, then the stages.

    `stages[j]` has j + 2 branches. `upsample` is how a fusion brings a coarse map up; `output` is
    all branches or only the finest. Equal networks are equal values.

    Raises:
        ArchError: when the parts do not make a network.
    """

    stages: tuple[HRStage, ...]
    stem: int = 64
    stage1_blocks: int = 4
    stage1_channels: int = 64
    upsample: Literal['nearest', 'bilinear'] = 'nearest'
    output: Literal['multi', 'single'] = 'multi'
    in_channels: int = 3
    family: ClassVar[str] = 'hrnet'

    def __post_init__(self) -> None:
        for name in ('stem', 'stage1_channels', 'in_channels'):
            as_channels(getattr(self, name), name)
        as_depth(self.stage1_blocks, 'stage1_blocks')
        as_choice(self.upsample, 'upsample', UPSAMPLE)
        as_choice(self.output, 'output', OUTPUT)
        need_one(self.stages, 'stages', 'stage after stage 1')
        as_list(self.stages, 'stages', 'stages', MOST_BRANCHES - 1)
        for j, stage in enumerate(self.stages):
            if len(stage.channels) != j + 2:
                branches = f'{j + 2} branches in stage {j + 2}'
                raise wrong(f'stages[{j}].channels', branches, len(stage.channels))
        check_blocks(self.num_blocks)

    @property
    def size(self) -> None:
        """None: the task chooses the input size."""
        return None

    @property
    def modules(self) -> tuple[HRModule, ...]:
        """All modules, first to last."""
        return tuple(module for stage in self.stages for module in stage.modules)

    @property
    def num_blocks(self) -> int:
        """Residual blocks, those of stage 1 among them."""
        return self.stage1_blocks + sum(module.num_blocks for module in self.modules)

    @property
    def num_fusions(self) -> int:
        """Switched-on fusions."""
        return sum(module.num_fusions for module in self.modules)

    @property
    def summary(self) -> str:
        """How large it is, in words."""
        return f'{self.num_blocks} blocks and {self.num_fusions} fusions'

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the output maps, fine to coarse."""
        channels = self.stages[-1].channels
        return channels if self.output == 'multi' else channels[:1]

    @property
    def extent(self) -> Extent:
        """Blocks, and channels of all branches of all stages."""
        return Extent(self.num_blocks, sum(sum(stage.channels) for stage in self.stages))

    def features(self, size: Size) -> tuple[Feature, ...]:
        """The output maps for an input of `size`: strides 4, 8, ... (sizes rounded up)."""
        return _features(self.out_channels, len(self.stages) + 1, size)

    def tally(self, size: Size) -> list[tuple[Kit, Sequence[int]]]:
        """One kit of all that networks of these widths may have, and those of inner blocks."""
        widths = tuple([stage.channels for stage in self.stages])
        parts = _parts(self._fixed, widths, size)
        found: list[tuple[Kit, Sequence[int]]] = []
        whole = 1
        for stage, shared, shift in zip(self.stages, parts.shared, parts.shifts, strict=True):
            total = 0
            for module in stage.modules:
                if module.inner:
                    found.append((shared.kit_of(module.inner), module.depths))
                    blocks = FIELD * len(module.depths)
                    total += module.tally >> blocks << blocks
                else:
                    total += module.tally
            whole += total << shift
        fields = parts.fields
        found.append((parts.kit, fields.unpack(whole.to_bytes(fields.size, 'little'))))
        return found

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        """Name and value of every unit that runs, in order; names are paths in `ScaleHRNet`."""
        sizes = _branch_sizes(size, len(self.stages) + 1)
        yield from _before_stages(*self._fixed, size)
        previous: tuple[int, ...] = (EXPANSION * self.stage1_channels,)
        for j, stage in enumerate(self.stages):
            yield from _transition(f'transition{j + 1}', previous, stage.channels, sizes)
            shared = stage_units(stage.channels, sizes[: j + 2])
            for m, module in enumerate(stage.modules):
                yield from _module_units(module, f'stage{j + 2}.{m}', shared)
            previous = stage.channels

    @property
    def _fixed(self) -> tuple[int, int, int, int]:
        return self.in_channels, self.stem, self.stage1_channels, self.stage1_blocks

    def section(self, name: str) -> Section:
        """Stem, stage 1, transition or module to which a unit belongs."""
        first, *rest = name.split('.')
        if first == 'layer1':
            return Section(first, self.stage1_blocks, chain=False)
        if not first.startswith('stage'):
            return Section(first or 'stem', chain=False)
        module = self.stages[int(first.removeprefix('stage')) - 2].modules[int(rest[0])]
        return Section(f'{first}.{rest[0]}', module.num_blocks, module.num_fusions, chain=False)

    def layers(self, size: Size) -> Iterator[Layer]:
        """The flat layer plan for an input of `size`."""
        return layers(self, size)

    def with_(self, **changes: Any) -> HRArch:
        """A copy with some fields changed, e.g. `with_(upsample='bilinear')`."""
        return replace(self, **changes)

    def scaled(self, scaling: Scaling, rounding: Rounding) -> HRArch:
        """The network with scaled branch channels and depths; stem and stage 1's channels stay.

        There are no groups, and the resolution is the task's: those factors are not used here.
        """
        return replace(
            self,
            stages=tuple(scaled_stage(stage, scaling, rounding) for stage in self.stages),
            stage1_blocks=as_depth(
                rounding.depth(self.stage1_blocks * scaling.depth), 'stage1_blocks'
            ),
        )

    @classmethod
    def from_dict(cls, data: object, where: str = 'arch') -> HRArch:
        """An arch from plain data; every key but `family` and `stages` has HRNet's default."""
        table = as_mapping(
            data,
            where,
            ('family', 'stages'),
            ('stem', 'stage1_blocks', 'stage1_channels', 'upsample', 'output', 'in_channels'),
        )
        as_choice(table['family'], f'{where}.family', (cls.family,))
        stages = as_list(table['stages'], f'{where}.stages', 'stages', MOST_BRANCHES - 1)
        rest = {k: v for k, v in table.items() if k not in ('family', 'stages')}
        parsed = tuple(HRStage.from_dict(s, f'{where}.stages[{i}]') for i, s in enumerate(stages))
        with inside(where):
            return cls(stages=parsed, **rest)

    def to_dict(self) -> dict[str, object]:
        """The inverse of `from_dict`."""
        return {
            'family': self.family,
            'in_channels': self.in_channels,
            'stem': self.stem,
            'stage1_blocks': self.stage1_blocks,
            'stage1_channels': self.stage1_channels,
            'upsample': self.upsample,
            'output': self.output,
            'stages': [stage.to_dict() for stage in self.stages],
        }


def _module_units(module: HRModule, name: str, shared: StageUnits) -> Iterator[tuple[str, Unit]]:
    blocks = shared.blocks_of(module.inner)
    for t, rows in enumerate(module.fusions):
        for i, depth in enumerate(module.depths):
            if t < depth:
                yield f'{name}.branches.{i}.{t}', blocks[i]
        fuse = f'{name}.{module.fuse_name(t)}'
        for i, sources in enumerate(rows):
            if sources:
                yield f'{fuse}.{i}', shared.row(i, sources)


def _before_stages(
    in_channels: int, stem: int, inner: int, blocks: int, size: Size
) -> Iterator[tuple[str, Unit]]:
    """Stem and stage 1."""
    yield '', Stem(in_channels, stem, size)
    at, c_in = _branch_sizes(size, 1)[0], stem
    for b in range(blocks):
        yield f'layer1.{b}', Bottleneck(c_in, inner, at, c_in != EXPANSION * inner)
        c_in = EXPANSION * inner


def _transition(
    name: str, previous: Sequence[int], channels: Sequence[int], sizes: Sequence[Size]
) -> Iterator[tuple[str, Unit]]:
    """What opens branches, or changes their channels."""
    for i, c in enumerate(channels):
        if i >= len(previous):
            yield f'{name}.{i}.0', Transition(previous[-1], c, 2, sizes[i - 1])
        elif previous[i] != c:
            yield f'{name}.{i}', Transition(previous[i], c, 1, sizes[i])


class _Parts(NamedTuple):
    """A kit; its first unit is there once, those of a stage are counted from a bit of `shifts`."""

    kit: Kit
    shared: tuple[StageUnits, ...]
    shifts: tuple[int, ...]
    fields: Struct


@lru_cache(maxsize=1024)
def _parts(
    fixed: tuple[int, int, int, int], widths: tuple[tuple[int, ...], ...], size: Size
) -> _Parts:
    """The parts of all networks with the same beginning and channels."""
    sizes = _branch_sizes(size, len(widths) + 1)
    common = list(_before_stages(*fixed, size))
    previous: tuple[int, ...] = (EXPANSION * fixed[2],)
    shared: list[StageUnits] = []
    units: list[Unit] = []
    shifts = []
    for channels in widths:
        common += _transition('', previous, channels, sizes)
        stage = stage_units(channels, sizes[: len(channels)])
        shared.append(stage)
        shifts.append(FIELD * (1 + len(units)))
        units += stage.parts
        previous = channels
    kit = Kit((Series(tuple([unit for _, unit in common])), *units))
    return _Parts(kit, tuple(shared), tuple(shifts), Struct(f'<{len(kit.units)}H'))


@lru_cache(maxsize=256)
def _features(channels: tuple[int, ...], num_branches: int, size: Size) -> tuple[Feature, ...]:
    sizes = _branch_sizes(size, num_branches)
    return tuple(Feature(c, sizes[i], 4 * 2**i) for i, c in enumerate(channels))


@lru_cache(maxsize=256)
def _branch_sizes(size: Size, num_branches: int) -> tuple[Size, ...]:
    sizes = [out_size(out_size(size, 2), 2)]
    for _ in range(num_branches - 1):
        sizes.append(out_size(sizes[-1], 2))
    return tuple(sizes)


def stock_hrnet(
    width: int,
    num_modules: Sequence[int] = (1, 4, 3),
    depth: int = 4,
    stage1_blocks: int = 4,
    upsample: Literal['nearest', 'bilinear'] = 'nearest',
    output: Literal['multi', 'single'] = 'multi',
) -> HRArch:
    """HRNet-W`width` (Wang et al. 2019): equal depths, one fusion at each module's end."""
    stages = []
    as_channels(width, 'width')
    for j, count in enumerate(num_modules):
        as_int(count, 'num_modules', 1, MOST_MODULES)
        channels = tuple(width * 2**i for i in range(j + 2))
        modules = [module_of([depth] * (j + 2), (-1,)) for _ in range(count)]
        if output == 'single' and j == len(num_modules) - 1:
            modules[-1] = module_of([depth] * (j + 2), (-1,), single=True)
        stages.append(HRStage(channels, tuple(modules)))
    return HRArch(tuple(stages), stage1_blocks=stage1_blocks, upsample=upsample, output=output)


def pruned(arch: HRArch) -> HRArch:
    """The network without dead blocks and fusions; the arch itself where there are none.

    Where only the finest feature map is an output, the last module may work on after the last
    fusion into branch 0: nets P1 and P2 of ScaleNAS do, and their published costs count that work.
    Without it a network computes the same map from the same weights.

    A branch that nothing reads keeps one block, for a module has no fewer. Of a network that
    follows the single-output rule of its space the result does too.
    """
    live = set(range(len(arch.out_channels)))
    stages = []
    for stage in reversed(arch.stages):
        modules = []
        for module in reversed(stage.modules):
            module, live = _without_dead(module, live)
            modules.append(module)
        stages.append(HRStage(stage.channels, tuple(reversed(modules))))
        # The transition opens the last branch from the one before it.
        opened = len(stage.channels) - 1
        live = {min(i, opened - 1) for i in live}
    return arch.with_(stages=tuple(reversed(stages)))


def _without_dead(module: HRModule, read: set[int]) -> tuple[HRModule, set[int]]:
    """The module for a successor that reads the maps `read`, and the maps that it reads itself."""
    live, depths = set(read), [1] * len(module.depths)
    steps = []
    for t in reversed(range(module.num_steps)):
        rows = tuple(row if i in live else () for i, row in enumerate(module.fusions[t]))
        live = live.union(*rows)
        # Once read, a branch is read in all steps before: only its last blocks can be dead.
        for i in live:
            if t < module.depths[i]:
                depths[i] = max(depths[i], t + 1)
        steps.append(rows)
    return HRModule(tuple(depths), tuple(reversed(steps))[: max(depths)], module.inner), live
