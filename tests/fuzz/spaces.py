"""Spaces: their arguments, patterns and values of `where`, genes, budgets, grids."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scalenas.complexity import Budget, Cost
from scalenas.search.coarse_to_fine import grid_archs
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    StageChoices,
    bignas_space,
    from_dict,
    scalenet_scaled_space,
)

from .case import Case

HUGE = 10**5000
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
NO_NUMBERS: tuple[Any, ...] = (
    *(True, False, 0, -1, 1.5, math.nan, math.inf, 10**12, HUGE, '3', '', 'ä', {}, {'a': 1}),
    *([[1]], ENDLESS, b'3', print, {3}, range(10**9), 'x' * 500),
)
"""None of them is a depth, a width or a side."""

NO_FACTORS: tuple[Any, ...] = (
    *(True, 0, 0.5, -1, math.nan, math.inf, 1e300, HUGE, '2', {}, [[1]], print, 10**12),
)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless inputs."""
    spaces: list[AbstractSpace[Any]] = [
        HRSpace(8, (1, 2), (1, 2, 3)),
        HRSpace(6, (1, 1, 1), (1, 2), output='single'),
        HRSpace(32),
        HRSpace(16, (1, 1), (1, 2), inner_widths=(0.5, 0.75, 1)),
        bignas_space(),
        scalenet_scaled_space(),
        ScaledSpace(HRSpace(8, (1, 1), (2, 3)), [ScalingStage(), ScalingStage((1.5, 2.0))]),
    ]
    kinds: list[Callable[[random.Random, AbstractSpace[Any]], Case]] = [
        *(right_hrnet, right_mbconv, right_scaled, wrong_hrnet, wrong_mbconv, wrong_scaled),
        *(plain, where_of, where_of, pattern_of, genes_of, genes_of, moves_of, weights_of),
        *(budget_of, grid_of, too_large),
    ]
    while True:
        yield rng.choice(kinds)(rng, rng.choice(spaces))


def use(space: AbstractSpace[Any]) -> None:
    """What everybody does with a space who has one."""
    rng = random.Random(0)
    arch, other = space.sample(rng), space.sample(rng)
    assert space.decode(space.encode(arch)) == arch
    assert space.mutate(arch, rng, 0.3) in space
    assert space.cross(arch, other, rng, 0.5) in space
    assert space.largest() in space
    assert space.smallest() in space
    assert space.size() >= 1
    assert from_dict(json.loads(json.dumps(space.to_dict()))) == space


def ascending(rng: random.Random, least: int, most: int, count: int = 4) -> tuple[int, ...]:
    return tuple(sorted(rng.sample(range(least, most + 1), rng.randint(1, count))))


def hrnet_of(rng: random.Random) -> dict[str, Any]:
    width = rng.randint(1, 64)
    return {
        'width': width,
        'inner_widths': rng.choice([[1], [0.5, 1] if width >= 8 else [1.0]]),
        'num_modules': [rng.randint(1, 3) for _ in range(rng.randint(1, 3))],
        'depth': list(ascending(rng, 1, 6)),
        'stem': rng.randint(1, 64),
        'stage1_blocks': rng.randint(1, 4),
        'stage1_channels': rng.randint(1, 64),
        'upsample': rng.choice(['nearest', 'bilinear']),
        'output': rng.choice(['multi', 'single']),
        'in_channels': rng.randint(1, 4),
    }


def stage_of(rng: random.Random) -> dict[str, Any]:
    return {
        'width': ascending(rng, 1, 64),
        'depth': ascending(rng, 1, 4),
        'kernel': tuple(sorted(rng.sample([3, 5, 7], rng.randint(1, 3)))),
        'expand': tuple(sorted(rng.sample(range(1, 7), rng.randint(1, 3)))),
        'se': rng.choice([(True,), (False,), (False, True)]),
        'stride': rng.choice([1, 2]),
    }


def mbconv_of(rng: random.Random) -> dict[str, Any]:
    return {
        'stages': [StageChoices(**stage_of(rng)) for _ in range(rng.randint(1, 4))],
        'resolution': ascending(rng, 1, 320),
        'stem': ascending(rng, 1, 64),
        'conv_out': ascending(rng, 1, 500),
        'shortcut': rng.choice(['identity', 'projected']),
        'activation': rng.choice(['swish', 'relu', 'relu6', 'hswish']),
    }


def right_hrnet(rng: random.Random, _: Any) -> Case:
    data = hrnet_of(rng)
    return Case('right hrnet', lambda: use(HRSpace(**data)), False)


def right_mbconv(rng: random.Random, _: Any) -> Case:
    data = mbconv_of(rng)
    return Case('right mbconv', lambda: use(MBConvSpace(**data)), False)


