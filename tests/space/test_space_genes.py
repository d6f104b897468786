"""Genes and archs are one and the same: decode, encode, size, membership, sub-spaces, text."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ArchError, HRArch, dump, load, named
from scalenas.errors import NOTHING
from scalenas.space import HRSpace, SpaceError, from_dict
from tests.errors import contains, raises
from tests.strategies import FULL, TINY, hr_archs, seeds

SINGLE = HRSpace(width=32, output='single')
INNER = HRSpace(width=32, inner_widths=(0.5, 0.75, 1))
SPACES = {'tiny': TINY, 'full': FULL, 'single': SINGLE, 'inner': INNER}
# Small enough to write out every assignment of genes.
ENUMERABLE = {
    'one module': HRSpace(width=8, num_modules=(1,), depth=(1, 2)),
    'two modules': HRSpace(width=8, num_modules=(2,), depth=(1, 2)),
    'two stages': HRSpace(width=8, num_modules=(1, 1), depth=(1,)),
    'depths with a gap': HRSpace(width=8, num_modules=(1,), depth=(1, 3)),
    'single output': HRSpace(width=8, num_modules=(1,), depth=(1, 2, 3), output='single'),
    'restricted': HRSpace(width=8, num_modules=(1,), depth=(1, 2)).where('*.b0.depth', (2,)),
    'inner widths': HRSpace(width=8, num_modules=(1,), depth=(1, 2), inner_widths=(0.5, 1)),
    'inner width of one branch': HRSpace(
        width=8, num_modules=(1, 1), depth=(1,), inner_widths=(0.5, 1)
    )
    .where('s*.m0.b0.inner', (1,))
    .where('*.f*', (True,)),
    'frozen switches': HRSpace(width=8, num_modules=(2,), depth=(1, 2)).where('s2.m0.t*', (True,)),
}
spaces = st.sampled_from(sorted(SPACES)).map(SPACES.get)

WHOLE = 'a whole number >= 1'


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


def test_inner_widths_multiply_the_space_and_change_nothing_else() -> None:
    modules = 2 + 4 * 3 + 3 * 4
    assert INNER.size() == FULL.size() * 3**modules
    plain = INNER.where('*.inner', (1.0,))
    assert plain.size() == FULL.size()
    rng = random.Random(0)
    for _ in range(20):
        arch = plain.sample(rng)
        assert arch in FULL
        assert 'inner' not in dump(arch)
    assert INNER.largest() == FULL.largest()
    one = HRSpace(width=32, inner_widths=(1,))
    assert one == FULL
    assert one.to_dict() == FULL.to_dict()
    assert 'inner_widths' not in FULL.to_dict()
    assert FULL.digest() == '57877d9d1ca8'  # of the space before there were inner widths
    assert INNER.role('width') == tuple(n for n in INNER.genes if n.endswith('.inner'))
    assert FULL.role('width') == ()


@pytest.mark.parametrize(
    ('width', 'inner'),
    [
        (16, ((8, 12, 16), (16, 24, 32), (32, 48, 64), (64, 96, 128))),
        (18, ((8, 12, 18), (16, 28, 36), (36, 56, 72), (72, 108, 144))),
        (48, ((24, 36, 48), (48, 72, 96), (96, 144, 192), (192, 288, 384))),
    ],
)
def test_inner_channels_are_multiples_of_four(width: int, inner: tuple) -> None:
    space = HRSpace(width=width, inner_widths=(0.5, 0.75, 1))
    assert space.inner_channels == inner
    for share, wanted in zip((0.5, 0.75), zip(*inner, strict=True), strict=False):
        last = space.where('*.inner', (share,)).largest().modules[-1]
        assert last.inner == wanted


@pytest.mark.parametrize(
    ('widths', 'where', 'got'),
    [
        ((0.5, 0.75, 1), 'space.inner_widths', (0.5, 0.75, 1)),
        ((), 'space.inner_widths', ()),
        ((0.5, 2), 'space.inner_widths', 2),
        ((0, 1), 'space.inner_widths', 0),
        ((True,), 'space.inner_widths', True),
        ('half', 'space.inner_widths', 'half'),
    ],
)
def test_inner_widths_that_span_no_space_are_one_line(widths: object, where: str, got: object):
    with raises(ArchError, where=where, got=got):
        HRSpace(width=8, inner_widths=widths)


def test_inner_widths_outside_of_a_space_are_named() -> None:
    arch = INNER.decode({**INNER.encode(INNER.largest()), 's4.m2.b3.inner': 0.75})
    where = 's4.m2.b3.inner'
    with raises(SpaceError, where=where, got=0.75, allowed=(1.0,)):
        FULL.encode(arch)
    with raises(SpaceError, where=where, got=0.75, allowed=(0.5, 1.0)):
        HRSpace(width=32, inner_widths=(0.5, 1)).encode(arch)
    *stages, last = arch.stages
    end = replace(last.modules[-1], inner=(32, 64, 128, 200))
    other = arch.with_(stages=(*stages, replace(last, modules=(*last.modules[:-1], end))))
    with raises(SpaceError, where=where, got=200 / 256, allowed=(0.5, 0.75, 1.0)):
        INNER.encode(other)


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
                branches = [32 * 2**i for i in range(len(low.depths))]
                widths = [m.inner_channels(branches) for m in (low, module, high)]
                for n0, n, n1 in zip(*widths, strict=True):
                    assert n0 <= n <= n1
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
            with raises(SpaceError, where='arch.output', got=arch.output, allowed=(output,)):
                space.encode(arch)
    assert arch not in HRSpace(width=80 - width, output=arch.output)


def test_stock_hrnet_lies_in_the_space() -> None:
    assert named('hrnet_w32') in FULL
    assert named('hrnet_w32_single') in SINGLE
    assert named('hrnet_w18') not in FULL


def test_outside_a_smaller_space_the_gene_is_named() -> None:
    s1 = named('scalenas_s1')
    with raises(SpaceError, where='s2.m0.b1.depth', got=4, allowed=(2, 3)) as error:
        FULL.where('*.depth', (2, 3)).encode(s1)
    assert error.value.problem == 'not in the space'
    with raises(SpaceError, where='s2.m0.t0.f0<-1', got=True, allowed=(False,)):
        FULL.where('*.f*', (False,)).encode(s1)
    with raises(SpaceError, where='s2.m0.b1.depth', got=4, allowed=(1, 2, 3)):
        HRSpace(width=32, depth=(1, 2, 3)).encode(s1)
    with raises(SpaceError, got=(1, 4, 3), allowed=((1, 1, 1),)):
        TINY.encode(s1)
    with raises(SpaceError, where='arch.stages[0].channels[0]', got=32, allowed=(48,)):
        HRSpace(width=48).encode(s1)
    with raises(SpaceError, where='arch.upsample', got='bilinear', allowed=('nearest',)):
        FULL.encode(s1.with_(upsample='bilinear'))
    with raises(SpaceError, where='arch', got='str', allowed='an HRArch'):
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
    with raises(SpaceError, where='arch.stages[2].modules[2].fusions[1]'):
        SINGLE.encode(outside)


@settings(deadline=None)
@given(hr_archs())
def test_membership_never_fails_otherwise(arch: HRArch) -> None:
    for space in SPACES.values():
        if arch in space:
            assert space.decode(space.encode(arch)) == arch


@pytest.mark.parametrize(
    ('change', 'fields'),
    [
        (
            {'s2.m0.b0.depht': 2},
            {'got': 's2.m0.b0.depht', 'hint': "did you mean 's2.m0.b0.depth'?"},
        ),
        (
            {'s2.m0.b0.depth': 9},
            {'where': 's2.m0.b0.depth', 'got': 9, 'allowed': (1, 2, 3)},
        ),
        (
            {'s2.m0.b0.depth': None},
            {'where': 's2.m0.b0.depth', 'got': NOTHING, 'allowed': (1, 2, 3)},
        ),
    ],
)
def test_wrong_genes_die(change: dict, fields: dict) -> None:
    genes = {**TINY.encode(TINY.smallest()), **change}
    genes = {name: value for name, value in genes.items() if value is not None}
    with raises(SpaceError, **fields):
        TINY.decode(genes)


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
    'values', [(7,), (2, 7), (), (2, [2, 3])], ids=['7', '2 and 7', 'none', 'a list']
)
def test_a_wrong_restriction_dies(values: tuple) -> None:
    among = contains((2, 3, 4, 5))
    with raises(SpaceError, where='s2.m0.b0.depth', got=values, allowed=among):
        FULL.where('*.depth', values)


def test_a_pattern_without_genes_dies() -> None:
    with raises(SpaceError, where='pattern', got='*.dept'):
        FULL.where('*.dept', (2,))


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
    ('change', 'where', 'got', 'allowed'),
    [
        ({'family': 'hrnett'}, 'space.family', 'hrnett', ('hrnet', 'mbconv', 'scaled')),
        ({'family': None}, 'space.family', None, ('hrnet', 'mbconv', 'scaled')),
        ({'widht': 8}, 'space', 'widht', contains('width')),
        ({'width': 0}, 'space.width', 0, WHOLE),
        ({'depth': [0, 1]}, 'space.depth', 0, WHOLE),
        ({'depth': []}, 'space.depth', (), 'at least one depth'),
        ({'depth': 3}, 'space.depth', 3, 'a list of whole numbers'),
        ({'num_modules': []}, 'space.num_modules', (), 'at least one stage'),
        ({'num_modules': [1, 0]}, 'space.num_modules', 0, WHOLE),
        ({'stem': 0}, 'stem', 0, WHOLE),
        ({'output': 'both'}, 'output', 'both', ('multi', 'single')),
        ({'where': [['*.dept', [2]]]}, 'pattern', '*.dept', contains('s2.m0.b0.depth')),
        ({'where': [['*.depth']]}, 'space.where', ['*.depth'], '[pattern, values]'),
        ({'where': [[3, [2]]]}, 'space.where', [3, [2]], '[pattern, values]'),
        ({'where': [['*.depth', 2]]}, "space.where['*.depth']", 2, 'a list of values'),
        ({'where': '*.depth'}, 'space.where', '*.depth', contains('a list')),
    ],
)
def test_what_is_not_a_space_dies_with_one_line(
    change: dict, where: str, got: object, allowed: object
) -> None:
    with raises(ArchError, where=where, got=got, allowed=allowed):
        from_dict({'family': 'hrnet', **change})


def test_the_nearest_word_is_a_hint() -> None:
    for change, word in (({'widht': 8}, 'width'), ({'family': 'hrnett'}, 'hrnet')):
        with raises(ArchError, hint=f"did you mean '{word}'?"):
            from_dict({'family': 'hrnet', **change})


def test_plain_data_that_is_no_mapping_dies() -> None:
    for data in (None, [], 3):
        with raises(ArchError, where='space.family', got=None):
            from_dict(data)
    with raises(ArchError, where='space', got='hrnet', allowed=contains("a mapping with 'family'")):
        from_dict('hrnet')
