"""HigherHRNet's head as a plan: what is printed of whole networks, and its layers one by one."""

import pytest

from scalenas.arch import ArchError, HigherHead, named, parse_head
from scalenas.arch.layer import Feature
from scalenas.complexity import Counter, count, count_at_output_size
from tests.errors import raises

FEATURES = (Feature(32, (128, 128), 4), Feature(64, (64, 64), 8))


def test_layers_by_hand():
    plan = list(HigherHead(17).layers(FEATURES))
    shapes = [(x.name, x.c_in, x.c_out, x.kernel, x.size, x.size_out) for x in plan]
    small, large = (128, 128), (256, 256)
    assert shapes[0] == ('head.final_layers.0', 32, 34, 1, small, small)
    assert shapes[1] == ('head.upsample.0', 66, 32, 4, small, large)
    assert [s[0] for s in shapes[2:10]] == [
        f'head.blocks.{n}.conv{k}' for n in range(4) for k in (1, 2)
    ]
    assert {s[1:] for s in shapes[2:10]} == {(32, 32, 3, large, large)}
    assert shapes[10:] == [('head.final_layers.1', 32, 17, 1, large, large)]
    cost = count(plan)
    assert cost['params'] == (32 * 34 + 34) + (66 * 32 * 16 + 64) + 8 * (32 * 32 * 9 + 64) + (
        33 * 17
    )
    pixels = 128 * 128
    # A position of the input meets each of the 4 x 4 weights once.
    assert cost['macs'] == pixels * (32 * 34 + 66 * 32 * 16 + 4 * 8 * 32 * 32 * 9 + 4 * 32 * 17)


def test_the_output_rule_counts_the_transposed_convolution_four_times():
    plan = list(HigherHead(17).layers(FEATURES))
    found, true = count_at_output_size(plan), count(plan)
    assert found['macs'] - true['macs'] == 3 * 128 * 128 * 66 * 32 * 16
    assert (found['params'], found['acts']) == (true['params'], true['acts'])


@pytest.mark.parametrize(
    ('net', 'side', 'head', 'params', 'gmac', 'exact'),
    [
        ('hrnet_w32_single', 512, 'bottomup:17', '28.6', '47.9', (28_645_331, 46_203_404_288)),
        ('scalenas_p1', 512, 'bottomup:17', '28.6', '46.9', (28_592_851, 45_216_694_272)),
        ('hrnet_w48_single', 640, 'bottomup:17', '63.8', '154.3', (63_827_139, 149_468_774_400)),
        ('scalenas_p4', 640, 'bottomup:17:32', '64.4', '141.5', (64_397_331, 138_305_126_400)),
    ],
)
def test_table_3(net, side, head, params, gmac, exact):
    """ScaleNAS, table 3: 1 G = 1e9 there, and transposed convolutions count at their output."""
    arch, on_top, size = named(net), parse_head(head), (side, side)
    cost = Counter(size, on_top)(arch)
    assert (cost['params'], cost['macs']) == exact
    assert f'{cost["params"] / 1e6:.1f}' == params
    printed = Counter(size)(arch) + count_at_output_size(on_top.layers(arch.features(size)))
    assert f'{printed.gmacs():.1f}' == gmac


def test_with_the_backbones_own_width_p4_is_neither_of_what_is_printed():
    arch = named('scalenas_p4')
    cost = Counter((640, 640), HigherHead(17))(arch)
    assert f'{cost["params"] / 1e6:.1f}' == '64.5'
    assert f'{cost.gmacs():.1f}' == '148.3'


def test_texts_that_name_it():
    assert parse_head('bottomup:17') == HigherHead(17)
    assert parse_head('bottomup:17:32') == HigherHead(17, channels=32)
    for text in ('bottomup', 'bottomup:0', 'bottomup:17:0', 'bottomup:17:32:4', 'pose:17:32'):
        with raises(ArchError, where='head', got=text):
            parse_head(text)


@pytest.mark.parametrize('wrong', [{'channels': 0}, {'num_blocks': 0}, {'num_joints': 0}])
def test_a_wrong_head_cannot_exist(wrong):
    ((name, value),) = wrong.items()
    with raises(ArchError, where=name, got=value, allowed='a whole number >= 1'):
        HigherHead(**{'num_joints': 17, **wrong})
