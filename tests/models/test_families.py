"""MBConv and RegNet backbones: their plans, their options, and one line for every mistake."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from scalenas.arch import (
    ArchError,
    MBBlock,
    MBConvArch,
    MBStage,
    RegNetArch,
    RegStage,
    dump,
    list_archs,
    named,
)
from scalenas.complexity import count
from scalenas.evaluation import trace
from scalenas.models import ScaleMBConvNet, ScaleRegNet
from scalenas.models.blocks import DropPath
from scalenas.space import bignas_space, scalenet_space
from tests.errors import contains, raises
from tests.random_archs import mbconv_archs, regnet_archs

from .world import lively, pictures

ZOO = [*list_archs('mbconv'), *list_archs('regnet')]
SMALL_MB = MBConvArch(
    (
        MBStage(8, (MBBlock(3, 1),)),
        MBStage(12, (MBBlock(3, 6), MBBlock(5, 3, False)), 2),
        MBStage(16, (MBBlock(5, 4), MBBlock(7, 2)), 2),
        MBStage(24, (MBBlock(3, 6),), 2),
    ),
    stem=8,
    conv_out=40,
    resolution=64,
)
SMALL_Y = RegNetArch(
    (RegStage(8, 1, 4), RegStage(16, 2, 4), RegStage(24, 1, 8), RegStage(32, 1, 8)),
    block='y',
    stem=8,
    resolution=64,
)
SMALL_Z = RegNetArch(
    (RegStage(8, 2, 4, 4), RegStage(16, 2, 4, 4)), block='z', stem=8, conv_out=48, resolution=64
)
SMALL = [SMALL_MB, SMALL_MB.with_(shortcut='projected', conv_out=None), SMALL_Y, SMALL_Z]
IDS = ['mbconv', 'mbconv-projected', 'regnety', 'regnetz']


def net_of(arch: MBConvArch | RegNetArch | str, **options: Any) -> ScaleMBConvNet | ScaleRegNet:
    value = named(arch) if isinstance(arch, str) else arch
    kind = ScaleMBConvNet if value.family == 'mbconv' else ScaleRegNet
    return kind(arch, **options)


def assert_as_planned(arch: MBConvArch | RegNetArch, size: tuple[int, int]) -> None:
    """Every convolution has the plan's name and shape, every norm its place, the sum its cost."""
    with torch.device('meta'):
        net = net_of(arch)
    plan = list(arch.layers(size))
    built = {
        name: (m.in_channels, m.out_channels, m.kernel_size, m.stride, m.groups, m.bias is not None)
        for name, m in net.named_modules()
        if isinstance(m, nn.Conv2d)
    }
    assert built == {
        x.name: (x.c_in, x.c_out, (x.kernel,) * 2, (x.stride,) * 2, x.groups, x.bias) for x in plan
    }
    norms = {n: m.num_features for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {f'{x.name.rpartition(".")[0]}.bn': x.c_out for x in plan if x.norm}
    assert trace(net, size, arch.in_channels) == count(plan)


@pytest.mark.parametrize('name', ZOO)
def test_zoo_archs_are_built_as_planned(name: str) -> None:
    arch = named(name)
    assert_as_planned(arch, arch.size)


def test_random_archs_of_the_spaces_are_built_as_planned() -> None:
    rng = random.Random(0)
    for space in (bignas_space(), scalenet_space()):
        for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(15))]:
            assert_as_planned(arch, rng.choice([arch.size, (97, 64)]))


