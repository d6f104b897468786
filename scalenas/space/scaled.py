"""A space of scaled networks: a base space times scaling stages, for super-supernets.

Genes: `scale.stage`, the stage of the scaling (0, 1, ...); `scale.s2.depth`, `scale.s2.width`,
`scale.s2.resolution`, its factors, active in that stage; and all genes of the base space. Patterns
that begin with `scale` mean the scaling, all others the base: `*.depth` is what it is there.

Source: ScaleNet (Xie et al. 2022), section 3.1, table 7, appendix E and F.
"""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Arch, Scaling, rounding
from scalenas.arch.strict import (
    MOST_FACTOR,
    MOST_STAGES,
    as_choice,
    as_int,
    as_list,
    as_mapping,
    inside,
    is_number,
    wrong,
)
from scalenas.complexity import Cost
from scalenas.family import Family

from .gene import Gene, SpaceError, ascending, choices, outside, refusal
from .space import A, AbstractSpace, Genes, Hull

MOST_SCALINGS = 20_000
"""Of all stages; the paper has 271, and `encode` may have to try each."""

FACTORS = ('depth', 'width', 'resolution')
SCALED = 'scaled'
"""What plain data of a scaled space has in the place of a family."""
_STAGE = 'scale.stage'


@dataclass(frozen=True, slots=True)
class ScalingStage:
    """The factors that a scaling of this stage may have, each small to large, 1 or more."""

    depth: tuple[float, ...] = (1.0,)
    width: tuple[float, ...] = (1.0,)
    resolution: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for name in FACTORS:
            values = choices(getattr(self, name), f'space.stages.{name}')
            numbers = all(is_number(v) and v <= MOST_FACTOR for v in values)
            if not numbers or min(values, default=1) < 1:
                raise refusal(f'space.stages.{name}', 'factors >= 1', values)
            ascending(values, f'space.stages.{name}', 'factors')

    @classmethod
    def from_dict(cls, data: object, where: str) -> ScalingStage:
        """From plain data; a single value stands for a list of one."""
        table = as_mapping(data, where, (), FACTORS)
        return cls(
            **{
                name: tuple(value) if isinstance(value, list | tuple) else (value,)
                for name, value in table.items()
            }
        )

    def to_dict(self) -> dict[str, list[float]]:
        """The inverse of `parse`."""
        return {name: list(getattr(self, name)) for name in FACTORS}


