"""Genes and archs are one and the same: decode, encode, size, membership, sub-spaces, text."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ArchError, HRArch, dump, load, named
from scalenas.space import HRSpace, SpaceError, from_dict
from tests.strategies import FULL, TINY, hr_archs, seeds

SINGLE = HRSpace(width=32, output='single')
SPACES = {'tiny': TINY, 'full': FULL, 'single': SINGLE}
# Small enough to write out every assignment of genes.
ENUMERABLE = {
    'one module': HRSpace(width=8, num_modules=(1,), depth=(1, 2)),
    'two modules': HRSpace(width=8, num_modules=(2,), depth=(1, 2)),
    'two stages': HRSpace(width=8, num_modules=(1, 1), depth=(1,)),
    'depths with a gap': HRSpace(width=8, num_modules=(1,), depth=(1, 3)),
    'single output': HRSpace(width=8, num_modules=(1,), depth=(1, 2, 3), output='single'),
    'restricted': HRSpace(width=8, num_modules=(1,), depth=(1, 2)).where('*.b0.depth', (2,)),
    'frozen switches': HRSpace(width=8, num_modules=(2,), depth=(1, 2)).where('s2.m0.t*', (True,)),
}
spaces = st.sampled_from(sorted(SPACES)).map(SPACES.get)


def assignments(space: HRSpace) -> Iterator[dict]:
    """Every choice of a value for every gene, active or not."""
    for values in itertools.product(*(gene.values for gene in space.genes.values())):
        yield dict(zip(space.genes, values, strict=True))


@settings(deadline=None, max_examples=60)
@given(spaces, seeds)
def test_decode_and_encode_are_inverse(space: HRSpace, seed: int) -> None:
    arch = space.sample(random.Random(seed))
    genes = space.encode(arch)
    assert space.decode(genes) == arch
    assert space.encode(space.decode(genes)) == genes
    assert list(genes) == [name for name in space.genes if name in genes]
    assert all(space.genes[name].is_active(genes) for name in genes)
    assert arch in space


@settings(deadline=None, max_examples=60)
@given(spaces, seeds)
def test_inactive_genes_vanish(space: HRSpace, seed: int) -> None:
    """Whatever the switches behind a branch's last block say, the network is the same."""
    rng = random.Random(seed)
    full = {name: rng.choice(gene.values) for name, gene in space.genes.items()}
    arch = space.decode(full)
    active = space.encode(arch)
    assert active.items() <= full.items()
    other = {n: v if n in active else rng.choice(space.genes[n].values) for n, v in full.items()}
    assert space.decode(other) == arch
    assert hash(space.decode(other)) == hash(arch)


@pytest.mark.parametrize('name', ENUMERABLE)
def test_size_is_the_number_of_networks(name: str) -> None:
    space = ENUMERABLE[name]
    found = {space.decode(values) for values in assignments(space)}
    assert len(found) == space.size()
    assert len({arch.features((64, 64)) for arch in found}) == 1


def test_size_of_the_published_space() -> None:
    """A branch among b has the sum over d of 2**((b - 1) * d) rows; modules multiply."""
    ways = {b: sum(2 ** ((b - 1) * d) for d in (2, 3, 4, 5)) ** b for b in (2, 3, 4)}
    assert FULL.size() == ways[2] * ways[3] ** 4 * ways[4] ** 3
    assert FULL.size() == 60**2 * 1360**12 * 37440**12
    assert 1e96 < FULL.size() < 2e96
    assert FULL.where('*.depth', (4,)).where('*.f*', (True,)).size() == 1


def test_smallest_and_largest_bound_every_network() -> None:
    rng = random.Random(3)
    for space in SPACES.values():
        least, most = space.smallest(), space.largest()
        assert least in space
        assert most in space
        for arch in (space.sample(rng) for _ in range(50)):
            for low, module, high in zip(least.modules, arch.modules, most.modules, strict=True):
                for d0, d, d1 in zip(low.depths, module.depths, high.depths, strict=True):
                    assert d0 <= d <= d1
            assert least.num_fusions <= arch.num_fusions <= most.num_fusions


