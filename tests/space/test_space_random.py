"""Sampling, mutation and crossover: right distributions, no side effects, same seed same arch."""

from __future__ import annotations

import collections
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import HRArch, dump
from scalenas.space import HRSpace, SpaceError, depths_of, group_of
from tests.errors import contains, raises
from tests.strategies import FULL, TINY, seeds

ROOT = Path(__file__).resolve().parents[2]
SINGLE = HRSpace(width=32, output='single')
spaces = st.sampled_from([TINY, FULL, SINGLE, FULL.where('*.depth', (2, 3))])

NAN = float('nan')


def switches(arch: HRArch, space: HRSpace) -> dict[str, bool]:
    return {n: v for n, v in space.encode(arch).items() if '.f' in n}


def depths(arch: HRArch) -> list[int]:
    return [depth for module in arch.modules for depth in module.depths]


def chi_square(counts: dict, expected: dict) -> float:
    return sum((counts.get(k, 0) - e) ** 2 / e for k, e in expected.items())


@pytest.mark.longer
def test_each_active_gene_is_drawn_evenly() -> None:
    """Chi-square of every depth and switch over 2000 archs, against mean + 4 deviations."""
    rng, drawn = random.Random(0), collections.defaultdict(collections.Counter)
    for _ in range(2000):
        for name, value in FULL.encode(FULL.sample(rng)).items():
            drawn[name][value] += 1
    statistic, freedom = 0.0, 0
    for name, counts in drawn.items():
        values = FULL.genes[name].values
        statistic += chi_square(counts, dict.fromkeys(values, counts.total() / len(values)))
        freedom += len(values) - 1
    assert len(drawn) == 26 + 310
    assert abs(statistic - freedom) < 4 * (2 * freedom) ** 0.5


def test_the_joint_distribution_is_that_of_independent_genes() -> None:
    """All 36 networks of a tiny space, each with the product of its genes' probabilities."""
    space = HRSpace(width=8, num_modules=(1,), depth=(1, 2))
    rng, total = random.Random(1), 20_000
    counts = collections.Counter(space.sample(rng) for _ in range(total))
    expected = {}
    for arch in counts:
        probability = 1.0
        for name in space.encode(arch):
            probability /= len(space.genes[name].values)
        expected[arch] = total * probability
    assert len(counts) == space.size() == 36
    assert sum(expected.values()) == pytest.approx(total)
    assert chi_square(counts, expected) < 35 + 4 * 70**0.5


