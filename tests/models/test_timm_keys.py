"""timm's EfficientNet and RegNet: their weights in our networks, which then compute the same."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

from scalenas.arch import MBConvArch, RegNetArch, list_archs, named, parse_head
from scalenas.complexity import Counter
from scalenas.errors import CheckpointError
from scalenas.models import ScaleMBConvNet, ScaleRegNet, from_stock, stock_key_map
from tests.errors import raises

from .world import assert_close, lively, pictures

TF = {'conv_cfg': {'type': 'Conv2dAdaptivePadding'}, 'norm_cfg': {'type': 'BN', 'eps': 1e-3}}
B = [f'efficientnet_b{n}' for n in range(8)]
TF_NAMES = ['tf_efficientnet_b0', *(f'tf_efficientnet_lite{n}' for n in range(5))]


REGNETS = [name for name in list_archs('regnet') if name[:7] in ('regnetx', 'regnety')]


def timm_name(name: str) -> str:
    """'regnety_4.0gf' -> 'regnety_040'."""
    kind, _, size = name.partition('_')
    return f'{kind}_{round(float(size[:-2]) * (10 if size[-2] == "g" else 0.01)):03}'


def theirs_and_ours(
    name: str, arch: MBConvArch | RegNetArch, indices: tuple[int, ...], **options: Any
) -> tuple[Any, Any]:
    theirs = lively(timm.create_model(name, pretrained=False))
    kind = ScaleMBConvNet if isinstance(arch, MBConvArch) else ScaleRegNet
    ours = kind(arch, out_indices=indices, **options).double().eval()
    found = from_stock(theirs.state_dict(), arch, 'timm')
    heads = {key: value for key, value in found.items() if not key.startswith('backbone.')}
    ours.load_state_dict({k.removeprefix('backbone.'): found[k] for k in found if k not in heads})
    assert set(heads) == {'head.fc.weight', 'head.fc.bias'}
    assert torch.equal(heads['head.fc.weight'], theirs.get_classifier().weight)
    return theirs, ours


def assert_same_maps(theirs: Any, ours: Any, size: tuple[int, int]) -> None:
    x = pictures(2, 3, *size)
    with torch.no_grad():
        last, maps = theirs.forward_intermediates(x)
        got = ours(x)
    if len(got) > len(maps):
        maps.append(last)
    for a, b in zip(maps, got, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize('size', [(64, 64), (53, 71)])
@pytest.mark.parametrize('b', [0, 1, 3])
@pytest.mark.parametrize('tf', [False, True], ids=['timm', 'tf'])
def test_efficientnet_gives_timms_outputs(b: int, tf: bool, size: tuple[int, int]) -> None:
    name = ('tf_' if tf else '') + B[b]
    nets = theirs_and_ours(name, named(B[b]), (1, 2, 3, 5, 7, 8), **(TF if tf else {}))
    assert_same_maps(*nets, size)


@pytest.mark.parametrize('b', [0, 1])
def test_efficientnet_lite_gives_timms_outputs(b: int) -> None:
    nets = theirs_and_ours(
        f'tf_efficientnet_lite{b}', named(f'efficientnet_lite{b}'), (1, 2, 3, 5, 7, 8), **TF
    )
    assert_same_maps(*nets, (64, 64))


@pytest.mark.parametrize(
    ('name', 'ours'),
    [
        ('regnetx_002', 'regnetx_200mf'),
        ('regnetx_032', 'regnetx_3.2gf'),
        ('regnety_004', 'regnety_400mf'),
        ('regnety_016', 'regnety_1.6gf'),
    ],
)
def test_regnet_x_and_y_give_timms_outputs(name: str, ours: str) -> None:
    assert_same_maps(*theirs_and_ours(name, named(ours), (0, 1, 2, 3, 4)), (53, 71))


@pytest.mark.parametrize(
    ('name', 'arch'),
    [
        ('regnetz_005', named('regnetz_500mf')),
        ('regnetz_040_h', named('regnetz_4gf').with_(conv_out=1536)),
    ],
)
def test_regnetz_gives_timms_outputs(name: str, arch: RegNetArch) -> None:
    assert_same_maps(*theirs_and_ours(name, arch, (0, 1, 2, 3, 4, 5)), (53, 71))


def test_regnetz_without_last_convolution_lacks_the_last_activation() -> None:
    """timm activates the last map of `regnetz_040` before it pools; here it is the bare sum."""
    arch = named('regnetz_4gf').with_(conv_out=None)
    theirs, ours = theirs_and_ours('regnetz_040', arch, (4,))
    x = pictures(1, 3, 64, 64)
    with torch.no_grad():
        wanted, (got,) = theirs.forward_features(x), ours(x)
    assert (wanted - got).abs().max() > 0.1
    assert_close(wanted, nn.functional.silu(got))


@pytest.mark.parametrize('name', [*B, *TF_NAMES, *map(timm_name, REGNETS)])
def test_keys_and_shapes_are_those_of_timm(name: str) -> None:
    """B0 to B7, Lite0 to Lite4, RegNetX and RegNetY; so numbers of weights are equal."""
    arch = named(
        {timm_name(regnet): regnet for regnet in REGNETS}.get(name, name.removeprefix('tf_'))
    )
    kind = ScaleMBConvNet if isinstance(arch, MBConvArch) else ScaleRegNet
    with torch.device('meta'):
        net = timm.create_model(name, pretrained=False, num_classes=0)
        theirs, ours = net.state_dict(), kind(arch).state_dict()
    keys = stock_key_map(arch, 'timm')
    assert set(keys) == set(ours)
    assert sorted(keys.values()) == sorted(theirs)
    assert all(ours[a].shape == theirs[b].shape for a, b in keys.items())
    assert Counter()(arch)['params'] == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize('b', range(5))
def test_efficientnet_lite_costs_what_timms_does(b: int) -> None:
    """At the size of the authors, which for Lite3 and Lite4 is not timm's."""
    arch, macs = named(f'efficientnet_lite{b}'), []

    def count(layer: Any, inputs: Any, output: torch.Tensor) -> None:
        macs.append(layer.weight[0].numel() * output.numel())

    with torch.device('meta'):
        net = timm.create_model(f'tf_efficientnet_lite{b}', pretrained=False)
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(count)
        net(torch.zeros(1, 3, *arch.size))
    cost = Counter(head=parse_head('cls:1000'))(arch)
    assert cost['macs'] == sum(macs)
    assert cost['params'] == sum(p.numel() for p in net.parameters())