@pytest.mark.parametrize('name', ['s1', 's2', 's3', 's4', 'p1', 'p2', 'p3', 'p4'])
def test_published_nets_lie_in_their_space(name: str) -> None:
    arch = named(f'scalenas_{name}')
    width = arch.stages[0].channels[0]
    for output in ('multi', 'single'):
        space = HRSpace(width=width, output=output)
        assert (arch in space) is (output == arch.output)
        if arch in space:
            assert space.decode(space.encode(arch)) == arch
        else:
            with pytest.raises(SpaceError, match=r'its output is (multi|single), the space has'):
                space.encode(arch)
    assert arch not in HRSpace(width=80 - width, output=arch.output)


def test_stock_hrnet_lies_in_the_space() -> None:
    assert named('hrnet_w32') in FULL
    assert named('hrnet_w32_single') in SINGLE
    assert named('hrnet_w18') not in FULL


def test_outside_a_smaller_space_the_gene_is_named() -> None:
    s1 = named('scalenas_s1')
    with pytest.raises(SpaceError) as error:
        FULL.where('*.depth', (2, 3)).encode(s1)
    assert str(error.value) == 'not in the space: s2.m0.b1.depth is 4 (allowed: (2, 3))'
    with pytest.raises(SpaceError, match=r's2\.m0\.t0\.f0<-1 is True \(allowed: \(False,\)\)'):
        FULL.where('*.f*', (False,)).encode(s1)
    with pytest.raises(SpaceError, match=r'depth is 4 \(allowed: \(1, 2, 3\)\)'):
        HRSpace(width=32, depth=(1, 2, 3)).encode(s1)
    with pytest.raises(SpaceError, match=r'modules per stage are \(1, 4, 3\), .* \(1, 1, 1\)'):
        TINY.encode(s1)
    with pytest.raises(SpaceError, match=r'its stages\[0\].channels\[0\] is 32, the space has 48'):
        HRSpace(width=48).encode(s1)
    with pytest.raises(SpaceError, match='its upsample is bilinear, the space has nearest'):
        FULL.encode(s1.with_(upsample='bilinear'))
    with pytest.raises(SpaceError, match='expected an HRArch, got str'):
        FULL.encode('scalenas_s1')
    assert 'scalenas_s1' not in FULL
    assert None not in FULL


def test_single_output_rule_is_part_of_membership() -> None:
    """A free last row in the last module is a network, but not one of that space."""
    arch = SINGLE.smallest()
    rows = arch.stages[-1].modules[-1].fusions
    assert rows[-1] == ((1, 2, 3), (), (), ())
    text = '[[], [0<-1, 0<-2, 0<-3]]'
    document = dump(arch)
    assert document.count(text) == 1
    outside = load(document.replace(text, '[[], [0<-1, 0<-2]]'))
    with pytest.raises(SpaceError, match=r'its stages\[2\]\.modules\[2\]\.fusions\[1\]'):
        SINGLE.encode(outside)


@settings(deadline=None)
@given(hr_archs())
def test_membership_never_fails_otherwise(arch: HRArch) -> None:
    for space in SPACES.values():
        if arch in space:
            assert space.decode(space.encode(arch)) == arch


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'s2.m0.b0.depht': 2}, r"unknown gene 's2.m0.b0.depht'; did you mean 's2.m0.b0.depth'"),
        ({'s2.m0.b0.depth': 9}, r's2.m0.b0.depth: 9 is not allowed \(allowed: \(1, 2, 3\)\)'),
        ({'s2.m0.b0.depth': None}, r"gene 's2.m0.b0.depth' is missing \(allowed"),
    ],
)
def test_wrong_genes_die(change: dict, message: str) -> None:
    genes = {**TINY.encode(TINY.smallest()), **change}
    genes = {name: value for name, value in genes.items() if value is not None}
    with pytest.raises(SpaceError, match=message) as error:
        TINY.decode(genes)
    assert len(str(error.value).splitlines()) == 1


