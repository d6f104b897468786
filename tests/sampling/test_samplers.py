"""Samplers: pure functions of (seed, iteration) with the distributions that the paper states."""

import random
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ArchError, named
from scalenas.sampling import (
    GroupedSampler,
    SamplerError,
    SandwichSampler,
    UniformSampler,
    from_dict,
)
from scalenas.space import (
    HRSpace,
    ScaledSpace,
    ScalingStage,
    SpaceError,
    arch_of,
    bignas_space,
    depths_of,
    group_of,
)
from tests.errors import contains, raises

SMALL = HRSpace(width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1)
W32 = HRSpace()
ALL = [
    dict(type='grouped'),
    dict(type='grouped', released=True),
    dict(type='sandwich'),
    dict(type='uniform'),
    dict(type='fixed'),
]


def depths_in(arch):
    return {depth for module in arch.modules for depth in module.depths}


def possible_fusions(arch):
    """Switches that the arch's depths leave open."""
    return sum(d * (len(module.depths) - 1) for module in arch.modules for d in module.depths)


def within(count, total, p, sigmas=5):
    """A binomial count within `sigmas` standard deviations of its mean."""
    return abs(count - total * p) <= sigmas * (total * p * (1 - p)) ** 0.5


@pytest.mark.parametrize('cfg', ALL, ids=str)
@given(seed=st.integers(0, 2**40), iteration=st.integers(0, 10**9))
@settings(max_examples=20, deadline=None)
def test_archs_are_a_pure_function_of_seed_and_iteration(cfg, seed, iteration):
    first, second = from_dict({**cfg, 'seed': seed}, SMALL), from_dict({**cfg, 'seed': seed}, SMALL)
    second.archs(iteration // 2)  # an earlier call must not matter
    archs = first.archs(iteration)
    assert archs
    assert archs == second.archs(iteration) == first.archs(iteration)
    assert all(arch in SMALL for arch in archs)


@pytest.mark.parametrize('cfg', ALL, ids=str)
def test_the_global_generator_is_neither_read_nor_moved(cfg):
    random.seed(1)
    before = random.getstate()
    archs = [from_dict(cfg, SMALL).archs(i) for i in range(5)]
    assert random.getstate() == before
    random.seed(2)
    assert archs == [from_dict(cfg, SMALL).archs(i) for i in range(5)]


def test_another_process_draws_the_same_archs():
    code = (
        'from scalenas.sampling import GroupedSampler; from scalenas.space import HRSpace; '
        'from scalenas.arch import dump; import hashlib; '
        "print(hashlib.sha256(''.join(dump(GroupedSampler(HRSpace(), 3).archs(i)[0]) "
        'for i in range(5)).encode()).hexdigest())'
    )
    out = {
        subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            check=True,
            env={'PYTHONHASHSEED': seed, 'PYTHONPATH': ':'.join(sys.path)},
        ).stdout
        for seed in ('1', '2')
    }
    assert len(out) == 1


def test_seeds_and_iterations_differ():
    draws = {UniformSampler(W32, seed).archs(i) for seed in range(10) for i in range(10)}
    assert len(draws) == 100


def test_nine_groups_exactly_once_per_cycle():
    sampler = GroupedSampler(W32)
    cycle = [
        (group.space.genes['s2.m0.b0.depth'].values, group.weights['*.f*'][1])
        for group in sampler.cycle
    ]
    assert cycle == [(d, f) for f in (0.2, 0.5, 0.8) for d in ((2, 3), (3, 4), (4, 5))]
    for start in (0, 9, 90):
        for step, (depths, _) in enumerate(cycle):
            (arch,) = sampler.archs(start + step)
            assert depths_in(arch) <= set(depths)


