"""Patterns of genes: `*.depth` is what it says in every space, scaled ones among them."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from scalenas.arch import ArchError
from scalenas.errors import UserError
from scalenas.space import (
    HRSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    SpaceError,
    StageChoices,
    bignas_space,
    from_dict,
    scalenet_scaled_space,
)
from tests.errors import check_line, contains, raises
from tests.strategies import TINY

BIGNAS = bignas_space()
STAGES = [ScalingStage(), ScalingStage((1.2, 1.5), (1.0, 1.5))]
SPACES = {
    'hrnet': (TINY, ScaledSpace(TINY, STAGES), (1, 2)),
    'mbconv': (BIGNAS, ScaledSpace(BIGNAS, STAGES), (2,)),
    'scalenet': (scalenet_scaled_space().base, scalenet_scaled_space(), (1,)),
}
IDIOMS = {
    'hrnet': [
        '*.depth',
        's*.depth',
        '*depth',
        '*.f*',
        's[34].*',
        's*',
        '*.t0.f*',
        's?.m0.b?.depth',
    ],
    'mbconv': ['s*.depth', '*.depth', '*.width', '*width', '*.kernel', 's*', 'resolution', '?tem'],
    'scalenet': ['*.depth', '*.width', '*.se', 's[23].*', 's*', 'resolution', '*e'],
}


@pytest.mark.parametrize(('family', 'pattern'), [(f, p) for f in IDIOMS for p in IDIOMS[f]])
def test_a_pattern_means_the_same_genes_in_a_base_and_once_it_is_scaled(family, pattern) -> None:
    base, scaled, _ = SPACES[family]
    assert list(scaled.matching(pattern)) == list(base.matching(pattern))


@pytest.mark.parametrize('family', SPACES)
def test_the_documented_idiom(family: str) -> None:
    base, scaled, depths = SPACES[family]
    pattern = 's[2-6].depth' if family == 'mbconv' else '*.depth'
    part = scaled.where(pattern, depths)
    assert part.size() < scaled.size()
    assert part.size() * base.size() == scaled.size() * base.where(pattern, depths).size()
    assert from_dict(part.to_dict()) == part
    rng = random.Random(1)
    for _ in range(5):
        genes = part.encode(part.sample(rng))
        names = part.matching(pattern)
        assert all(genes[name] in depths for name in names if name in genes)


@pytest.mark.parametrize('family', SPACES)
def test_scalings_have_patterns_too(family: str) -> None:
    _, scaled, _ = SPACES[family]
    assert list(scaled.matching('scale.*')) == [n for n in scaled.genes if n.startswith('scale.')]
    assert scaled.matching('scale*') == scaled.matching('scale.*')
    assert list(scaled.matching('scale.s1.*')) == [
        f'scale.s1.{name}' for name in ('depth', 'width', 'resolution')
    ]
    assert set(scaled.matching('*')) == set(scaled.genes)
    most = scaled.stages[1].depth[-1:]
    part = scaled.where('scale.stage', (1,)).where('scale.s1.depth', most)
    part = part.where('scale.s1.width', (scaled.stages[1].width[-1],))
    genes = part.encode(part.sample(random.Random(0)))
    assert (genes['scale.stage'], genes['scale.s1.depth']) == (1, *most)
    weights = {'*.depth': [1.0] + [0.0] * (len(TINY.depth) - 1)}
    if family == 'hrnet':
        genes = scaled.encode(scaled.sample(random.Random(0), weights))
        assert {v for k, v in genes.items() if k.endswith('b0.depth')} == {1}


@pytest.mark.parametrize('pattern', ['*.s1.depth', '*.stage', '*.resolution', 'scal?.stage'])
def test_a_pattern_that_means_only_scalings_without_a_word_says_how(pattern: str) -> None:
    with raises(SpaceError, got=pattern, hint=contains("begin with 'scale.'")):
        SPACES['mbconv'][1].where(pattern, (1,))


@pytest.mark.parametrize(
    'pattern', [None, 3, True, ['*'], 'x' * 10_000, '', '[', 'scale', 'scale.x']
)
def test_patterns_that_are_none(pattern: Any) -> None:
    for space in SPACES['hrnet'][:2]:
        for ask in (
            lambda space=space: space.where(pattern, (1,)),
            lambda space=space: space.matching(pattern),
            lambda space=space: space.mutate(space.largest(), random.Random(0), 0.5, pattern),
        ):
            with raises(SpaceError, where='pattern', got=lambda got: got is pattern):
                ask()


@pytest.mark.parametrize(
    'values',
    [
        *(3, 'ab', None, {1: 2}, (), (True,), (False, 1), (1.5,), ('1',), ([1],), ({},), (None,)),
        *((float('nan'),), (1, 99), tuple(range(5000)), (10**5000,)),
    ],
)
def test_values_that_a_gene_has_not(values: Any) -> None:
    start = time.perf_counter()
    for space in SPACES['hrnet'][:2]:
        with pytest.raises(UserError) as error:
            space.where('*.depth', values)
        check_line(error.value)
    assert time.perf_counter() - start < 2


def test_a_switch_is_no_number() -> None:
    with pytest.raises(SpaceError) as error:
        TINY.where('*.f*', (1,))
    assert error.value.got == (1,)
    assert '.f' in error.value.where
    genes = TINY.encode(TINY.largest())
    name = next(name for name in genes if '.f' in name)
    for bad in (1, 'True', None, [True]):
        with pytest.raises(SpaceError):
            TINY.decode({**genes, name: bad})
    for bad in (True, '1', None, [1], 99):
        with pytest.raises(SpaceError):
            TINY.decode({**genes, 's2.m0.b0.depth': bad})
    for bad in ([], None, 'genes', 5):
        with pytest.raises(SpaceError):
            TINY.decode(bad)


STAGE = StageChoices((8,), (1, 2))
MAKERS: list[Any] = [
    lambda bad: HRSpace(bad),
    lambda bad: HRSpace(8, bad),
    lambda bad: HRSpace(8, (bad,)),
    lambda bad: HRSpace(8, (1,), bad),
    lambda bad: HRSpace(8, (1,), (bad,)),
    lambda bad: HRSpace(8, (1,), (1,), bad),
    lambda bad: HRSpace(8, (1,), (1,), 8, bad),
    lambda bad: HRSpace(8, (1,), (1,), 8, 1, bad),
    lambda bad: HRSpace(8, (1,), (1,), in_channels=bad),
    lambda bad: HRSpace(8, (1,), (1,), output=bad),
    lambda bad: StageChoices(bad, (1,)),
    lambda bad: StageChoices((8,), bad),
    lambda bad: StageChoices((bad,), (1,)),
    lambda bad: StageChoices((8,), (bad,)),
    lambda bad: StageChoices((8,), (1,), (bad,)),
    lambda bad: StageChoices((8,), (1,), expand=(bad,)),
    lambda bad: StageChoices((8,), (1,), stride=bad),
    lambda bad: MBConvSpace(bad),
    lambda bad: MBConvSpace([bad]),
    lambda bad: MBConvSpace([STAGE], bad),
    lambda bad: MBConvSpace([STAGE], (bad,)),
    lambda bad: MBConvSpace([STAGE], (32,), (bad,)),
    lambda bad: MBConvSpace([STAGE], (32,), (8,), (bad,)),
    lambda bad: MBConvSpace([STAGE], squeeze=bad),
    lambda bad: MBConvSpace([STAGE], in_channels=bad),
    lambda bad: ScaledSpace(bad, [ScalingStage()]),
    lambda bad: ScaledSpace(TINY, bad),
    lambda bad: ScaledSpace(TINY, [bad]),
    lambda bad: ScaledSpace(TINY, [ScalingStage()], bad),
    lambda bad: ScalingStage(bad),
    lambda bad: ScalingStage((bad,)),
    lambda bad: from_dict(bad),
    lambda bad: from_dict({'family': bad}),
    lambda bad: from_dict({**TINY.to_dict(), 'where': bad}),
    lambda bad: from_dict({**TINY.to_dict(), 'where': [bad]}),
    lambda bad: from_dict({**TINY.to_dict(), 'where': [['*.depth', bad]]}),
    lambda bad: TINY.mutate(TINY.largest(), random.Random(0), bad),
    lambda bad: TINY.cross(TINY.largest(), TINY.largest(), random.Random(0), bad),
    lambda bad: TINY.sample(random.Random(0), {'*.depth': bad}),
    lambda bad: TINY.sample(random.Random(0), {'*.depth': (1, 1, bad)}),
]
BAD = [True, 0.5, -1, 'x', {}, {'a': 1}, [[1]], float('nan'), 10**12, 10**5000, range(10**9)]


@pytest.mark.parametrize('make', MAKERS)
def test_no_argument_of_a_space_ends_in_anything_but_a_line(make: Any) -> None:
    refused = 0
    for bad in BAD:
        start = time.perf_counter()
        try:
            make(bad)
        except UserError as error:
            refused += 1
            text = str(error)
            assert text, bad
            assert '\n' not in text
            assert len(text) < 500
        assert time.perf_counter() - start < 3, bad
    assert refused >= len(BAD) - 2


@pytest.mark.parametrize(
    'make',
    [
        lambda: HRSpace(8, (1,), (10**12,)),
        lambda: HRSpace(8, (1,), tuple(range(1, 20_000))),
        lambda: HRSpace(8, (1, 1, 1), (3000,)),
        lambda: HRSpace(8, (1000, 1000, 1000)),
        lambda: HRSpace(500_000, (1, 1, 1)),
        lambda: MBConvSpace([StageChoices((8,), (10**12,))]),
        lambda: MBConvSpace([StageChoices((8,), (5000,))]),
        lambda: MBConvSpace([STAGE], resolution=range(32, 32_000)),
        lambda: MBConvSpace([STAGE] * 101),
        lambda: ScaledSpace(TINY, [ScalingStage((1e6,))]),
        lambda: ScaledSpace(TINY, [ScalingStage(width=(1e6,))]),
        lambda: ScaledSpace(
            BIGNAS, [ScalingStage(*(tuple(1 + i / 100 for i in range(100)) for _ in range(3)))]
        ),
        lambda: ScaledSpace(TINY, [ScalingStage()] * 101),
    ],
)
def test_a_space_without_bounds_is_refused_at_once(make: Any) -> None:
    start = time.perf_counter()
    with pytest.raises(ArchError) as error:
        make()
    assert time.perf_counter() - start < 2
    assert error.value.got is not None
    assert error.value.allowed


def test_a_large_space_is_still_one() -> None:
    """Eight times the paper's genes; every question takes less than a second."""
    space = HRSpace(8, (1, 8, 8), tuple(range(1, 21)))
    assert len(space.genes) > 8 * len(HRSpace().genes)
    start = time.perf_counter()
    arch = space.sample(random.Random(0))
    assert space.decode(space.encode(arch)) == arch
    assert space.size() > 10**800
    assert space.where('*.depth', (1, 2)).largest() in space
    assert time.perf_counter() - start < 10