def test_where_is_a_subspace_and_leaves_the_space_alone() -> None:
    before = FULL.digest()
    small = FULL.where('*.depth', (2, 3)).where('s4.*.f*', (False,))
    assert FULL.digest() == before
    assert small.size() < FULL.size()
    rng = random.Random(0)
    for arch in (small.sample(rng) for _ in range(30)):
        assert arch in small
        assert arch in FULL
        assert all(depth in (2, 3) for module in arch.modules for depth in module.depths)
        assert sum(module.num_fusions for module in arch.stages[2].modules) == 0
    assert small.largest().stages[0].modules[0].depths == (3, 3)
    assert FULL.largest() not in small


@pytest.mark.parametrize(
    ('pattern', 'values', 'message'),
    [
        ('*.dept', (2,), "no gene matches '\\*.dept'"),
        ('*.depth', (7,), r's2.m0.b0.depth: \(7,\) is not among its values \(2, 3, 4, 5\)'),
        ('*.depth', (2, 7), r'\(2, 7\) is not among its values'),
        ('*.depth', (), r'\(\) is not among its values'),
        ('*.depth', (2, [2, 3]), r'\(2, \[2, 3\]\) is not among its values'),
    ],
)
def test_a_wrong_restriction_dies(pattern: str, values: tuple, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        FULL.where(pattern, values)


def test_text_round_trip_with_restrictions() -> None:
    for space in (*SPACES.values(), *ENUMERABLE.values(), FULL.where('*.depth', (3, 4))):
        again = from_dict(space.to_dict())
        assert again == space
        assert hash(again) == hash(space)
        assert again.digest() == space.digest()
        assert again.genes == space.genes
        assert again.size() == space.size()


def test_digests_differ_where_spaces_do() -> None:
    every = [*SPACES.values(), *ENUMERABLE.values(), FULL.where('*.depth', (2, 3))]
    assert len({space.digest() for space in every}) == len(every)
    assert FULL != TINY
    assert FULL != 'space'
    # Recorded once: studies and checkpoints written on one machine are read on another.
    assert FULL.digest() == '57877d9d1ca8'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'family': 'hrnett'}, r"space.family: .*'hrnett'; did you mean 'hrnet'"),
        ({'family': None}, 'space.family: expected one of hrnet, mbconv, scaled, got None'),
        ({'widht': 8}, r"space: unknown key; .*got 'widht'; did you mean 'width'"),
        ({'width': 0}, 'space.width: expected a whole number >= 1, got 0'),
        ({'depth': [0, 1]}, 'space.depth: expected a whole number >= 1, got 0'),
        ({'depth': []}, 'depth each need at least one entry'),
        ({'depth': 3}, 'space.depth: expected a list of whole numbers, got 3'),
        ({'num_modules': []}, 'num_modules and depth each need at least one entry'),
        ({'num_modules': [1, 0]}, 'space.num_modules: expected a whole number >= 1, got 0'),
        ({'stem': 0}, 'stem: expected a whole number >= 1, got 0'),
        ({'output': 'both'}, "output: expected multi or single, got 'both'"),
        ({'where': [['*.dept', [2]]]}, "no gene matches '\\*.dept'"),
        ({'where': [['*.depth']]}, 'space.where'),
        ({'where': [[3, [2]]]}, 'space.where'),
        ({'where': [['*.depth', 2]]}, 'space.where'),
        ({'where': '*.depth'}, 'space.where: expected a list'),
    ],
)
def test_what_is_not_a_space_dies_with_one_line(change: dict, message: str) -> None:
    with pytest.raises(ArchError, match=message) as error:
        from_dict({'family': 'hrnet', **change})
    assert len(str(error.value).splitlines()) == 1


def test_plain_data_that_is_no_mapping_dies() -> None:
    for data in (None, [], 'hrnet', 3):
        with pytest.raises(ArchError, match='space'):
            from_dict(data)