def test_foreign_weights_are_refused_in_one_line() -> None:
    b0, x = named('efficientnet_b0'), named('regnetx_400mf')
    state = dict.fromkeys(stock_key_map(b0, 'timm').values(), 1) | {'classifier.weight': 2}
    assert from_stock(state, b0, 'timm')['head.fc.weight'] == 2
    counted = {k: v for k, v in state.items() if not k.endswith('num_batches_tracked')}
    assert len(from_stock(counted, b0, 'timm')) == len(counted)
    missing = {k: v for k, v in state.items() if k != 'blocks.3.0.conv_pw.weight'}
    cases = [
        (missing, b0, {'where': 'blocks.3.0.conv_pw.weight', 'names': ('timm', '1 keys', '0 are')}),
        (
            {**state, 'blocks.9.0.conv_dw.weight': 1},
            b0,
            {'where': 'blocks.9.0.conv_dw.weight', 'names': ('timm', '0 keys', '1 are')},
        ),
        (state, named('efficientnet_b1'), {'where': 'blocks.0.1.conv_dw.weight'}),
        (state, x, {'where': 'stem.conv.weight'}),
        (state, b0.with_(shortcut='projected'), {'where': 'shortcut', 'got': 'projected'}),
        (state, named('resnet50'), {'where': 'stem_type', 'allowed': "'simple'"}),
    ]
    for wrong, arch, fields in cases:
        with raises(CheckpointError, **fields):
            from_stock(wrong, arch, 'timm')
