"""One counter: published numbers to the last digit, and two ways of counting that agree."""

from __future__ import annotations

import random
import sys
from collections import Counter as Tally
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import (
    Head,
    HigherHead,
    HRArch,
    Layer,
    PoseHead,
    SegHead,
    named,
    parse_head,
    pruned,
    stock_hrnet,
)
from scalenas.arch.hrnet_units import stage_units
from scalenas.benchmarks.hr_scenes import load
from scalenas.complexity import (
    COLUMNS,
    PYCLS,
    SCALENAS,
    Column,
    Cost,
    Counter,
    count,
    count_operations,
    largest,
    layer_cost,
)
from scalenas.space import HRSpace, ScaledSpace, ScalingStage
from tests.strategies import FULL, TINY, hr_archs, seeds, sizes

CITYSCAPES = ((1024, 2048), SegHead(19))

# name, input, head, exact params, exact macs (None: only printed digits are known),
# params in millions and macs / 2**30 as the tables print them. (HRNet-W48 has 65.859 M params; its
# table cuts that off to 65.8.)
PUBLISHED = [
    ('scalenas_s1', *CITYSCAPES, 25349139, 285116203008, '25.3', '265.5'),
    ('scalenas_s2', *CITYSCAPES, 28502419, 332302123008, '28.5', '309.5'),
    ('scalenas_s3', *CITYSCAPES, 58501555, 617638526976, None, None),
    ('scalenas_s4', *CITYSCAPES, 67549843, 723259490304, '67.5', '673.6'),
    ('scalenas_p1', (256, 256), PoseHead(16), None, None, '28.5', '9.3'),
    ('scalenas_p2', (256, 192), PoseHead(17), 35614321, 8603664384, '35.6', '8.0'),
    ('scalenas_p3', (384, 288), PoseHead(17), None, None, '26.2', '14.3'),
    ('scalenas_p4', (384, 288), PoseHead(17), 64279649, 34993078272, '64.3', '32.6'),
    ('hrnet_w48', *CITYSCAPES, 65859379, None, None, '696.2'),
    ('hrnet_w32_single', (256, 256), PoseHead(16), None, None, '28.5', '9.5'),
    ('hrnet_w48_single', (256, 192), PoseHead(17), None, None, '63.6', '14.6'),
    ('hrnet_w48_single', (384, 288), PoseHead(17), None, None, '63.6', '32.9'),
]

# Widest and narrowest network of a space: params in millions, macs / 2**30.
SUPERNETS = [
    (32, *CITYSCAPES, ('47.850', '469.76'), ('13.857', '200.71')),
    (48, *CITYSCAPES, ('106.995', '996.20'), ('30.584', '390.83')),
    (32, (256, 192), PoseHead(17), ('47.610', '10.33'), ('13.617', '4.02')),
    (48, (384, 288), PoseHead(17), ('106.461', '49.11'), ('30.050', '17.19')),
]


@pytest.mark.parametrize(
    ('name', 'size', 'head', 'params', 'macs', 'params_m', 'gimac'),
    PUBLISHED,
    ids=[f'{row[0]}-{row[1][0]}x{row[1][1]}' for row in PUBLISHED],
)
def test_published_costs_to_the_last_digit(
    name: str, size: tuple, head: object, params: int, macs: int, params_m: str, gimac: str
) -> None:
    cost = Counter(size, head)(named(name))
    assert params is None or cost['params'] == params
    assert macs is None or cost['macs'] == macs
    assert params_m is None or f'{cost["params"] / 1e6:.1f}' == params_m
    assert gimac is None or f'{cost.gmacs(SCALENAS):.1f}' == gimac


@pytest.mark.parametrize(('width', 'size', 'head', 'full', 'least'), SUPERNETS)
def test_supernets_full_and_smallest(
    width: int, size: tuple, head: object, full: tuple, least: tuple
) -> None:
    space, counter = HRSpace(width=width), Counter(size, head)
    for arch, expected in ((space.largest(), full), (space.smallest(), least)):
        cost = counter(arch)
        assert (f'{cost["params"] / 1e6:.3f}', f'{cost.gmacs(SCALENAS):.2f}') == expected


def test_the_largest_net_has_the_blocks_and_fusions_of_the_paper() -> None:
    """26 branches of five blocks beside the four of stage 1; 62 fusions after five steps."""
    largest, smallest = FULL.largest(), FULL.smallest()
    assert (largest.num_blocks, largest.num_fusions) == (26 * 5 + 4, 62 * 5)
    assert (smallest.num_blocks, smallest.num_fusions) == (56, 0)


