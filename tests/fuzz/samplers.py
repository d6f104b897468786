"""Samplers: everything that a config may say of one, and the first steps of those that can be."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scalenas.sampling import SAMPLERS, from_dict, parse_eta
from scalenas.sampling.mbconv_many import draw_many
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    StageChoices,
)

from .case import Case

HUGE = 10**5000
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 1.5, math.nan, math.inf, 'x', '', {}, {'a': 1}, [[1]], [True], print, HUGE),
    *(10**12, 'ä' * 400, {3}, b'1'),
)
HRNET = HRSpace(8, (1, 1), (1, 2, 3))
MBCONV = MBConvSpace([StageChoices((8, 12), (1, 2, 3))], resolution=(24, 32))
SCALED = ScaledSpace(
    MBCONV, [ScalingStage(), ScalingStage((1.2, 1.5), (1.0, 1.5)), ScalingStage((2.0,), (2.0,))]
)
SPACES: tuple[AbstractSpace[Any], ...] = (HRNET, HRNET.where('*.depth', (2, 3)), MBCONV, SCALED)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless inputs."""
    kinds = (right, right, wrong_value, wrong_value, wrong_key, wrong_type, eta, many)
    while True:
        yield rng.choice(kinds)(rng)


def use(data: Any, space: AbstractSpace[Any]) -> None:
    sampler = from_dict(data, space)
    for iteration in (0, 1, 7, 1000):
        archs = sampler.archs(iteration)
        assert archs
        assert archs == from_dict(data, space).archs(iteration)
        assert all(arch in space for arch in archs)


def good(rng: random.Random) -> tuple[dict[str, Any], AbstractSpace[Any]]:
    """Arguments that are right for a space."""
    kind = rng.choice(list(SAMPLERS))
    space = {'grouped': HRNET, 'hierarchical': SCALED}.get(kind) or rng.choice(SPACES)
    data: dict[str, Any] = {'type': kind}
    if rng.random() < 0.5:
        data['seed'] = rng.choice([0, 1, -3, 2**40])
    if kind == 'sandwich' and rng.random() < 0.7:
        data['num_random'] = rng.randint(0, 5)
    if kind == 'hierarchical' and rng.random() < 0.7:
        data['eta'] = rng.choice(['equal', 'size', 'released', [1, 2, 3], (0, 0.5, 0)])
    if kind == 'fixed' and rng.random() < 0.7:
        arch = space.sample(rng)
        data['arch'] = rng.choice(['largest', 'smallest', arch, arch.to_dict()])
    if kind == 'grouped':
        if rng.random() < 0.5:
            data['depths'] = rng.choice([[[1]], [[1, 2], [2, 3]], ((1, 2, 3),)])
        if rng.random() < 0.5:
            data['fusions'] = rng.choice([[0.5], (0, 1), [0.2, 0.5, 0.8]])
        if rng.random() < 0.5:
            data['released'] = True
            data['smallest_fusion'] = rng.choice([0, 0.1])
    return data, space


def right(rng: random.Random) -> Case:
    data, space = good(rng)
    return Case(f'right {data["type"]}', lambda: use(data, space), False)


def wrong_value(rng: random.Random) -> Case:
    data, space = good(rng)
    keys = {
        'grouped': ['seed', 'depths', 'fusions', 'released', 'smallest_fusion'],
        'sandwich': ['seed', 'num_random'],
        'hierarchical': ['seed', 'eta'],
        'fixed': ['seed', 'arch'],
        'uniform': ['seed'],
    }[data['type']]
    key, bad = rng.choice(keys), rng.choice(STRANGE)
    if key in ('depths', 'fusions') and rng.random() < 0.7:
        bad = rng.choice([[bad], [[bad]], [[1, bad]], [0.5, bad], []])
    data[key] = bad
    wrong: bool | None = True
    if key == 'seed' and isinstance(bad, int) and not isinstance(bad, bool) and abs(bad) < 2**63:
        wrong = False
    if key == 'depths' and bad in (None, [[1]]):
        wrong = False
    if key in ('fusions', 'smallest_fusion', 'released'):
        wrong = None
    return Case(f'{data["type"]} {key} = {type(bad).__name__}', lambda: use(data, space), wrong)


def wrong_key(rng: random.Random) -> Case:
    data, space = good(rng)
    data[rng.choice(['sead', 'space', '', 'größe', 'num', 5, None, True, 'x' * 300])] = 1
    return Case('key', lambda: use(data, space), True)


def wrong_type(rng: random.Random) -> Case:
    data, space = good(rng)
    what = rng.randrange(3)
    if what == 0:
        data['type'] = rng.choice([*STRANGE, 'Uniform', 'sandwhich', ['uniform'], [1]])
        return Case('type', lambda: use(data, space), True)
    if what == 1:
        bad = rng.choice(STRANGE)
        return Case('no mapping', lambda: use(bad, space), True)
    other = {'grouped': MBCONV, 'hierarchical': HRNET}.get(data['type'])
    if other is None:
        return Case('right', lambda: use(data, space), False)
    return Case('another space', lambda: use(data, other), True)


def eta(rng: random.Random) -> Case:
    text = rng.choice(
        ['1,2,3', 'equal', '1,x', ',', '1,,2', 'nan,1,1', '1e999,1,1', '9' * 5000 + ',1,1', '٣,1,1']
    )
    right = text in ('1,2,3', 'equal')
    data = {'type': 'hierarchical'}
    return Case(
        'eta',
        lambda: use({**data, 'eta': parse_eta(text)}, SCALED),
        False if right else None if text[0] == '٣' else True,
    )


def many(rng: random.Random) -> Case:
    num, seed = rng.choice([(5, 0), (1, 3), (0, 0), (5, -1), (10**12, 0), (True, 0), (5, 1.5)])
    right = (num, seed) in ((5, 0), (1, 3)) and num is not True
    return Case('many', lambda: draw_many(MBCONV, num, seed), not right)
