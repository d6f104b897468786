"""The MBConv space: the published nets are in it, genes and archs correspond, tables are right."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import ArchError, named
from scalenas.space import MBConvSpace, SpaceError, StageChoices, bignas_space, from_dict
from scalenas.space import scalenet_space as scalenet
from tests.errors import raises

BIGNAS = bignas_space()
SCALENET = scalenet()
TINY = MBConvSpace(
    [
        StageChoices((8,), (1,), (3,), (1,)),
        StageChoices((8, 16), (1, 2, 3), (3, 5), (3, 6), (False, True), stride=2),
    ],
    resolution=(32, 64),
    conv_out=(32, 64),
)
SPACES = {'bignas': BIGNAS, 'scalenet': SCALENET, 'tiny': TINY}
spaces = st.sampled_from(list(SPACES.values()))
seeds = st.integers(0, 2**32)


def test_the_published_nets_are_in_the_spaces() -> None:
    for name in ('s', 'm', '660m', 'l'):
        assert named(f'bignas_{name}') in BIGNAS
        assert named(f'bignas_{name}') not in SCALENET
    assert named('scalenet_s0') in SCALENET
    assert named('scalenet_s1') not in SCALENET


def test_sizes_are_exact() -> None:
    places = 12 + 12**2 + 12**3 + 12**4
    assert SCALENET.size() == 6 * places**5 * 12
    assert TINY.size() == 2 * 2 * 2 * (8 + 8**2 + 8**3)


@given(spaces, seeds)
def test_genes_and_archs_correspond(space: MBConvSpace, seed: int) -> None:
    rng = random.Random(seed)
    arch, other = space.sample(rng), space.sample(rng)
    assert space.decode(space.encode(arch)) == arch
    assert arch in space
    assert space.mutate(arch, rng, 0.3) in space
    assert space.cross(arch, other, rng, 0.5) in space
    assert from_dict(space.to_dict()) == space


def test_an_inactive_block_does_not_exist() -> None:
    genes = TINY.encode(TINY.largest())
    shallow = {**genes, 's2.depth': 1}
    assert TINY.decode(shallow) == TINY.decode({**shallow, 's2.b2.kernel': 3})
    assert 's2.b1.kernel' not in TINY.encode(TINY.decode(shallow))


def test_a_sub_space_survives_as_text() -> None:
    part = BIGNAS.where('s*.b*.kernel', (3,)).where('resolution', (192, 224))
    assert from_dict(part.to_dict()) == part
    assert part.size() < BIGNAS.size()
    assert named('bignas_s') not in part


def test_what_is_outside_is_named() -> None:
    with raises(SpaceError, problem='not in the space'):
        SCALENET.encode(named('efficientnet_b0'))
    with raises(SpaceError, where='arch', got='RegNetArch', allowed='an MBConvArch'):
        TINY.encode(named('regnetz_500mf'))  # type: ignore[arg-type]
    with raises(SpaceError, where='number of stages', got=7, allowed=(2,)):
        TINY.encode(named('efficientnet_b0'))
    with raises(SpaceError, where='conv_out', got=None, allowed=TINY.conv_out):
        TINY.encode(TINY.smallest().with_(conv_out=None))
    with raises(SpaceError, where='arch.shortcut', got='projected', allowed=('identity',)):
        TINY.encode(TINY.smallest().with_(shortcut='projected'))


@pytest.mark.parametrize(
    ('changes', 'where', 'got', 'allowed'),
    [
        ({'width': [16, 8]}, 'stages.width', (16, 8), 'distinct values, small to large'),
        ({'width': [8.5]}, 'stages.width', 8.5, 'a whole number >= 1'),
        ({'depth': []}, 'stages.depth', (), 'distinct values, small to large'),
        ({'kernel': 4}, 'stages.kernel', 4, (3, 5, 7)),
        ({'kernel': [3, '5']}, 'stages.kernel', '5', 'a whole number >= 1'),
        ({'se': [False, 'yes']}, 'stages.se', 'yes', 'true or false'),
        ({'expand': [6, 8]}, 'stages.expand', 8, 'a whole number from 1 to 6'),
        ({'stride': 3}, 'stages.stride', 3, (1, 2)),
    ],
)
def test_wrong_choices_die_with_one_line(
    changes: dict[str, object], where: str, got: object, allowed: object
) -> None:
    stage = {'width': [8, 16], 'depth': [1, 2], 'kernel': [3, 5], **changes}
    with raises(ArchError, where=f'space.{where}', got=got, allowed=allowed):
        from_dict({'family': 'mbconv', 'stages': [stage]})


def test_an_unknown_choice_is_named() -> None:
    stage = {'width': [8, 16], 'depth': [1, 2], 'kernels': 3}
    with raises(ArchError, where='space.stages[0]', got='kernels', hint="did you mean 'kernel'?"):
        from_dict({'family': 'mbconv', 'stages': [stage]})


def test_an_unknown_option_is_named() -> None:
    with raises(ArchError, where='space', got='shortcuts', hint="did you mean 'shortcut'?"):
        MBConvSpace(TINY.stages, shortcuts='identity')