def test_rules_differ_in_their_unit_only() -> None:
    cost = Counter(*CITYSCAPES)(named('scalenas_s1'))
    assert f'{cost.gmacs(SCALENAS):.1f}' == '265.5'
    assert f'{cost.gmacs(PYCLS):.1f}' == '285.1'
    assert str(cost) == '285.116 G macs, 25.349 M params, ' + f'{cost["acts"] / 1e6:.3f} M acts'


@pytest.mark.parametrize(
    ('layer', 'expected'),
    [
        # 3x3, 4 -> 8, at 10x6, stride 2: 5x3 outputs; weights 288, norm 16.
        (Layer('a', 4, 8, 3, (10, 6), stride=2), Cost(macs=288 * 15, params=288 + 16, acts=8 * 15)),
        # Depthwise 3x3 with odd size: 3x3 outputs; weights 36.
        (
            Layer('a', 4, 4, 3, (5, 5), stride=2, groups=4),
            Cost(macs=36 * 9, params=36 + 8, acts=4 * 9),
        ),
        # 1x1 with bias, without norm.
        (
            Layer('a', 4, 3, 1, (2, 2), bias=True, norm=False),
            Cost(macs=12 * 4, params=12 + 3, acts=3 * 4),
        ),
        # A linear layer has no convolution outputs.
        (
            Layer('a', 4, 3, 1, (1, 1), bias=True, norm=False, op='linear'),
            Cost(macs=12, params=15, acts=0),
        ),
    ],
)
def test_one_layer_by_hand(layer: Layer, expected: Cost) -> None:
    assert layer_cost(layer) == expected


@given(st.lists(hr_archs(), min_size=1, max_size=4), sizes, st.sampled_from(['seg', 'pose', None]))
def test_the_fast_counter_is_the_flat_sum(archs: list[HRArch], size: tuple, kind: str) -> None:
    """Also when a counter has seen other networks before, and the same one again."""
    head = {'seg': SegHead(5), 'pose': PoseHead(3), None: None}[kind]
    counter = Counter(size, head)
    for arch in [*archs, *archs]:
        expected = count(arch.layers(size))
        if head is not None:
            expected += count(head.layers(arch.features(size)))
        assert counter(arch) == expected


def test_the_fast_counter_on_networks_of_the_full_space() -> None:
    counter, rng = Counter((96, 128), SegHead(19)), random.Random(0)
    for _ in range(50):
        arch = FULL.sample(rng)
        head = SegHead(19).layers(arch.features((96, 128)))
        assert counter(arch) == count(arch.layers((96, 128))) + count(head)


@given(hr_archs(), sizes)
def test_a_tally_has_the_layers_of_the_network(arch: HRArch, size: tuple) -> None:
    """Each as often as it is there."""
    tallied: Tally[Layer] = Tally()
    for kit, counts in arch.tally(size):
        for unit, times in zip(kit.units, counts, strict=True):
            for layer in unit.layers():
                tallied[layer] += times
    assert +tallied == Tally(layer for _, unit in arch.units(size) for layer in unit.layers())