@pytest.mark.parametrize('fusion', [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize('depth', [(2, 3), (3, 4), (4, 5), None])
@pytest.mark.longer
def test_groups_have_the_asked_depths_and_fusions(depth: tuple | None, fusion: float) -> None:
    group, rng = group_of(FULL, depth, fusion), random.Random(2)
    archs = [group.sample(rng) for _ in range(100)]
    allowed = depth or (2, 3, 4, 5)
    assert {d for arch in archs for d in depths(arch)} == set(allowed)
    mean = sum(sum(depths(arch)) for arch in archs) / len(archs) / 26
    assert mean == pytest.approx(sum(allowed) / len(allowed), abs=0.1)
    on = [v for arch in archs for v in switches(arch, FULL).values()]
    assert sum(on) / len(on) == pytest.approx(fusion, abs=0.02)
    assert (sum(on) in (0, len(on))) is (fusion in (0.0, 1.0))


def test_groups_of_a_sub_space_leave_a_branch_what_it_has() -> None:
    """One branch of one depth alone: a group of other depths does not reach it."""
    names = [name for name in FULL.genes if name.endswith('.depth')]
    space, rng = FULL.where(names[0], (2,)), random.Random(2)
    assert depths_of(space) == (2, 3, 4, 5)
    for asked in ((2, 3), (4, 5)):
        group = group_of(space, asked, 0.5)
        values = [space.encode(group.sample(rng)) for _ in range(20)]
        assert {each[names[0]] for each in values} == {2}
        assert {each[names[1]] for each in values} == set(asked)
    assert depths_of(FULL.where('*.depth', (2, 4))) == (2, 4)
    with raises(SpaceError, got=(2, 7)):
        group_of(space, (2, 7))


@pytest.mark.parametrize(('fusion', 'expected'), [(0.2, 50), (0.5, 124), (0.8, 198)])
def test_expected_fusions_of_figure_3(fusion: float, expected: int) -> None:
    """ScaleNAS (Cheng et al. 2020), figure 3: groups G1 to G3, all depths 4."""
    group, rng = group_of(FULL, (4,), fusion), random.Random(3)
    archs = [group.sample(rng) for _ in range(300)]
    assert all(arch.num_blocks == 108 for arch in archs)
    mean = sum(arch.num_fusions for arch in archs) / len(archs)
    assert mean == pytest.approx(expected, abs=2)


def test_weights_are_relative_and_may_forbid_values() -> None:
    rng = random.Random(4)
    for _ in range(20):
        assert set(depths(FULL.sample(rng, {'*.depth': (0, 3, 0, 1)}))) <= {3, 5}
    counts = collections.Counter(
        d for _ in range(300) for d in depths(FULL.sample(rng, {'*.depth': (0, 3, 0, 1)}))
    )
    assert counts[3] / counts[5] == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize(
    ('weights', 'where', 'got', 'allowed'),
    [
        ({'*.dept': (1, 1)}, 'pattern', '*.dept', contains('s2.m0.b0.depth')),
        ({'*.depth': (1, 1)}, "weights['*.depth']", 2, contains('4, one', 's2.m0.b0.depth')),
        ({'*.f*': (-1, 2)}, "weights['*.f*']", (-1, 2), contains('>= 0')),
        ({'*.f*': (0, 0)}, "weights['*.f*']", (0, 0), contains('not all 0')),
        ({'*.f*': ()}, "weights['*.f*']", (), contains('not all 0')),
        ({'*.f*': (1, NAN)}, "weights['*.f*']", (1, NAN), contains('>= 0')),
    ],
)
def test_wrong_weights_die(weights: dict, where: str, got: object, allowed: object) -> None:
    with raises(SpaceError, where=where, got=got, allowed=allowed):
        FULL.sample(random.Random(0), weights)


@pytest.mark.parametrize('fusion', [-0.1, 1.1, float('nan')])
def test_a_fusion_percentage_is_within_0_and_1(fusion: float) -> None:
    with raises(SpaceError, where='fusion', got=lambda got: got is fusion):
        group_of(FULL, fusion=fusion)


@settings(deadline=None, max_examples=40)
@given(spaces, seeds, st.floats(0, 1))
@pytest.mark.longer
def test_mutation_and_crossover_stay_inside_and_change_no_parent(
    space: HRSpace, seed: int, p: float
) -> None:
    rng = random.Random(seed)
    one, two = space.sample(rng), space.sample(rng)
    before = dump(one), dump(two)
    assert space.mutate(one, rng, p) in space
    assert space.cross(one, two, rng, p) in space
    assert (dump(one), dump(two)) == before


@settings(deadline=None, max_examples=30)
@given(spaces, seeds)
def test_probability_0_is_the_identity(space: HRSpace, seed: int) -> None:
    rng = random.Random(seed)
    one, two = space.sample(rng), space.sample(rng)
    assert space.mutate(one, rng, 0.0) == one
    assert space.cross(one, two, rng, 0.0) == one
    assert space.cross(one, two, rng, 1.0) == two


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_probability_1_flips_every_switch(seed: int) -> None:
    rng = random.Random(seed)
    arch = FULL.sample(rng)
    child = FULL.mutate(arch, rng, 1.0, '*.f*')
    assert depths(child) == depths(arch)
    old, new = switches(arch, FULL), switches(child, FULL)
    assert new == {name: not value for name, value in old.items()}
    moved = FULL.mutate(arch, rng, 1.0)
    assert all(a != b for a, b in zip(depths(arch), depths(moved), strict=True))


def test_mutation_rate() -> None:
    rng, arch = random.Random(5), FULL.largest()
    rates = []
    for _ in range(100):
        old, new = switches(arch, FULL), switches(FULL.mutate(arch, rng, 0.3, '*.f*'), FULL)
        rates.append(sum(old[name] != new[name] for name in old) / len(old))
    assert sum(rates) / len(rates) == pytest.approx(0.3, abs=0.01)


def test_mutation_reaches_only_the_pattern() -> None:
    rng, arch = random.Random(6), FULL.largest()
    for _ in range(10):
        child = FULL.mutate(arch, rng, 1.0, 's3.m2.*')
        differ = [a != b for a, b in zip(arch.modules, child.modules, strict=True)]
        assert differ == [False, False, False, True, False, False, False, False]
    with raises(SpaceError, problem='no gene matches', got='s5.*'):
        FULL.mutate(arch, rng, 0.5, 's5.*')


def test_frozen_genes_do_not_mutate() -> None:
    space, rng = FULL.where('*.depth', (3,)), random.Random(7)
    arch = space.sample(rng)
    for _ in range(20):
        arch = space.mutate(arch, rng, 0.5)
        assert set(depths(arch)) == {3}


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_crossover_exchanges_whole_modules(seed: int) -> None:
    rng = random.Random(seed)
    one, two = FULL.sample(rng), FULL.sample(rng)
    child = FULL.cross(one, two, rng, 0.5)
    for module, mine, theirs in zip(child.modules, one.modules, two.modules, strict=True):
        assert module in (mine, theirs)


@pytest.mark.longer
def test_crossover_and_mutation_reach_all_eight_modules() -> None:
    """With p = 0.25, two of the eight modules on average: section 3.5 of the paper."""
    rng = random.Random(8)
    one, two = FULL.smallest(), FULL.largest()
    taken = collections.Counter()
    for _ in range(400):
        child = FULL.cross(one, two, rng, 0.25)
        taken.update(m for m, module in enumerate(child.modules) if module == two.modules[m])
    assert set(taken) == set(range(8))
    assert all(count / 400 == pytest.approx(0.25, abs=0.1) for count in taken.values())
    child = FULL.mutate(two, rng, 0.5)
    assert all(a != b for a, b in zip(child.modules, two.modules, strict=True))


def test_the_global_generator_is_left_alone() -> None:
    random.seed(9)
    before = random.getstate()
    rng = random.Random(0)
    arch = group_of(FULL, (2, 3), 0.5).sample(rng)
    FULL.cross(FULL.mutate(arch, rng, 0.5), FULL.largest(), rng, 0.5)
    FULL.size(), FULL.digest(), FULL.smallest()
    assert random.getstate() == before


SCRIPT = """
import hashlib, random
from scalenas.arch import dump
from scalenas.space import HRSpace, group_of
space, rng = HRSpace(), random.Random('7/11')
archs = [space.sample(rng), group_of(space, (3, 4), 0.2).sample(rng)]
archs += [space.mutate(archs[0], rng, 0.5), space.cross(*archs, rng, 0.5)]
print(hashlib.sha256(''.join(map(dump, archs)).encode()).hexdigest(), space.digest())
"""


def test_same_seed_same_archs_in_every_process() -> None:
    """Also under another hash seed: no order of a set decides anything."""
    found = set()
    for hash_seed in ('0', '1', '2'):
        done = subprocess.run(
            [sys.executable, '-c', SCRIPT],
            env={**os.environ, 'PYTHONHASHSEED': hash_seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize('pattern', ['*.f*', 's2.*.f*', 's4.m1.t0.f0<-2'])
@pytest.mark.parametrize('fixed', [False, True])
def test_a_group_of_a_space_with_fixed_fusions(pattern: str, fixed: bool) -> None:
    """Fixed switches stay; the percentage holds for all others."""
    space = FULL.where(pattern, (fixed,))
    free = [n for n, gene in space.genes.items() if '.f' in n and len(gene.values) > 1]
    rng = random.Random(0)
    drawn = [switches(group_of(space, fusion=0.8).sample(rng), space) for _ in range(20)]
    for found in drawn:
        assert all(value is fixed for name, value in found.items() if name not in free)
    values = [found[name] for found in drawn for name in free if name in found]
    assert not free or abs(sum(values) / len(values) - 0.8) < 0.03


def test_golden_archs() -> None:
    """Recorded once: a study made with an earlier version goes on with the same archs."""
    rng = random.Random(0)
    archs = [FULL.sample(rng), group_of(FULL, (2, 3), 0.2).sample(rng)]
    archs += [FULL.mutate(archs[0], rng, 0.5, '*.f*'), FULL.cross(*archs, rng, 0.25)]
    digests = [hashlib.sha256(dump(arch).encode()).hexdigest()[:12] for arch in archs]
    assert digests == ['f99eda234607', '14633b04b4bf', '29d03406e72a', 'cdde693090a4']


def test_a_value_of_weight_0_is_never_drawn() -> None:
    """Not even where the generator gives its very first or last number."""

    class Edge(random.Random):
        number = 0.0

        def random(self) -> float:
            return self.number

    for Edge.number in (0.0, 1.0 - 2**-53):
        assert group_of(FULL, (4,), 1.0).sample(Edge()).num_fusions == 4 * 62
        assert group_of(FULL, (4,), 0.0).sample(Edge()).num_fusions == 0
        assert set(depths(FULL.sample(Edge(), {'*.depth': (0, 1, 1, 0)}))) <= {3, 4}
