"""Hierarchical sampling: stage, then scaling, as equations 1 and 2 of ScaleNet say."""

from __future__ import annotations

import random
from collections import Counter as Tally
from typing import Any

import pytest

from scalenas.sampling import HierarchicalSampler, SamplerError, from_dict
from scalenas.space import scalenet_scaled_space, scalenet_space
from tests.errors import contains, raises

SPACE = scalenet_scaled_space()


def within(count: int, total: int, p: float, sigmas: float = 5) -> bool:
    """A binomial count within `sigmas` standard deviations of its mean."""
    return abs(count - total * p) <= sigmas * (total * p * (1 - p)) ** 0.5


@pytest.mark.parametrize(
    ('eta', 'wanted'),
    [
        ('equal', (1 / 4,) * 4),
        ('size', (1 / 271, 48 / 271, 75 / 271, 147 / 271)),
        ('released', (1 / 17, 4 / 17, 5 / 17, 7 / 17)),
        ([1, 0, 2, 1], (0.25, 0.0, 0.5, 0.25)),
    ],
)
@pytest.mark.longer
def test_stages_come_as_often_as_eta_says(eta: Any, wanted: tuple[float, ...]) -> None:
    sampler = from_dict({'type': 'hierarchical', 'eta': eta, 'seed': 3}, SPACE)
    assert isinstance(sampler, HierarchicalSampler)
    assert sampler.eta == pytest.approx(wanted)
    rounds = 1200
    # The resolution tells the stage, but for 224 (1.00), which stages 0 and 1 share.
    sides = Tally(sampler.archs(i)[0].resolution for i in range(rounds))
    counts = [
        sides[224],
        sides[240] + sides[256],
        sum(sides[side] for side in (272, 287, 303)),
        sum(sides[side] for side in (321, 336, 352)),
    ]
    assert sum(counts) == rounds
    chances = (wanted[0] + wanted[1] / 3, wanted[1] * 2 / 3, wanted[2], wanted[3])
    assert all(within(n, rounds, p) for n, p in zip(counts, chances, strict=True))


def test_paths_are_a_pure_function_of_seed_and_iteration() -> None:
    one, other = (HierarchicalSampler(SPACE, seed=s) for s in (1, 1))
    random.seed(0)
    state = random.getstate()
    later = one.archs(50)
    assert [one.archs(i) for i in range(5)] == [other.archs(i) for i in range(5)]
    assert later == other.archs(50)
    assert random.getstate() == state
    assert HierarchicalSampler(SPACE, seed=2).archs(50) != later
    assert all(arch in SPACE for arch in later)


def test_bases_and_scalings_are_drawn_evenly() -> None:
    """In stage 2 each of 5 depths, 5 widths, 3 resolutions; 12 choices of a block's 'kernel'."""
    part = SPACE.where('scale.stage', (2,))
    sampler, rounds = HierarchicalSampler(part), 900
    assert sampler.eta == (1.0,)
    archs = [sampler.archs(i)[0] for i in range(rounds)]
    sides = Tally(arch.resolution for arch in archs)
    assert all(within(sides[side], rounds, 1 / 3) for side in (272, 287, 303))
    widths = Tally(arch.stages[6].width for arch in archs)
    assert len(widths) == 5
    assert all(within(count, rounds, 1 / 5) for count in widths.values())
    kernels = Tally(arch.stages[3].blocks[0].kernel for arch in archs)
    assert all(within(kernels[k], rounds, 1 / 3) for k in (3, 5, 7))


@pytest.mark.parametrize(
    'eta', [[1, 1], [0, 0, 0, 0], [1, 1, 1, -1], 3], ids=['two', 'zeros', 'below 0', 'a number']
)
def test_weights_are_one_per_stage(eta: object) -> None:
    with raises(SamplerError, where='sampler.eta', got=eta, allowed=contains('4 weights >= 0')):
        from_dict({'type': 'hierarchical', 'eta': eta}, SPACE)


def test_the_nearest_word_is_a_hint() -> None:
    with raises(SamplerError, where='sampler.eta', got='equl', hint="did you mean 'equal'?"):
        from_dict({'type': 'hierarchical', 'eta': 'equl'}, SPACE)
    with raises(SamplerError, where='sampler', got='etas', hint="did you mean 'eta'?"):
        from_dict({'type': 'hierarchical', 'etas': 'size'}, SPACE)


def test_a_space_without_stages_is_refused() -> None:
    with raises(SamplerError, got='MBConvSpace', allowed='a scaled space', names=('hierarchical',)):
        from_dict({'type': 'hierarchical'}, scalenet_space())
