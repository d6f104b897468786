"""MBConv archs against mmpretrain's EfficientNet, and refusals in one line."""

from __future__ import annotations

import pytest
import yaml

from scalenas.arch import ArchError, MBBlock, MBConvArch, MBStage, dump, load, named
from scalenas.arch.mbconv_units import SqueezeRule
from tests.errors import contains, raises

B0 = named('efficientnet_b0')


@pytest.mark.parametrize('name', [f'b{n}' for n in range(8)])
def test_the_plan_is_mmpretrains_efficientnet_layer_by_layer(name: str) -> None:
    torch = pytest.importorskip('torch')
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    net = backbones.EfficientNet(name)
    theirs = [
        (module.weight.shape, module.bias is not None, module.stride[0])
        for module in net.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    plan = list(named(f'efficientnet_{name}').layers())
    ours = [
        ((la.c_out, la.c_in // la.groups, la.kernel, la.kernel), la.bias, la.stride) for la in plan
    ]
    assert ours == [(tuple(shape), bias, stride) for shape, bias, stride in theirs]
    # Names, too, up to the number of stage and block.
    paths = [n for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d)]
    ends = [[part for part in path.split('.') if not part.isdigit()] for path in paths]
    assert [[p for p in la.name.split('.') if not p.isdigit()] for la in plan] == ends


def test_blocks_may_differ_within_a_stage() -> None:
    text = dump(B0).replace('kernel: 5', 'kernel: [5, 7]', 1)
    arch = load(text)
    assert isinstance(arch, MBConvArch)
    assert arch.stages[2].blocks == (MBBlock(5, 6), MBBlock(7, 6))
    assert yaml.safe_load(dump(arch))['stages'][2]['kernel'] == [5, 7]


def test_squeeze_rules() -> None:
    assert SqueezeRule('input', 4)(24, 6) == 6
    assert SqueezeRule('expanded', 4)(24, 6) == 36
    assert SqueezeRule('input', 4)(3, 6) == 1
    plain, searched = B0, B0.with_(squeeze=SqueezeRule('expanded', 4))
    assert {la.c_out for la in plain.layers() if la.name.endswith('2.0.se.conv1.conv')} == {4}
    assert {la.c_out for la in searched.layers() if la.name.endswith('2.0.se.conv1.conv')} == {24}


def test_projected_shortcuts_stand_where_shapes_change() -> None:
    arch = named('bignas_s')
    names = [la.name for la in arch.layers() if 'shortcut' in la.name]
    assert names == [f'layers.{s}.0.shortcut.conv' for s in range(1, 8)]


@pytest.mark.parametrize(
    ('old', 'new', 'where', 'got', 'allowed'),
    [
        ('kernel: 5', 'kernel: 4', '.stages[2].kernel', 4, (3, 5, 7)),
        ('kernel: 5', 'kernel: [5]', '.stages[2].kernel', [5], contains('one value, or 2')),
        ('kernel: 5', 'kernel: x', '.stages[2].kernel', 'x', (3, 5, 7)),
        ('expand: 6', 'expand: 7', '.stages[1].expand', 7, 'a whole number from 1 to 6'),
        ('se: true', 'se: 1', '.stages[0].se', 1, 'true or false'),
        ('stride: 2', 'stride: 3', '.stages[1].stride', 3, (1, 2)),
        ('width: 24', 'width: 0', '.stages[1].width', 0, 'a whole number >= 1'),
        ('depth: 2', 'depth: 0', '.stages[1].depth', 0, 'a whole number >= 1'),
        ('activation: swish', 'activation: wish', '.activation', 'wish', contains('swish')),
        ('of: input', 'of: output', '.squeeze.of', 'output', ('input', 'expanded')),
        ('divisor', 'divider', '.squeeze', 'divider', ('of', 'divisor')),
        ('shortcut: identity', 'shortcut: none', '.shortcut', 'none', ('identity', 'projected')),
        ('resolution: 224', 'resolution: 1.5', '.resolution', 1.5, 'a whole number >= 1'),
        ('conv_out: 1280', 'conv_out: 0', '.conv_out', 0, 'a whole number >= 1'),
        ('stem:', 'steam:', '', 'steam', contains('stem')),
    ],
)
def test_a_wrong_arch_dies_with_one_line(
    old: str, new: str, where: str, got: object, allowed: object
) -> None:
    text = dump(B0)
    assert old in text
    with raises(ArchError, where=f'net.yaml{where}', got=got, allowed=allowed):
        load(text.replace(old, new, 1), 'net.yaml')


def test_the_nearest_word_is_a_hint() -> None:
    with raises(ArchError, got='wish', hint="did you mean 'swish'?"):
        B0.with_(activation='wish')


def test_a_network_needs_stages_and_a_stage_blocks() -> None:
    with raises(ArchError, where='stages', got=(), allowed='at least one stage'):
        MBConvArch(())
    with raises(ArchError, where='blocks', got=(), allowed='at least one block'):
        MBStage(16, ())