class ScaledSpace(AbstractSpace[A]):
    """Every network of `base`, grown by every scaling of every stage.

    Different genes may give one network (4 blocks times 1.04 and times 1.08 are both 5): `size`
    counts paths, as the paper does, and `encode` gives the first in gene order.

    Args:
        base: any space; HRNet-style networks have no resolution, so none may be scaled.
        stages: their order is that of `scale.stage`.
        rule: name of the rounding rules; 'ceil' is the paper's.

    Raises:
        ArchError: for arguments that span no space.
    """

    def __init__(
        self, base: AbstractSpace[A], stages: Sequence[ScalingStage], rule: str = 'ceil'
    ) -> None:
        if not isinstance(base, AbstractSpace):
            raise wrong('space.base', 'a space', base)
        as_list(stages, 'space.stages', 'scaling stages', MOST_STAGES)
        self.base, self.stages, self.rounding = base, tuple(stages), rounding(rule)
        if isinstance(base, ScaledSpace):
            raise scaled_again('space.base')
        for stage in self.stages:
            if not isinstance(stage, ScalingStage):
                raise wrong('space.stages', 'ScalingStage', stage)
        if not self.stages:
            raise refusal('space.stages', 'at least one scaling stage', stages)
        if base.smallest().size is None and any(s.resolution != (1.0,) for s in self.stages):
            raise SpaceError(
                'networks of the base space have no resolution of their own',
                where='space.stages.resolution',
                hint='leave it out',
            )
        count = sum(len(s.depth) * len(s.width) * len(s.resolution) for s in self.stages)
        if count > MOST_SCALINGS:
            raise wrong('space.stages', f'at most {MOST_SCALINGS:,} scalings in all', count)
        largest = base.largest()
        for j, stage in enumerate(self.stages):
            with inside(f'space.stages[{j}]'):
                most = Scaling(*(float(getattr(stage, name)[-1]) for name in FACTORS))
                largest.scaled(most, self.rounding)
        scope = _STAGE.partition('.')[0]
        genes = [Gene(_STAGE, tuple(range(len(self.stages))), scope, scope=scope)]
        for j, stage in enumerate(self.stages):
            genes += [
                Gene(
                    f'{scope}.s{j}.{name}',
                    tuple(getattr(stage, name)),
                    scope,
                    _STAGE,
                    frozenset({j}),
                    scope,
                )
                for name in FACTORS
            ]
        super().__init__([*genes, *base.genes.values()])
        self._factors = [
            [f'scale.s{j}.{name}' for name in FACTORS] for j in range(len(self.stages))
        ]

    def strategies(self, stage: int) -> tuple[Scaling, ...]:
        """The scalings of a stage, in order; those of a sub-space are fewer."""
        rows = (self.genes[name].values for name in self._factors[stage])
        return tuple(Scaling(*(float(v) for v in row)) for row in itertools.product(*rows))

    @property
    def family(self) -> Family:
        """The family of the base's networks."""
        return self.base.family

    def pattern_of(self, role: str) -> str | None:
        """As of the base; 'scaling' are its own."""
        return f'{_STAGE.partition(".")[0]}.*' if role == 'scaling' else self.base.pattern_of(role)

    def grown(self, base: A, scaling: Scaling) -> A:
        """The scaled network."""
        return base.scaled(scaling, self.rounding)

    def merged(self) -> ScaledSpace[A]:
        """The same factors in one single stage, where any depth meets any width and resolution."""
        union = {
            name: tuple(sorted({v for stage in self.stages for v in getattr(stage, name)}))
            for name in FACTORS
        }
        return ScaledSpace(self.base, [ScalingStage(**union)], self.rounding.name)

    def _build(self, values: Genes) -> A:
        depth, width, resolution = self._factors[int(values[_STAGE])]
        factors = (float(values[depth]), float(values[width]), float(values[resolution]))
        return self.base._build(values).scaled(Scaling(*factors), self.rounding)

    def _read(self, arch: A) -> Genes:
        for genes, scaling in self._scalings():
            base = self.base.shrunk(arch, scaling, self.rounding)
            if base is not None:
                values = {**genes, **self.base.encode(base)}
                if all(value in self.genes[name].values for name, value in values.items()):
                    return values
        raise outside('arch', 'a network of the base space, grown by one scaling', described(arch))

    def _shrink(self, arch: Arch, scaling: Scaling, rule: Any) -> A | None:
        raise AssertionError('no scaled space has a scaled base')

    def _scalings(self) -> Iterator[tuple[Genes, Scaling]]:
        for stage in self.genes[_STAGE].values:
            names = self._factors[int(stage)]
            for row in itertools.product(*(self.genes[name].values for name in names)):
                genes: Genes = {_STAGE: stage, **dict(zip(names, row, strict=True))}
                yield genes, Scaling(*(float(value) for value in row))

    def hull(self) -> Hull:
        """What a supernet of the space must hold; restrictions do not count.

        Raises:
            SpaceError: for a base whose networks have none.
        """
        base, rule = self.base.hull(), self.rounding
        grown = [
            base.grown(Scaling(depth, width, resolution), rule)
            for stage in self.stages
            for depth, width, resolution in itertools.product(
                stage.depth[-1:], stage.width, stage.resolution
            )
        ]
        return grown[0].merged(grown[1:])

    @classmethod
    def from_table(
        cls, base: AbstractSpace[A], data: Mapping[str, Any], where: str = 'space'
    ) -> ScaledSpace[A]:
        """The space that plain data describes, over a base that was read before."""
        table = cls.table(data, where)
        as_choice(table['family'], f'{where}.family', (SCALED,))
        stages = [
            ScalingStage.from_dict(stage, f'{where}.stages[{j}]')
            for j, stage in enumerate(
                as_list(table['stages'], f'{where}.stages', 'stages', MOST_STAGES)
            )
        ]
        space = cls(base, stages, table.get('rounding', 'ceil'))
        return space.restricted(table.get('where', []), where)

    @staticmethod
    def table(data: object, where: str) -> Mapping[str, Any]:
        """Plain data of a scaled space, if it has the keys of one."""
        return as_mapping(data, where, ('family', 'base', 'stages'), ('rounding', 'where'))

    def to_dict(self) -> dict[str, object]:
        """Plain data; `scalenas.space.from_dict` reads it back."""
        return {
            'family': SCALED,
            'base': self.base.to_dict(),
            'rounding': self.rounding.name,
            'stages': [stage.to_dict() for stage in self.stages],
            'where': [[pattern, list(values)] for pattern, values in self.restrictions],
        }


def scaled_again(where: str) -> SpaceError:
    """The error for a scaled space as the base of one."""
    return SpaceError('a scaled space cannot be scaled again', where=where)


def described(arch: object) -> str:
    """What it is, in words: its family, or else its type."""
    family = getattr(arch, 'family', None)
    return f'an arch of family {family}' if family else f'a {type(arch).__name__}'


STEP = 50_000_000
MOST_SAMPLES = 10_000_000


def mean_macs(
    space: AbstractSpace[Any],
    cost: Callable[[Arch], Cost],
    samples: int = 100_000,
    seed: int = 0,
) -> float:
    """Mean MACs of so many networks, every gene drawn evenly."""
    rng = random.Random(seed)
    draws = range(as_int(samples, 'samples', 1, MOST_SAMPLES))
    return statistics.fmean(cost(space.sample(rng))['macs'] for _ in draws)


def base_macs(mean: float, step: int = STEP) -> int:
    """f_0: the multiple of `step` MACs nearest to the mean of the base networks.

    Source: ScaleNet (Xie et al. 2022), appendix A.

    Raises:
        SpaceError: when that is 0; networks so small need a smaller step.
    """
    rounded = round(mean / step) * step
    if not rounded:
        raise SpaceError(
            f'the mean of {mean:,.0f} macs is nearer to 0 than to a multiple of it',
            where='step',
            got=step,
            hint='give a smaller one',
        )
    return rounded