SPACES = {
    'W32': FULL,
    'inner widths': HRSpace(32, inner_widths=(0.5, 0.75, 1.0)),
    'bottom-up': HRSpace(32, output='single'),
    'demo': HRSpace(8, (1, 2, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8),
    'five branches': HRSpace(8, (1, 1, 1, 2), (1, 7), inner_widths=(0.5, 1.0)),
    'table of the scenes': load().space,
    'grown': ScaledSpace(TINY, [ScalingStage((1.0, 1.5), (1.0, 1.25), (1.0,))]),
}
HEADS = (None, SegHead(19), PoseHead(17), HigherHead(17))


@pytest.mark.parametrize('name', SPACES)
@settings(max_examples=15)
@given(seeds, sizes, st.sampled_from(HEADS))
def test_the_fast_counter_is_the_flat_sum_in_every_space(
    name: str, seed: int, size: tuple, head: Head | None
) -> None:
    """Networks, their offspring, and those without what nothing reads, by one counter."""
    space, rng, rest = SPACES[name], random.Random(seed), Cost(macs=7, params=5, acts=3)
    counter, one, other = Counter(size, head, rest), space.sample(rng), space.sample(rng)
    child = space.mutate(space.cross(one, other, rng, 0.5), rng, 0.1)
    for arch in (one, child, pruned(child), one):
        expected = count(arch.layers(size)) + rest
        if head is not None:
            expected += count(head.layers(arch.features(size)))
        assert counter(arch) == expected


def test_what_a_counter_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules['scalenas.complexity.count']  # where the package has a function
    monkeypatch.setattr(module, 'MOST_UNITS', 7)
    monkeypatch.setattr(module, 'MOST_KITS', 3)
    monkeypatch.setattr('scalenas.arch.hrnet_units.MOST_KITS', 2)
    stage_units.cache_clear()
    space = SPACES['inner widths']
    counter, rng = Counter((96, 128)), random.Random(1)
    for _ in range(5):
        arch = space.sample(rng)
        assert counter(arch) == count(arch.layers((96, 128)))
        assert len(counter._memo) <= 7
        assert len(counter._kits) <= 3
    for width in (32, 64):
        shared = stage_units((width,), ((24, 32),))
        kits = [shared.kit_of((inner,)) for inner in (1, 2, 3, 1)]
        assert kits[0] is not kits[-1]
        assert kits[0].units[0].layers() == kits[-1].units[0].layers()


def test_columns_that_are_no_sums_are_counted_unit_by_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    widest = Column('widest', lambda layer: layer.c_out, 'c', 'c', combine=largest)
    monkeypatch.setitem(COLUMNS, 'widest', widest)
    counter, rng = Counter((96, 128), SegHead(19)), random.Random(2)
    for _ in range(5):
        arch = FULL.sample(rng)
        head = SegHead(19).layers(arch.features((96, 128)))
        assert counter(arch) == count(arch.layers((96, 128))) + count(head)
        assert counter(arch)['widest'] >= 256


def test_rest_is_added_to_every_network() -> None:
    rest, arch = Cost(macs=7, params=11, acts=13), stock_hrnet(18)
    assert Counter((64, 64), rest=rest)(arch) - Counter((64, 64))(arch) == rest


@given(hr_archs(), sizes)
def test_more_network_costs_more(arch: HRArch, size: tuple) -> None:
    """Switching off all fusions of a network never adds cost; params do not know the size."""
    bare = arch.with_(
        stages=tuple(
            type(stage)(
                stage.channels,
                tuple(
                    replace(m, fusions=tuple(((),) * len(m.depths) for _ in range(m.num_steps)))
                    for m in stage.modules
                ),
            )
            for stage in arch.stages
        )
    )
    cost, less = count(arch.layers(size)), count(bare.layers(size))
    assert (less == cost) == (arch.num_fusions == 0)
    assert less['params'] <= cost['params']
    assert less['macs'] <= cost['macs']
    assert count(arch.layers((32, 32)))['params'] == cost['params']


def test_layers_that_run_many_times_share_weights_or_enlarge() -> None:
    once = Layer('a', 4, 6, 3, (5, 7), bias=True, norm=False)
    cost = layer_cost(once)
    assert cost == Cost(macs=5 * 7 * 6 * 4 * 9, params=6 * 4 * 9 + 6, acts=5 * 7 * 6)
    many = replace(once, times=10)
    assert layer_cost(many) == Cost(
        macs=10 * cost['macs'], params=cost['params'], acts=10 * cost['acts']
    )
    assert layer_cost(replace(once, reused=True)) == Cost(
        macs=cost['macs'], params=0, acts=cost['acts']
    )
    up = Layer('b', 4, 6, 2, (5, 7), stride=2, bias=True, norm=False, op='deconv')
    assert up.size_out == (10, 14)
    assert layer_cost(up) == Cost(macs=5 * 7 * 6 * 4 * 4, params=6 * 4 * 4 + 6, acts=10 * 14 * 6)


# ScaleNAS, table 5, by the counter of mmdet: G operations, and MACs as they are.
DETECTORS = [
    ('hrnet_w32', 'faster_rcnn:80', '285.4', 284_099_717_120),
    ('scalenas_s2', 'faster_rcnn:80', '271.3', 269_976_709_120),
    ('hrnet_w32', 'mask_rcnn:80', '353.9', 337_085_573_120),
    ('scalenas_s2', 'mask_rcnn:80', '339.8', 322_962_565_120),
]


@pytest.mark.parametrize(('name', 'head', 'printed', 'macs'), DETECTORS)
def test_whole_detectors_of_table_5(name: str, head: str, printed: str, macs: int) -> None:
    arch, parsed = named(name), parse_head(head)
    assert parsed is not None
    assert f'{count_operations(arch, (800, 1280), parsed) / 1e9:.1f}' == printed
    assert Counter((800, 1280), parsed)(arch)['macs'] == macs