@settings(max_examples=20, deadline=None)
@given(arch=mbconv_archs() | regnet_archs())
def test_any_arch_is_built_as_planned_and_gives_its_maps(arch: MBConvArch | RegNetArch) -> None:
    size = (45, 70)
    assert_as_planned(arch, size)
    net = net_of(arch, out_indices=range(len(arch.stages) + 1)).eval()
    with torch.no_grad():
        maps = net(torch.rand(1, arch.in_channels, *size))
    assert [y.shape[1] for y in maps] == list(net.out_channels)
    for y, info in zip(maps, net.feature_info, strict=True):
        assert tuple(y.shape[2:]) == tuple(-(-n // info['reduction']) for n in size)


def test_dense_indices_give_the_features_of_the_arch() -> None:
    size = (64, 96)
    for name, indices in [
        ('efficientnet_b0', (2, 3, 5, 8)),
        ('regnety_400mf', (1, 2, 3, 4)),
        ('resnet50', (1, 2, 3, 4)),
    ]:
        with torch.device('meta'):
            net = net_of(name, out_indices=indices)
            maps = net(torch.empty(1, 3, *size))
        wanted = named(name).features(size)
        assert [(y.shape[1], tuple(y.shape[2:])) for y in maps] == [f[:2] for f in wanted]
        assert net.feature_info == tuple(
            {'num_chs': f.channels, 'reduction': f.stride} for f in wanted
        )


def test_the_default_map_is_the_last() -> None:
    net = net_of(SMALL_MB).eval()
    (last,) = net(torch.rand(1, 3, 64, 64))
    assert tuple(last.shape) == (1, 40, 4, 4)
    assert net.out_channels == (40,)


def test_every_way_to_name_an_arch(tmp_path: Any) -> None:
    for arch in (SMALL_MB, SMALL_Z):
        path = tmp_path / f'{arch.family}.yaml'
        path.write_text(dump(arch))
        for what in (arch, arch.to_dict(), str(path)):
            kind = ScaleMBConvNet if arch is SMALL_MB else ScaleRegNet
            assert kind(what).arch == arch
    assert ScaleMBConvNet(SMALL_MB, in_channels=5).layers[0].conv.in_channels == 5


@pytest.mark.parametrize('arch', SMALL, ids=IDS)
def test_one_training_step_moves_every_weight(arch: MBConvArch | RegNetArch) -> None:
    torch.manual_seed(0)
    net = net_of(arch, drop_path_rate=0.2)
    net.init_weights()
    assert net.train() is net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    loss = net(torch.rand(8, 3, 64, 64))[-1].pow(2).mean()
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    still = [name for name, p in net.named_parameters() if torch.equal(before[name], p)]
    assert still == []


@pytest.mark.parametrize('arch', SMALL, ids=IDS)
def test_frozen_stages_stay(arch: MBConvArch | RegNetArch) -> None:
    steps = len(net_of(arch).steps)
    for stages in range(-1, steps):
        net = net_of(arch, frozen_stages=stages).train()
        for index, step in enumerate(net.steps):
            frozen = index <= stages
            assert all(p.requires_grad != frozen for p in step.parameters())
            assert all(m.training != frozen for m in step.modules())


def test_norm_eval_keeps_statistics() -> None:
    net = net_of(SMALL_MB, norm_eval=True).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net(torch.rand(2, 3, 64, 64))
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not any(m.training for m in net.eval().modules())


@pytest.mark.parametrize('arch', SMALL, ids=IDS)
def test_checkpointing_changes_no_gradient(arch: MBConvArch | RegNetArch) -> None:
    nets = [lively(net_of(arch, with_cp=cp), train=True) for cp in (False, True)]
    nets[1].load_state_dict(nets[0].state_dict())
    for net in nets:
        x = pictures(2, 3, 64, 64).requires_grad_()
        net(x)[0].pow(2).mean().backward()
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-14)


def test_drop_path_keeps_the_mean_and_drops_whole_images() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    y = drop(torch.ones(4000, 2, 3, 3))
    per_image = y.flatten(1)
    assert (per_image == per_image[:, :1]).all()
    assert sorted(set(per_image[:, 0].tolist())) == pytest.approx([0, 4 / 3])
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(y), y)


def test_drop_path_rates_rise_linearly() -> None:
    net = net_of('efficientnet_b0', drop_path_rate=0.3)
    rates = [m.rate for m in net.modules() if isinstance(m, DropPath)]
    assert rates == pytest.approx(torch.linspace(0, 0.3, 16).tolist())


def test_first_weights_keep_the_size_of_the_signal() -> None:
    """Depthwise convolutions see 9 to 49 inputs, whatever the number of their channels."""
    net = net_of('efficientnet_b0')
    net.init_weights()
    depthwise = net.layers[6][0].depthwise_conv.conv
    assert depthwise.weight.std().item() == pytest.approx((2 / 25) ** 0.5, rel=0.05)
    assert net.layers[6][0].se.conv1.conv.bias.abs().max() == 0


def test_norms_and_activations_are_those_asked_for() -> None:
    norm = {'type': 'SyncBN', 'momentum': 0.01, 'eps': 1e-3}
    net = ScaleMBConvNet(SMALL_MB.with_(activation='hswish'), norm_cfg=norm)
    assert isinstance(net.layers[0].bn, nn.SyncBatchNorm)
    assert (net.layers[0].bn.momentum, net.layers[0].bn.eps) == (0.01, 1e-3)
    kinds = {type(m) for m in net.modules()}
    assert nn.Hardswish in kinds
    assert nn.SiLU not in kinds
    group = ScaleRegNet(SMALL_Y, norm_cfg={'type': 'GN', 'num_groups': 2})
    assert isinstance(group.stem.gn, nn.GroupNorm)


@pytest.mark.parametrize(
    ('options', 'fields'),
    [
        ({'out_indices': (6,)}, {'where': 'out_indices', 'got': (6,), 'allowed': contains(0, 5)}),
        ({'out_indices': ()}, {'where': 'out_indices', 'got': ()}),
        ({'out_indices': (5, -1)}, {'where': 'out_indices', 'got': (5, -1)}),
        ({'frozen_stages': 6}, {'where': 'frozen_stages', 'got': 6, 'allowed': contains(-1, 5)}),
        ({'drop_path_rate': 1.0}, {'where': 'drop_path_rate', 'got': 1.0}),
        ({'arch': SMALL_Z.to_dict()}, {'got': 'regnet', 'allowed': contains('mbconv')}),
        (
            {'arch': 'scalenas_s1'},
            {'where': 'scalenas_s1.family', 'got': 'hrnet', 'allowed': contains('mbconv')},
        ),
        ({'arch': {'stages': []}}, {'names': ("'family'",)}),
    ],
)
def test_mistakes_get_one_line(options: dict[str, Any], fields: dict[str, Any]) -> None:
    with raises(ArchError, **fields):
        ScaleMBConvNet(**{'arch': SMALL_MB, **options})


def test_two_ways_to_start_exclude_each_other() -> None:
    with raises(where='pretrained', got='a.pth', allowed=contains('init_cfg')):
        ScaleRegNet(SMALL_Y, pretrained='a.pth', init_cfg={'type': 'Normal', 'layer': 'Conv2d'})
