"""The HRNet-style space: depth per branch and module, a switch per fusion and step.

Genes: `s3.m1.b2.depth` (stage 3, module 1, branch 2) and `s3.m1.t0.f0<-2` (after step 0, add
branch 2 to branch 0), the latter active while branch 0 has more than 0 blocks there.

Source: ScaleNAS (Cheng et al. 2020), sections 3.2 and 3.4. The paper estimates 7e72 networks; by
the structure described there the exact number is `HRSpace().size()`, about 1.1e96.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scalenas.arch import HRArch, HRModule, HRStage
from scalenas.arch.strict import as_choice, as_int, as_list, as_mapping

from .gene import Gene, Value
from .space import AbstractSpace, Genes, SpaceError, Weights


class HRSpace(AbstractSpace[HRArch]):
    """HRNet-style networks of one width; `num_modules[j]` modules in stage j + 2.

    With `output='single'` the last module follows the released rule: after the last block of
    branch 0 all other branches are added to it, and no other branch is fused after its own last
    block (this is what nets P1-P4 obey).

    Raises:
        ArchError: for arguments that span no space.
    """

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
    ) -> None:
        self.width = as_int(width, 'space.width')
        self.num_modules = tuple(as_int(n, 'space.num_modules') for n in num_modules)
        self.depth = tuple(sorted({as_int(d, 'space.depth') for d in depth}))
        if not self.num_modules or not self.depth:
            raise SpaceError('space: num_modules and depth each need at least one entry')
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
        super().__init__(list(self._genes()))

    def _places(self) -> list[tuple[int, int, bool]]:
        """(stage, module, follows the single-output rule) of every module."""
        last = len(self.num_modules) + 1
        single = self._template.output == 'single'
        return [
            (s, m, single and s == last and m == count - 1)
            for s, count in enumerate(self.num_modules, 2)
            for m in range(count)
        ]

    def _genes(self) -> list[Gene]:
        genes = []
        for s, m, ruled in self._places():
            unit = f's{s}.m{m}'
            for i in range(s):
                genes.append(Gene(f'{unit}.b{i}.depth', self.depth, unit))
            for t in range(max(self.depth)):
                for i in range(s):
                    # Under the single-output rule the last row of a branch is not free.
                    free = frozenset(d for d in self.depth if d > t + ruled)
                    if not free:
                        continue
                    for k in range(s):
                        if k != i:
                            name = f'{unit}.t{t}.f{i}<-{k}'
                            genes.append(
                                Gene(name, (False, True), unit, f'{unit}.b{i}.depth', free)
                            )
        return genes

    def _build(self, values: Genes) -> HRArch:
        stages: list[list[HRModule]] = [[] for _ in self.num_modules]
        for s, m, ruled in self._places():
            unit = f's{s}.m{m}'
            depths = tuple(int(values[f'{unit}.b{i}.depth']) for i in range(s))
            steps = []
            for t in range(max(depths)):
                rows = []
                for i in range(s):
                    if ruled and t == depths[i] - 1:
                        row = tuple(range(1, s)) if i == 0 else ()
                    elif t < depths[i]:
                        row = tuple(
                            k for k in range(s) if k != i and values[f'{unit}.t{t}.f{i}<-{k}']
                        )
                    else:
                        row = ()
                    rows.append(row)
                steps.append(tuple(rows))
            stages[s - 2].append(HRModule(depths, tuple(steps)))
        return self._template.with_(
            stages=tuple(
                HRStage(tuple(self.width * 2**i for i in range(j + 2)), tuple(modules))
                for j, modules in enumerate(stages)
            )
        )

    def _read(self, arch: HRArch) -> Genes:
        if not isinstance(arch, HRArch):
            raise SpaceError(f'not in the space: expected an HRArch, got {type(arch).__name__}')
        counts = tuple(len(stage.modules) for stage in arch.stages)
        if counts != self.num_modules:
            raise SpaceError(
                f'not in the space: modules per stage are {counts}, the space has '
                f'{self.num_modules}'
            )
        values: dict[str, Value] = {}
        for s, m, ruled in self._places():
            unit, module = f's{s}.m{m}', arch.stages[s - 2].modules[m]
            for i, depth in enumerate(module.depths):
                values[f'{unit}.b{i}.depth'] = depth
            for t, rows in enumerate(module.fusions):
                for i, sources in enumerate(rows):
                    if t < module.depths[i] - ruled:
                        for k in range(s):
                            if k != i:
                                values[f'{unit}.t{t}.f{i}<-{k}'] = k in sources
        return values

    def group(self, depth: Sequence[int] | None = None, fusion: float = 0.5) -> Group:
        """Depths from `depth` (None: all), each fusion on with probability `fusion`."""
        if not 0.0 <= fusion <= 1.0:
            raise SpaceError(f'fusion percentage must be within 0 and 1, got {fusion!r}')
        space = self if depth is None else self.where('*.depth', tuple(depth))
        return Group(space, {'*.f*': (1.0 - fusion, fusion)})

    def to_dict(self) -> dict[str, object]:
        """Plain data; `HRSpace.from_dict` reads it back."""
        t = self._template
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
                'where',
            ),
        )
        as_choice(table['family'], f'{where}.family', (HRArch.family,))
        for key in ('num_modules', 'depth'):
            if key in table:
                as_list(table[key], f'{where}.{key}', 'whole numbers')
        space = cls(**{k: v for k, v in table.items() if k not in ('family', 'where')})
        for item in as_list(table.get('where', []), f'{where}.where', '[pattern, values]'):
            pattern, values = as_list(item, f'{where}.where', 'pattern and values')
            space = space.where(pattern, tuple(values))
        return space


@dataclass(frozen=True)
class Group:
    """A distribution over archs: a sub-space, and weights for its genes' values."""

    space: HRSpace
    weights: Weights

    def sample(self, rng: random.Random) -> HRArch:
        """One arch of the group."""
        return self.space.sample(rng, self.weights)