def right_scaled(rng: random.Random, _: Any) -> Case:
    data = mbconv_of(rng)
    rule = rng.choice(['ceil', 'nearest', 'pycls', 'efficientnet'])

    def factors() -> tuple[float, ...]:
        return tuple(sorted({1 + rng.randint(0, 8) / 8 for _ in range(2)}))

    stages = [ScalingStage(factors(), factors(), factors()) for _ in range(rng.randint(1, 3))]
    return Case('right scaled', lambda: use(ScaledSpace(MBConvSpace(**data), stages, rule)), False)


def wrong_hrnet(rng: random.Random, _: Any) -> Case:
    data = hrnet_of(rng)
    key, bad = rng.choice(list(data)), rng.choice(NO_NUMBERS)
    if key in ('num_modules', 'depth', 'inner_widths'):
        bad = rng.choice([bad, [bad], [1, bad], []])
    data[key] = bad
    return Case(f'hrnet {key}', lambda: use(HRSpace(**data)), True)


def wrong_mbconv(rng: random.Random, _: Any) -> Case:
    data, stage, bad = mbconv_of(rng), stage_of(rng), rng.choice(NO_NUMBERS)
    if rng.random() < 0.5:
        key = rng.choice(list(stage))
        if key == 'se':
            bad = rng.choice([1, 'yes', None, 0.5])
        stage[key] = bad if key == 'stride' else rng.choice([bad, (bad,), ()])

        def run() -> None:
            use(MBConvSpace([StageChoices(**stage)]))

        return Case(f'stage {key}', run, True)
    key = rng.choice(list(data))
    choice = key in ('resolution', 'stem', 'conv_out')
    data[key] = rng.choice([bad, (bad,), (5, 5), (9, 5), ()]) if choice else bad
    return Case(f'mbconv {key}', lambda: use(MBConvSpace(**data)), True)


def wrong_scaled(rng: random.Random, space: Any) -> Case:
    bad = rng.choice(NO_FACTORS)
    makers: list[Callable[[], Any]] = [
        lambda: ScalingStage(bad),
        lambda: ScalingStage((bad,)),
        lambda: ScalingStage((1.0, bad)),
        lambda: ScalingStage((2.0, 1.5)),
        lambda: ScaledSpace(bad, [ScalingStage()]),
        lambda: ScaledSpace(HRSpace(8), bad),
        lambda: ScaledSpace(HRSpace(8), [bad]),
        lambda: ScaledSpace(HRSpace(8), [ScalingStage()], bad),
        lambda: ScaledSpace(HRSpace(8), [ScalingStage(resolution=(2.0,))]),
        lambda: ScaledSpace(scalenet_scaled_space(), [ScalingStage()]),
    ]
    return Case('scaled', rng.choice(makers), True)


