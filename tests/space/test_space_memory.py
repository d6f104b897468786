"""What a space keeps, of networks and of steps, changes nothing but its speed."""

from __future__ import annotations

import copy
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings

from scalenas.space import HRSpace, MBConvSpace, ScaledSpace, ScalingStage, StageChoices
from scalenas.space.together import MOST_RECENT, Recent
from tests.strategies import TINY, seeds

DEEP = HRSpace(8, (1, 1, 2), (1, 2, 4), output='single', inner_widths=(0.5, 1.0))
SPACES = {
    'hrnet': DEEP,
    # One block times 1.5, and two times 1, are both two: paths of equal networks.
    'scaled': ScaledSpace(TINY, [ScalingStage((1.0, 1.5, 2.0)), ScalingStage((1.0, 2.0))]),
    'mbconv': MBConvSpace([StageChoices((16, 24), (1, 2), (3, 5), (4, 6))], resolution=(64, 96)),
}


@pytest.mark.parametrize('name', SPACES)
@settings(max_examples=20)
@given(seeds)
def test_genes_do_not_depend_on_what_was_asked_before(name: str, seed: int) -> None:
    space, rng = SPACES[name], random.Random(seed)
    one, other = space.sample(rng), space.sample(rng)
    child = space.cross(one, other, rng, 0.5)
    for arch in (one, other, child, space.mutate(child, rng, 0.5)):
        genes = space.encode(arch)
        assert space.encode(copy.deepcopy(arch)) == genes
        assert list(genes) == [gene for gene in space.genes if gene in genes]
        assert space.decode(genes) == arch
        genes.clear()
        assert space.encode(arch)


@pytest.mark.parametrize('name', SPACES)
def test_a_sub_space_does_not_know_what_its_space_knows(name: str) -> None:
    space = SPACES[name]
    largest = space.largest()
    assert largest in space
    pattern = '*.depth'
    narrow = space.where(pattern, (1,))
    assert largest not in narrow
    assert narrow.largest() in narrow
    assert largest in space


def test_only_the_last_networks_are_kept() -> None:
    recent: Recent[list[int]] = Recent()
    archs = [[n] for n in range(MOST_RECENT + 2)]
    for arch in archs:
        assert recent.keep(arch, {'gene': arch[0]}) is arch
    assert [recent.genes(arch) for arch in archs[:3]] == [None, None, {'gene': 2}]
    assert recent.genes([2]) is None  # equal, and another object


def test_few_kept_steps_make_the_same_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> list[object]:
        space, rng = HRSpace(8, (1, 1, 2), (1, 2, 4), output='single'), random.Random(3)
        archs = [space.sample(rng) for _ in range(12)]
        pairs = [space.cross(*pair, rng, 0.5) for pair in pairwise(archs)]
        return [*archs, *pairs, *(space.encode(copy.deepcopy(arch)) for arch in archs)]

    expected = drawn()
    monkeypatch.setattr('scalenas.space.hrnet_places.MOST_STEPS', 2)
    monkeypatch.setattr('scalenas.space.hrnet_places.MOST_PLANS', 2)
    assert drawn() == expected