@pytest.mark.parametrize('step', range(9))
def test_blocks_and_fusions_of_a_group_are_those_of_the_paper(step):
    """Of 310 switches in the full net, those within the depths are on with the group's share."""
    sampler, rounds = GroupedSampler(W32, seed=7), 60
    low, share = 2 + step % 3, (0.2, 0.5, 0.8)[step // 3]
    archs = [sampler.archs(9 * i + step)[0] for i in range(rounds)]
    switches = sum(possible_fusions(a) for a in archs)
    assert within(sum(a.num_fusions for a in archs), switches, share)
    deep = sum(d == low + 1 for a in archs for m in a.modules for d in m.depths)
    assert within(deep, 26 * rounds, 0.5)


@pytest.mark.parametrize(('share', 'expected'), [(0.2, 49.6), (0.5, 124), (0.8, 198.4)])
def test_figure_3_expectations(share, expected):
    """G1, G2, G3 have HRNet's 108 blocks and, in expectation, 50, 124 and 198 fusions."""
    group, rng = group_of(W32, (4,), share), random.Random(0)
    archs = [group.sample(rng) for _ in range(200)]
    assert {a.num_blocks for a in archs} == {108}
    assert possible_fusions(archs[0]) * share == pytest.approx(expected)
    assert within(sum(a.num_fusions for a in archs), 200 * 248, share)


def test_the_full_net_has_310_fusions():
    assert possible_fusions(W32.largest()) == W32.largest().num_fusions == 310


def test_released_cycle_of_eleven():
    sampler = GroupedSampler(W32, released=True)
    shares = [group.weights['*.f*'][1] for group in sampler.cycle]
    depths = [group.space.genes['s2.m0.b0.depth'].values for group in sampler.cycle]
    fusion, depth = (0.2, 0.5, 0.8), ((2, 3), (3, 4), (4, 5))
    assert shares == [0.1, *(fusion[i % 9 // 3] for i in range(1, 10)), 1.0]
    assert depths == [(2,), *(depth[i % 3] for i in range(1, 10)), (5,)]
    assert sampler.archs(10) == sampler.archs(21) == (W32.largest(),)
    nine = {(d, f) for d, f in zip(depths[1:10], shares[1:10], strict=True)}
    assert len(nine) == 9


def test_released_pose_starts_with_the_smallest_net():
    sampler = GroupedSampler(W32, released=True, smallest_fusion=0)
    assert sampler.archs(0) == sampler.archs(11) == (W32.smallest(),)


def test_a_space_without_fusions_is_grouped_by_depth():
    """Stages that have none of a pair's depths keep what they have."""
    space = bignas_space()
    assert depths_of(space) == (1, 2, 3, 4, 5, 6)
    sampler = GroupedSampler(space, seed=1)
    assert len(sampler.cycle) == 5
    for step in range(20):
        low = step % 5 + 1
        (arch,) = sampler.archs(step)
        assert arch in space
        for stage, choices in zip(arch.stages, space.stages, strict=True):
            allowed = {low, low + 1} & set(choices.depth) or set(choices.depth)
            assert len(stage.blocks) in allowed
    for wrong in ({'fusions': [0.5]}, {'released': True, 'smallest_fusion': 0.1}):
        with pytest.raises(SamplerError) as error:
            GroupedSampler(space, **wrong)
        assert error.value.where == f'sampler.{list(wrong)[-1]}'
    released = GroupedSampler(space, released=True)
    assert len(released.archs(0)) == 1
    assert released.cycle[-1].space.genes['s5.depth'].values == (6,)


def test_a_scaled_space_has_the_groups_of_its_base():
    scaled = ScaledSpace(SMALL, [ScalingStage(), ScalingStage((1.5,))])
    assert scaled.role('scaling') == tuple(n for n in scaled.genes if n.startswith('scale.'))
    assert scaled.role('fusion') == SMALL.role('fusion')
    ours, bases = GroupedSampler(scaled), GroupedSampler(SMALL)
    assert [g.weights for g in ours.cycle] == [g.weights for g in bases.cycle]
    assert all(arch in scaled for step in range(6) for arch in ours.archs(step))


@pytest.mark.parametrize('released', [False, True])
def test_inner_widths_are_free_in_every_group(released):
    space = HRSpace(inner_widths=(0.5, 0.75, 1))
    plain, cut = (GroupedSampler(each, released=released) for each in (W32, space))
    assert [group.weights for group in cut.cycle] == [group.weights for group in plain.cycle]
    rng = random.Random(0)
    for group, of_plain in zip(cut.cycle, plain.cycle, strict=True):
        assert {n: g for n, g in group.space.genes.items() if not n.endswith('.inner')} == (
            of_plain.space.genes
        )
        genes = space.encode(group.sample(rng))
        counts = Counter(value for name, value in genes.items() if name.endswith('.inner'))
        # 26 draws: each third is away from its mean by at most four standard deviations.
        assert all(abs(counts[share] - 26 / 3) < 10 for share in space.inner_widths)


def test_small_spaces_have_neighbouring_depth_groups():
    assert len(GroupedSampler(SMALL).cycle) == 6
    assert len(GroupedSampler(SMALL.where('*.depth', (2,)), depths=[(2,)]).cycle) == 3
    # A sub-space has pairs of its own depths.
    shallow = W32.where('*.depth', (2, 3))
    assert len(GroupedSampler(shallow).cycle) == 3
    assert all(arch in shallow for i in range(9) for arch in GroupedSampler(shallow).archs(i))
    small, *_, large = GroupedSampler(shallow, released=True).cycle
    assert small.space.largest().modules[0].depths == (2, 2)
    assert large.space.smallest().modules[0].depths == (3, 3)
    assert len(GroupedSampler(HRSpace(depth=(4,))).cycle) == 3


def test_sandwich_is_largest_smallest_random():
    sampler = SandwichSampler(SMALL, num_random=3)
    archs = sampler.archs(4)
    assert archs[:2] == (SMALL.largest(), SMALL.smallest())
    assert len(archs) == 5
    assert archs[2:] != sampler.archs(5)[2:]


def test_a_net_of_the_space_only_is_found():
    mbconv = named('bignas_s')
    for what in ('bignas_s', mbconv, mbconv.to_dict(), 'nothing', 7):
        with pytest.raises(ArchError):
            arch_of(what, W32)
    with pytest.raises(SpaceError):
        arch_of('scalenas_s1', SMALL)


def test_fixed_by_word_name_and_data():
    s1 = arch_of('scalenas_s1', W32)
    assert arch_of(s1.to_dict(), W32) == s1 == arch_of(s1, W32)
    assert from_dict(dict(type='fixed', arch='smallest'), W32).archs(3) == (W32.smallest(),)
    assert from_dict(dict(type='fixed'), W32).largest_first
    assert not from_dict(dict(type='fixed', arch='smallest'), W32).largest_first


def of(key: str, got: object, allowed: object) -> dict[str, object]:
    """Fields of an error about a key of the sampler."""
    return {'where': f'sampler.{key}' if key else 'sampler', 'got': got, 'allowed': allowed}


@pytest.mark.parametrize(
    ('cfg', 'error', 'fields'),
    [
        ('grouped', SamplerError, of('', 'grouped', contains("'type'", 'sandwich'))),
        (dict(type='groupd'), SamplerError, of('type', 'groupd', contains('grouped'))),
        (dict(type='groupd'), SamplerError, {'hint': "did you mean 'grouped'?"}),
        (dict(type='grouped', sed=1), SamplerError, of('', 'sed', contains('seed'))),
        (dict(type='grouped', sed=1), SamplerError, {'hint': "did you mean 'seed'?"}),
        (dict(type='grouped', seed='x'), SamplerError, of('seed', 'x', 'a whole number')),
        (
            dict(type='grouped', smallest_fusion=0.1),
            SamplerError,
            of('smallest_fusion', 0.1, contains('released=True')),
        ),
        (dict(type='grouped', depths=[(7, 8)]), SpaceError, {'got': (7, 8)}),
        (dict(type='grouped', fusions=[1.2]), SpaceError, {'where': 'fusion', 'got': 1.2}),
        (dict(type='grouped', fusions=[]), ArchError, of('fusions', [], contains('at least one'))),
        (dict(type='grouped', depths=[]), ArchError, of('depths', [], contains('at least one'))),
        (dict(type='grouped', depths=[2, 3]), ArchError, of('depths', 2, contains('lists'))),
        (dict(type='grouped', fusions=0.5), ArchError, of('fusions', 0.5, contains('a list'))),
        (dict(type='grouped', fusions=['0.5']), SpaceError, {'where': 'fusion', 'got': '0.5'}),
        (dict(type='grouped', released='yes'), ArchError, of('released', 'yes', 'true or false')),
        (
            dict(type='sandwich', num_random=-1),
            ArchError,
            of('num_random', -1, 'a whole number >= 0'),
        ),
        (
            dict(type='sandwich', num_random=10**9),
            ArchError,
            of('num_random', 10**9, contains('whole number from 0 to')),
        ),
        (dict(type='fixed', arch='scalenas_s3'), SpaceError, {'problem': 'not in the space'}),
        (
            dict(type='fixed', arch='scalenas_s9'),
            ArchError,
            {'got': 'scalenas_s9', 'allowed': contains('scalenas_s1')},
        ),
    ],
)
def test_errors_are_one_clear_line(cfg, error, fields):
    with raises(error, **fields):
        from_dict(cfg, W32)