def plain(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    """Plain data with one fault."""
    data = json.loads(json.dumps(space.to_dict()))
    key = rng.choice([*data, 'widht', '', 'größe'])
    bad = rng.choice([*NO_NUMBERS, None])
    if key == 'where' and bad == []:
        bad = None
    right = key == 'in_channels' and isinstance(bad, int) and not isinstance(bad, bool)
    data[key] = bad
    wrong = None if right and 0 < bad < 10**6 else True
    return Case(f'plain {key}', lambda: use(from_dict(data)), wrong)


def where_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    name = rng.choice(list(space.genes))
    values = space.genes[name].values
    if rng.random() < 0.4:
        kept = tuple(rng.sample(values, rng.randint(1, len(values))))
        return Case(f'where {name}', lambda: use(space.where(name, kept)), False)
    flags = isinstance(values[0], bool)
    bad = rng.choice([*NO_NUMBERS[2:], None, 1 if flags else True])
    if isinstance(bad, int | float) and not isinstance(bad, bool) and not flags and bad in values:
        bad = 'x'
    given = rng.choice([bad, (bad,), (values[0], bad), (), [bad, bad]])
    return Case(f'where {name}', lambda: use(space.where(name, given)), True)


def pattern_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    name = list(rng.choice(list(space.genes)))
    for _ in range(rng.randint(1, 3)):
        name[rng.randrange(len(name))] = rng.choice(['*', '?', '[0-9]', '[', '.', 'x', '**', 'ä'])
    pattern: Any = ''.join(name)
    if rng.random() < 0.2:
        pattern = rng.choice(
            [None, 5, True, [], {}, '', 'a' * 5000, '*' * 150 + 'x', 'scale', b'*']
        )
        return Case(f'pattern {pattern!s:.20}', lambda: space.where(pattern, (1,)), True)
    asked = space.genes[next(iter(space.genes))].values
    return Case(f'pattern {pattern}', lambda: use(space.where(pattern, asked)), None)


def genes_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    genes: dict[Any, Any] = dict(space.encode(space.sample(rng)))
    name = rng.choice(list(genes))
    what = rng.randrange(5)
    wrong: bool | None = True
    if what == 0:
        wrong = False
    elif what == 1:
        del genes[name]
    elif what == 2:
        genes[rng.choice(['s9.x', '', 'ä', 'scale.s99.depth', 5, None])] = 1
    elif what == 3:
        old = genes[name]
        genes[name] = rng.choice([None, [old], str(old), math.nan, HUGE, {}, -5])
    else:
        flag = isinstance(genes[name], bool)
        genes[name] = int(genes[name]) if flag else True
    return Case(f'genes {what}', lambda: space.decode(genes), wrong)


def moves_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    arch = space.sample(rng)
    other = rng.choice([arch, space.largest(), None, 5, 'x', {}, HRSpace(4).smallest()])
    p = rng.choice([0, 0.5, 1, 1.0, *NO_NUMBERS, None])
    good = isinstance(p, int | float) and not isinstance(p, bool) and 0 <= p <= 1
    inside = other in (arch, space.largest())
    wrong = not (good and inside)
    return Case('moves', lambda: space.cross(arch, other, random.Random(0), p), wrong)


def weights_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    name = rng.choice(list(space.genes))
    count = len(space.genes[name].values)
    row: Any = [rng.random() + 0.01 for _ in range(count)]
    wrong = False
    if rng.random() < 0.7:
        wrong = True
        row = rng.choice(
            [
                [0.0] * count,
                [*row, 1.0],
                [*row[1:], rng.choice([-1, math.nan, math.inf, 'x', None, True, HUGE, []])],
                *(5, 'x' * count, None, {}, []),
            ]
        )
    return Case('weights', lambda: space.sample(random.Random(0), {name: row}), wrong)


def budget_of(rng: random.Random, _: Any) -> Case:
    key, end = rng.choice(['macs', 'params', 'acts']), rng.randrange(2)
    value = rng.choice([0, 5, 1e9, 12.5, None, 10**9, *NO_NUMBERS])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right = value is None or (number and 0 <= value < 1e18)

    def run() -> None:
        budget = Budget({key: (value, None) if end else (None, value)})
        assert budget.violation(Cost(macs=10, params=10, acts=10)) >= 0
        assert str(budget)

    return Case(f'budget {key}', run, not right)


def grid_of(rng: random.Random, space: AbstractSpace[Any]) -> Case:
    bad = rng.choice(NO_NUMBERS)
    good = [{'genes': ['*'], 'levels': rng.randint(2, 5)}]
    grid, wrong = rng.choice(
        [
            (good, False),
            ([{'genes': ['*'], 'levels': bad}], True),
            ([{'genes': bad, 'levels': 2}], True),
            ([{'genes': [bad], 'levels': 2}], True),
            (bad, True),
            ([bad], True),
            ([{'settings': bad}], True),
            ([{'settings': [bad]}], True),
            ([{'settings': [{'*': bad}]}], True),
            ([*good, *good], True),
            ([{'genes': [name], 'levels': 5} for name in space.genes], True),
        ]
    )
    if wrong and grid and isinstance(grid, list) and grid[0] == {'a': 1}:
        wrong = True
    return Case('grid', lambda: grid_archs(space, grid), wrong)


def too_large(rng: random.Random, _: Any) -> Case:
    n = rng.choice([10**4, 10**5, 10**6, 10**9, 10**12])
    many = tuple(range(1, 3000))
    makers: list[Callable[[], Any]] = [
        lambda: HRSpace(8, (1, 1, 1), (n,)),
        lambda: HRSpace(8, (n,), (1,)),
        lambda: HRSpace(8, (1,) * 30, (1,)),
        lambda: HRSpace(8, (1,), many),
        lambda: HRSpace(8, (900, 900), (3,)),
        lambda: MBConvSpace([StageChoices((8,), (n,))]),
        lambda: MBConvSpace([StageChoices(many, (1,))]),
        lambda: MBConvSpace([StageChoices((8,), (1,))] * 500),
        lambda: MBConvSpace([StageChoices((8,), (1,))], resolution=many),
        lambda: ScaledSpace(HRSpace(8), [ScalingStage()] * 500),
        lambda: ScaledSpace(HRSpace(8), [ScalingStage(depth=(float(n),))]),
        lambda: ScaledSpace(HRSpace(8), [ScalingStage(width=(float(10 * n),))]),
        lambda: ScaledSpace(
            bignas_space(), [ScalingStage(*(tuple(1 + i / 99 for i in range(60)),) * 3)]
        ),
    ]
    return Case('too large', rng.choice(makers), True)
