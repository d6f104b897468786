"""The HRNet-style space: depth per branch and module, a switch per fusion and step.

Genes: `s3.m1.b2.depth` (stage 3, module 1, branch 2) and `s3.m1.t0.f0<-2` (after step 0, add
branch 2 to branch 0), the latter active while branch 0 has more than 0 blocks there. With
`inner_widths` also `s3.m1.b2.inner`: the inner channels of that branch's blocks, as a share of the
branch's channels. The paper has none of these.

Source: ScaleNAS (Cheng et al. 2020), sections 3.2 and 3.4. The paper estimates 7e72 networks; by
the structure described there the exact number is `HRSpace().size()`, about 1.1e96.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from scalenas.arch import Arch, HRArch, HRModule, HRStage, Rounding, Scaling
from scalenas.arch.hrnet_module import INNER_MULTIPLE, scaled_inner, share_of, shrunk_module
from scalenas.arch.strict import (
    MOST_BRANCHES,
    MOST_MODULES,
    as_channels,
    as_choice,
    as_depth,
    as_int,
    as_list,
    as_mapping,
    as_number,
    check_blocks,
    inside,
    need_one,
)

from .gene import Gene, SpaceError, Value, check_genes, choices, outside, refusal
from .hrnet_places import Known, Place
from .space import AbstractSpace, Genes


class HRSpace(AbstractSpace[HRArch]):
    """HRNet-style networks of one width; `num_modules[j]` modules in stage j + 2.

    With `output='single'` the last module follows the released rule: after the last block of
    branch 0 all other branches are added to it, and no other branch is fused after its own last
    block (this is what nets P1-P4 obey).

    `inner_widths` are what the inner channels of the blocks of a branch may be, as shares of its
    channels, such as (0.5, 0.75, 1.0); all but 1 rounded to a multiple of 4 (`share_of`). The maps
    that are summed keep their channels. By default all blocks are HRNet's, and there are no genes
    of it.

    Raises:
        ArchError: for arguments that span no space.
    """

    one_to_one = True

    def __init__(
        self,
        width: int = 32,
        num_modules: Sequence[int] = (1, 4, 3),
        depth: Sequence[int] = (2, 3, 4, 5),
        stem: int = 64,
        stage1_blocks: int = 4,
        stage1_channels: int = 64,
        upsample: Literal['nearest', 'bilinear'] = 'nearest',
        output: Literal['multi', 'single'] = 'multi',
        in_channels: int = 3,
        inner_widths: Sequence[float] = (1.0,),
    ) -> None:
        self.width = as_channels(width, 'space.width')
        stages = as_list(num_modules, 'space.num_modules', 'stages', MOST_BRANCHES - 1)
        self.num_modules = tuple(as_int(n, 'space.num_modules', 1, MOST_MODULES) for n in stages)
        self.depth = tuple(sorted(set(choices(depth, 'space.depth', as_depth))))
        need_one(self.num_modules, 'space.num_modules', 'stage')
        need_one(self.depth, 'space.depth', 'depth')
        as_channels(width * 2 ** len(self.num_modules), 'space.width: channels of the last branch')
        self.inner_widths = tuple(
            sorted(set(choices(inner_widths, 'space.inner_widths', _as_share)))
        )
        need_one(self.inner_widths, 'space.inner_widths', 'share')
        # Nothing is made before it is known to be of a size that somebody can mean.
        deepest, branches = self.depth[-1], [*enumerate(self.num_modules, 2)]
        each = 1 + self.has_inner
        check_genes(sum(count * b * (each + deepest * (b - 1)) for b, count in branches))
        with inside('space'):
            check_blocks(
                as_depth(stage1_blocks, 'stage1_blocks')
                + sum(count * b * deepest for b, count in branches)
            )
        # The arch checks the remaining arguments; it also is the template of every decoded arch.
        base = HRModule((1, 1), (((), ()),))
        self._template = HRArch(
            (HRStage((1, 1), (base,)),),
            stem=stem,
            stage1_blocks=stage1_blocks,
            stage1_channels=stage1_channels,
            upsample=upsample,
            output=output,
            in_channels=in_channels,
        )
        last = len(self.num_modules) + 1
        known: Known = {}
        self._places = [
            Place(s, m, max(self.depth), output == 'single' and (s, m) == (last, count - 1), known)
            for s, count in enumerate(self.num_modules, 2)
            for m in range(count)
        ]
        self._channels = tuple(width * 2**i for i in range(last))
        self._shares = _shares(self._channels, self.inner_widths)
        self._inner = [{share: n for n, share in table.items()} for table in self._shares]
        super().__init__(self._genes())

    @property
    def has_inner(self) -> bool:
        """True where blocks may have other channels inside than their branch."""
        return self.inner_widths != (1.0,)

    @property
    def inner_channels(self) -> tuple[tuple[int, ...], ...]:
        """For each branch what the inner channels of its blocks may be."""
        return tuple(map(tuple, self._shares))

    def _genes(self) -> list[Gene]:
        genes = []
        for place in self._places:
            genes += [Gene(name, self.depth, place.unit) for name in place.depths]
            if self.has_inner:
                genes += [Gene(name, self.inner_widths, place.unit) for name in place.inner]
            genes += place.switches(self.depth)
        return genes

    def _build(self, values: Genes) -> HRArch:
        stages: list[list[HRModule]] = [[] for _ in self.num_modules]
        inner: tuple[int, ...] = ()
        for place in self._places:
            if self.has_inner:
                shares = zip(self._inner, place.inner, strict=False)
                inner = tuple([known[float(values[name])] for known, name in shares])
            stages[place.stage - 2].append(place.build(values, inner))
        return self._template.with_(
            stages=tuple(
                HRStage(self._channels[: j + 2], tuple(modules)) for j, modules in enumerate(stages)
            )
        )

    def _read(self, arch: HRArch) -> Genes:
        if not isinstance(arch, HRArch):
            raise outside('arch', 'an HRArch', type(arch).__name__)
        counts = tuple(len(stage.modules) for stage in arch.stages)
        if counts != self.num_modules:
            raise outside('modules per stage', [self.num_modules], counts)
        values: dict[str, Value] = {}
        for place in self._places:
            module = arch.stages[place.stage - 2].modules[place.module]
            values.update(place.read(module))
            if self.has_inner or module.inner:
                shares = self._shares_of(module, arch.stages[place.stage - 2].channels)
                if not self.has_inner:
                    i = next(i for i, share in enumerate(shares) if share != 1)
                    raise outside(place.inner[i], self.inner_widths, shares[i])
                values.update(zip(place.inner, shares, strict=True))
        return values

    def _shares_of(self, module: HRModule, channels: Sequence[int]) -> list[float]:
        """The inner width of each branch; of one that the space has not, the plain quotient."""
        return [
            known.get(n, n / c) if c == own else n / c
            for n, c, own, known in zip(
                module.inner_channels(channels),
                channels,
                self._channels,
                self._shares,
                strict=False,
            )
        ]

    def _shrink(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> HRArch | None:
        if not isinstance(arch, HRArch):
            return None
        if tuple(len(stage.modules) for stage in arch.stages) != self.num_modules:
            return None
        base = self.smallest()
        stages = []
        for kept, stage in zip(base.stages, arch.stages, strict=True):
            modules = [
                shrunk_module(module, scaling, rounding, self.depth) for module in stage.modules
            ]
            found = []
            for grown, shrunk in zip(stage.modules, modules, strict=True):
                inner = self._inner_before(grown, kept.channels, stage.channels)
                if shrunk is None or inner is None:
                    return None
                found.append(replace(shrunk, inner=inner))
            stages.append(HRStage(kept.channels, tuple(found)))
        return base.with_(stages=tuple(stages))

    def _inner_before(
        self, grown: HRModule, before: Sequence[int], after: Sequence[int]
    ) -> tuple[int, ...] | None:
        """Inner channels of the space that may grow into those of a module; None without any."""
        found = []
        for c, wide, known, inner in zip(
            before, after, self._shares, grown.inner_channels(after), strict=False
        ):
            fitting = [n for n in known if scaled_inner([n], [c], [wide]) == (inner,)]
            if not fitting:
                return None
            found.append(fitting[0])
        return tuple(found)

    def to_dict(self) -> dict[str, object]:
        """Plain data; `HRSpace.from_dict` reads it back."""
        t = self._template
        inner = {'inner_widths': list(self.inner_widths)} if self.has_inner else {}
        return {
            'family': t.family,
            'width': self.width,
            'num_modules': list(self.num_modules),
            'depth': list(self.depth),
            'in_channels': t.in_channels,
            'stem': t.stem,
            'stage1_blocks': t.stage1_blocks,
            'stage1_channels': t.stage1_channels,
            'upsample': t.upsample,
            'output': t.output,
            **inner,
            'where': [[pattern, list(values)] for pattern, values in self.restrictions],
        }

    @classmethod
    def from_dict(cls, data: object, where: str = 'space') -> HRSpace:
        """The space that plain data describes; missing keys have the defaults of the class."""
        table = as_mapping(
            data,
            where,
            ('family',),
            (
                'width',
                'num_modules',
                'depth',
                'in_channels',
                'stem',
                'stage1_blocks',
                'stage1_channels',
                'upsample',
                'output',
                'inner_widths',
                'where',
            ),
        )
        as_choice(table['family'], f'{where}.family', (HRArch.family,))
        for key in ('num_modules', 'depth', 'inner_widths'):
            if key in table:
                of = 'shares' if key == 'inner_widths' else 'whole numbers'
                as_list(table[key], f'{where}.{key}', of)
        space = cls(**{k: v for k, v in table.items() if k not in ('family', 'where')})
        return space.restricted(table.get('where', []), where)


def _as_share(data: object, where: str) -> float:
    share = as_number(data, where)
    if share > 1:
        raise refusal(where, 'shares of the channels of a branch, above 0 and up to 1', data)
    return float(share)


def _shares(channels: Sequence[int], widths: Sequence[float]) -> tuple[dict[int, float], ...]:
    """For each branch, inner channels -> their share: every gene's value is another network."""
    tables = []
    for c in channels:
        table: dict[int, float] = {}
        for share in widths:
            inner = share_of(c, share)
            if inner in table:
                raise SpaceError(
                    f'{table[inner]:g} and {share:g} are both {inner} of the {c} channels of a '
                    f'branch, in multiples of {INNER_MULTIPLE}',
                    where='space.inner_widths',
                    got=tuple(widths),
                    allowed='shares that differ in every branch',
                    hint='leave one of them out',
                )
            table[inner] = share
        tables.append(table)
    return tuple(tables)


def scalenas_w32() -> HRSpace:
    """ScaleNAS (Cheng et al. 2020), sections 3.2 and 7.1, over HRNet-W32: all maps go out."""
    return HRSpace(width=32)


def scalenas_w32_inner() -> HRSpace:
    """The space of HRNet-W32, where blocks may also have 1/2 or 3/4 of their channels inside."""
    return HRSpace(width=32, inner_widths=(0.5, 0.75, 1.0))


def scalenas_w48() -> HRSpace:
    """The same over HRNet-W48."""
    return HRSpace(width=48)


def scalenas_w32_single() -> HRSpace:
    """ScaleNAS (Cheng et al. 2020), section 7.4, over HRNet-W32: only the finest map goes out."""
    return HRSpace(width=32, output='single')


def scalenas_w48_single() -> HRSpace:
    """The same over HRNet-W48."""
    return HRSpace(width=48, output='single')
