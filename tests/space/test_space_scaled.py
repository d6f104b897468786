"""Scaled spaces: a base times scaling stages, for MBConv and HRNet-style networks."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ROUNDINGS, Arch, ArchError, MBConvArch, Scaling, named
from scalenas.errors import NOTHING
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    SpaceError,
    StageChoices,
    from_dict,
    hull_of,
    scalenet_scaled_space,
    scalenet_space,
    scalenet_stages,
)
from tests.errors import contains, raises
from tests.strategies import TINY

SCALENET = scalenet_scaled_space()
HR = ScaledSpace(
    TINY, [ScalingStage(), ScalingStage((1.2, 1.5), (1.0, 1.5)), ScalingStage((1.7, 2), (2.0,))]
)
HR_SINGLE = ScaledSpace(
    HRSpace(8, (1, 1, 1), (1, 2), 16, 1, output='single'), [ScalingStage(), ScalingStage((1.5,))]
)
HR_INNER = ScaledSpace(
    HRSpace(8, (1, 1), (1, 2), 16, 1, inner_widths=(0.5, 1)),
    [ScalingStage(), ScalingStage((1.0, 1.5), (1.0, 1.5, 2.0))],
)
WIDE = ScaledSpace(
    MBConvSpace(
        [
            StageChoices((8, 12, 16), (1, 2), (3,), (1,)),
            StageChoices((16, 24), (1, 2, 3), (3, 5), (3, 6), (False, True), stride=2),
        ],
        resolution=(32, 64),
        stem=(8, 16),
        conv_out=(32, 40),
    ),
    [ScalingStage(), ScalingStage((1.1, 1.3), (1.1, 1.25), (1.0, 1.1))],
    rule='efficientnet',
)
SPACES = {
    'scalenet': SCALENET,
    'hrnet': HR,
    'single': HR_SINGLE,
    'inner': HR_INNER,
    'wide': WIDE,
}
spaces = st.sampled_from([*SPACES.values(), SCALENET.merged(), WIDE.merged()])
seeds = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(spaces, seeds)
def test_genes_and_archs_correspond(space: ScaledSpace, seed: int) -> None:
    rng = random.Random(seed)
    arch, other = space.sample(rng), space.sample(rng)
    genes = space.encode(arch)
    assert space.decode(genes) == arch
    assert list(genes) == [name for name in space.genes if name in genes]
    assert from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert space.mutate(arch, rng, 0.3) in space
    assert space.cross(arch, other, rng, 0.5) in space


@settings(max_examples=60, deadline=None)
@given(spaces, seeds)
def test_a_network_is_its_base_grown_by_its_scaling(space: ScaledSpace, seed: int) -> None:
    rng = random.Random(seed)
    base = space.base.sample(rng)
    for stage in range(len(space.stages)):
        scaling = rng.choice(space.strategies(stage))
        grown = space.grown(base, scaling)
        assert grown == base.scaled(scaling, space.rounding)
        assert grown in space
        back = space.base.shrunk(grown, scaling, space.rounding)
        assert back is not None
        assert back.scaled(scaling, space.rounding) == grown


def test_factors_of_inactive_stages_do_not_exist() -> None:
    genes = SCALENET.encode(SCALENET.largest())
    assert genes['scale.stage'] == 3
    assert not any(name.startswith('scale.s1') for name in genes)
    assert SCALENET.decode({**genes, 'scale.s1.depth': 1.04}) == SCALENET.largest()
    # 4 blocks times 1.04 and times 1.08 are both 5: one network, one set of genes.
    base = SCALENET.base.largest()
    twins = [SCALENET.grown(base, Scaling(d, 1.04, 1.0)) for d in (1.04, 1.08)]
    assert twins[0] == twins[1]
    assert SCALENET.encode(twins[1])['scale.s1.depth'] == 1.04


def test_table_7_and_the_number_of_paths() -> None:
    stages = scalenet_stages()
    assert [len(SCALENET.strategies(j)) for j in range(4)] == [1, 48, 75, 147]
    assert stages[1].depth == (1.04, 1.08, 1.12, 1.16)
    assert (stages[2].width[0], stages[2].width[-1]) == (1.2, 1.36)
    assert stages[3].width == (1.4, 1.44, 1.48, 1.52, 1.56, 1.6, 1.64)
    assert [s.resolution for s in stages] == [
        (1.0,),
        (1.0, 1.07, 1.14),
        (1.21, 1.28, 1.35),
        (1.43, 1.5, 1.57),
    ]
    assert SCALENET.size() == scalenet_space().size() * (1 + 48 + 75 + 147)
    assert 1e26 < SCALENET.size() < 2e26  # "almost 2e26"


def test_the_published_nets_of_searched_stages_are_in_the_space() -> None:
    """S1 is; the printed resolutions of S2 and S3 (1.355, 1.58) are on no grid of table 7."""
    s0 = named('scalenet_s0')
    assert SCALENET.encode(s0)['scale.stage'] == 0
    assert named('scalenet_s1') in SCALENET
    base = SCALENET.base.shrunk(named('scalenet_s1'), Scaling(1.08, 1.04, 1.14), ROUNDINGS['ceil'])
    assert base == s0
    for name in ('scalenet_s2', 'scalenet_s3'):
        arch = named(name)
        assert isinstance(arch, MBConvArch)
        assert arch not in SCALENET
        assert arch.with_(resolution=303 if name.endswith('2') else 352) in SCALENET
    assert named('scalenet_s4') not in SCALENET


def test_half_width_for_imagenet_100() -> None:
    half = scalenet_scaled_space(half=True).base.smallest()
    assert (half.stem, half.conv_out) == (16, 640)
    assert [stage.width for stage in half.stages] == [8, 16, 20, 40, 48, 96, 160]


def test_the_hull_holds_the_largest_of_every_stage() -> None:
    hull = hull_of(SCALENET)
    assert [stage.depth for stage in hull.stages] == [2, 7, 7, 7, 7, 7, 2]
    assert hull.stages[6].widths[-1] == 525
    assert hull.stems[-1] == 53
    assert hull.conv_outs == (1280,)
    assert hull.resolutions[-1] == 352
    assert len(hull.stages[1].blocks) == 12
    assert hull_of(SCALENET.where('scale.stage', (0,))) == hull
    with raises(SpaceError, where='space', got='hrnet', allowed='one of MBConv networks'):
        hull_of(HR)


def test_merged_spaces_hold_all_networks_and_more() -> None:
    merged, rng = SCALENET.merged(), random.Random(0)
    assert [len(merged.strategies(0))] == [17 * 17 * 9]
    assert all(SCALENET.sample(rng) in merged for _ in range(20))
    assert any(merged.sample(rng) not in SCALENET for _ in range(20))


def test_restrictions_hold_and_survive_as_text() -> None:
    part = SCALENET.where('scale.stage', (1, 2)).where('s*.b*.kernel', (3,))
    assert from_dict(json.loads(json.dumps(part.to_dict()))) == part
    rng = random.Random(1)
    for _ in range(20):
        arch = part.sample(rng)
        assert part.encode(arch)['scale.stage'] in (1, 2)
        assert {block.kernel for stage in arch.stages for block in stage.blocks} == {3}
    assert SCALENET.smallest() not in part
    assert SCALENET.where('scale.s1.depth', (1.08,)).strategies(1)[0].depth == 1.08


def test_smallest_and_largest_bound_the_costs() -> None:
    for space in SPACES.values():
        smallest, largest = space.smallest(), space.largest()
        assert smallest == space.base.smallest()
        assert largest.extent.blocks >= space.base.largest().extent.blocks


@pytest.mark.parametrize(
    ('space', 'arch'),
    [
        (SCALENET, HR.smallest()),
        (HR, SCALENET.smallest()),
        (SCALENET, named('efficientnet_b0')),
        (SCALENET, named('bignas_s')),
    ],
)
def test_what_is_outside_is_said(space: AbstractSpace, arch: Arch) -> None:
    got = f'an arch of family {arch.family}'
    with raises(SpaceError, where='arch', got=got, allowed=contains('the base space, grown')):
        space.encode(arch)


@pytest.mark.parametrize(
    ('changes', 'where', 'got', 'allowed'),
    [
        ({'stages': []}, 'space.stages', [], contains('at least one')),
        ({'stages': [{'depth': [1.2, 1.1]}]}, 'space.stages.depth', (1.2, 1.1), contains('small')),
        ({'stages': [{'depth': 0.9}]}, 'space.stages.depth', (0.9,), 'factors >= 1'),
        ({'stages': [{'width': ['a']}]}, 'space.stages.width', ('a',), 'factors >= 1'),
        ({'stages': [{'widht': 1.1}]}, 'space.stages[0]', 'widht', contains('width')),
        ({'rounding': 'cel'}, 'rounding', 'cel', contains('ceil')),
        ({'base': {'family': 'hrnt'}}, 'space.base.family', 'hrnt', contains('hrnet')),
        ({'base': SCALENET.to_dict()}, 'space.base', NOTHING, ''),
        ({'base': TINY.to_dict()}, 'space.stages.resolution', NOTHING, ''),
    ],
)
def test_what_spans_no_space_dies_with_one_line(
    changes: dict[str, object], where: str, got: object, allowed: object
) -> None:
    with raises(ArchError, where=where, got=got, allowed=allowed):
        from_dict({**SCALENET.to_dict(), **changes})
