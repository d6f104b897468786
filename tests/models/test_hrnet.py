"""The static backbone: its plan, its options, odd sizes, and one line for every mistake."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from scalenas.arch import ArchError, HRArch, dump, named
from scalenas.models import ScaleHRNet
from scalenas.models.hrnet_extra import resolve_arch
from scalenas.space import HRSpace
from tests.errors import contains, raises
from tests.strategies import hr_archs

from .world import DEMO, lively, pictures, stock_extra

SMALL = stock_extra(4, (1, 1, 1), 1)


def planned(arch: HRArch) -> dict[str, tuple[Any, ...]]:
    return {
        layer.name: (
            (layer.c_in, layer.c_out),
            (layer.kernel, layer.kernel),
            (layer.stride, layer.stride),
            layer.groups,
            layer.bias,
        )
        for layer in arch.layers((64, 64))
    }


def built(net: nn.Module) -> dict[str, tuple[Any, ...]]:
    return {
        name: (
            (m.in_channels, m.out_channels),
            m.kernel_size,
            m.stride,
            m.groups,
            m.bias is not None,
        )
        for name, m in net.named_modules()
        if isinstance(m, nn.Conv2d)
    }


@settings(max_examples=50, deadline=None)
@given(arch=hr_archs())
def test_convolutions_are_those_of_the_plan(arch: HRArch) -> None:
    with torch.device('meta'):
        net = ScaleHRNet(arch)
    assert built(net) == planned(arch)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == sum(layer.norm for layer in arch.layers((64, 64)))


@pytest.mark.parametrize('name', ['scalenas_s1', 'scalenas_p4', 'hrnet_w48_single'])
def test_convolutions_of_published_nets_are_those_of_the_plan(name: str) -> None:
    with torch.device('meta'):
        net = ScaleHRNet(name)
    assert built(net) == planned(named(name))


@pytest.mark.parametrize('number', [5, pytest.param(25, marks=pytest.mark.slow)])
def test_plan_of_random_archs_of_the_full_space(number: int) -> None:
    rng = random.Random(0)
    for space in (HRSpace(width=32), HRSpace(width=32, output='single')):
        for _ in range(number):
            arch = space.sample(rng)
            with torch.device('meta'):
                net = ScaleHRNet(arch)
            assert built(net) == planned(arch)


@settings(max_examples=25, deadline=None)
@given(arch=hr_archs())
def test_maps_are_those_that_the_arch_promises(arch: HRArch) -> None:
    size = (45, 70)
    net = ScaleHRNet(arch).eval()
    with torch.no_grad():
        maps = net(torch.rand(1, arch.in_channels, *size))
    assert isinstance(maps, tuple)
    assert [(y.shape[1], tuple(y.shape[2:])) for y in maps] == [
        (f.channels, f.size) for f in arch.features(size)
    ]
    assert net.out_channels == tuple(f.channels for f in arch.features(size))
    assert [info['reduction'] for info in net.feature_info] == [
        f.stride for f in arch.features(size)
    ]
    assert all((y >= 0).all() for y in maps)


def test_every_way_to_name_an_arch(tmp_path: Any) -> None:
    arch = named('hrnet_w18_small')
    (tmp_path / 'net.yaml').write_text(dump(arch))
    for what in ('hrnet_w18_small', str(tmp_path / 'net.yaml'), arch, arch.to_dict()):
        assert ScaleHRNet(what).arch == arch
    extra = stock_extra(18, (1, 3, 2), 2)
    assert ScaleHRNet(extra=extra, upsample='nearest').arch == arch
    # As mmseg's HRNet, which is where `upsample` cannot be said.
    assert ScaleHRNet(extra=extra).arch == arch.with_(upsample='bilinear')


def test_the_first_convolution_takes_any_channels() -> None:
    assert ScaleHRNet('hrnet_w18_small', in_channels=5).conv1.in_channels == 5
    assert ScaleHRNet(extra=SMALL, in_channels=5).conv1.in_channels == 5


@pytest.mark.parametrize('mode', ['nearest', 'bilinear'])
def test_upsample_is_honoured_wherever_it_is_said(mode: str) -> None:
    said = {'mode': mode, 'align_corners': None if mode == 'nearest' else False}
    by_argument = ScaleHRNet(extra=SMALL, upsample=said)
    by_extra = ScaleHRNet(extra={**SMALL, 'upsample': said})
    both = ScaleHRNet(extra={**SMALL, 'upsample': said}, upsample=mode)
    arch = ScaleHRNet(extra=SMALL, upsample='nearest').arch
    by_arch = ScaleHRNet(arch, upsample=mode)
    assert by_argument.arch == by_extra.arch == both.arch == by_arch.arch
    assert by_argument.arch.upsample == mode


def test_the_upsample_modes_differ() -> None:
    net = lively(ScaleHRNet(extra=SMALL, upsample='nearest'))
    other = ScaleHRNet(extra=SMALL, upsample='bilinear').double().eval()
    other.load_state_dict(net.state_dict())
    x = pictures(1, 3, 64, 64)
    assert (net(x)[0] - other(x)[0]).abs().max() > 1e-3


def test_train_and_eval_return_the_net() -> None:
    net = ScaleHRNet(extra=SMALL)
    assert net.train() is net
    assert net.eval() is net
    assert not any(m.training for m in net.modules())


def test_norm_eval_keeps_statistics() -> None:
    net = ScaleHRNet(extra=SMALL, norm_eval=True).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net(torch.rand(2, 3, 64, 64))
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    moving = ScaleHRNet(extra=SMALL).train()
    before = moving.bn1.running_mean.clone()
    moving(torch.rand(2, 3, 64, 64))
    assert not torch.equal(before, moving.bn1.running_mean)


@pytest.mark.parametrize('stages', [-1, 0, 1, 2, 3, 4])
def test_frozen_stages_are_those_of_mmseg(stages: int) -> None:
    from mmseg.models.backbones import HRNet

    nets = [kind(extra=SMALL, frozen_stages=stages) for kind in (HRNet, ScaleHRNet)]
    frozen, still = [], []
    for net in nets:
        net.train()
        frozen.append({name for name, p in net.named_parameters() if not p.requires_grad})
        norms = (nn.BatchNorm2d,)
        still.append({n for n, m in net.named_modules() if isinstance(m, norms) and not m.training})
    assert frozen[0] == frozen[1]
    assert still[0] == still[1]
    assert bool(frozen[1]) == (stages >= 0)


def test_checkpointing_changes_no_gradient() -> None:
    nets = [lively(ScaleHRNet(extra=SMALL, with_cp=cp), train=True) for cp in (False, True)]
    for net in nets:
        x = pictures(2, 3, 64, 64).requires_grad_()
        sum(y.pow(2).mean() for y in net(x)).backward()
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert a.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-14)


def test_zero_init_residual_makes_blocks_identities() -> None:
    net = ScaleHRNet(extra=SMALL, zero_init_residual=True)
    net.init_weights()
    block = net.stage2[0].branches[0][0]
    assert block.bn2.weight.abs().max() == 0
    assert net.layer1[0].bn3.weight.abs().max() == 0
    assert block.bn1.weight.min() == 1
    x = torch.rand(1, 4, 8, 8)
    torch.testing.assert_close(block.eval()(x), x)


def test_default_init_is_kaiming_and_one() -> None:
    net = ScaleHRNet('hrnet_w18_small')
    net.bn1.weight.data.fill_(3)
    net.init_weights()
    assert (net.bn1.weight == 1).all()
    wanted = (2 / (64 * 9)) ** 0.5  # fan_out
    assert net.conv2.weight.std().item() == pytest.approx(wanted, rel=0.05)


def test_norms_are_built_from_their_config() -> None:
    sync = ScaleHRNet(extra=SMALL, norm_cfg={'type': 'SyncBN', 'momentum': 0.01, 'eps': 1e-3})
    assert isinstance(sync.bn1, nn.SyncBatchNorm)
    assert (sync.bn1.momentum, sync.bn1.eps) == (0.01, 1e-3)
    fixed = ScaleHRNet(extra=SMALL, norm_cfg={'type': 'BN', 'requires_grad': False})
    assert not fixed.bn1.weight.requires_grad
    assert fixed.conv1.weight.requires_grad


def test_group_norm_has_the_names_of_hrnet() -> None:
    from mmseg.models.backbones import HRNet

    cfg = {'type': 'GN', 'num_groups': 2}
    with torch.device('meta'):
        theirs, ours = (kind(extra=SMALL, norm_cfg=cfg) for kind in (HRNet, ScaleHRNet))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    assert 'gn1.weight' in ours.state_dict()


def test_other_convolutions_and_norms_come_from_mmcv() -> None:
    net = ScaleHRNet(extra=SMALL, conv_cfg={'type': 'ConvWS'}, norm_cfg={'type': 'IN'})
    assert type(net.conv1).__name__ == 'ConvWS2d'
    assert isinstance(net.in1, nn.InstanceNorm2d)
    net(torch.rand(1, 3, 64, 64))


def test_pretrained_is_loaded(tmp_path: Any) -> None:
    net = ScaleHRNet(extra=SMALL)
    path = str(tmp_path / 'net.pth')
    torch.save({'state_dict': net.state_dict()}, path)
    for said in ({'pretrained': path}, {'init_cfg': {'type': 'Pretrained', 'checkpoint': path}}):
        other = ScaleHRNet(extra=SMALL, zero_init_residual=True, **said)
        other.init_weights()
        state = other.state_dict()
        assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())


def changed(stage: str, **changes: Any) -> dict[str, Any]:
    return {**SMALL, stage: {**SMALL[stage], **changes}}


@pytest.mark.parametrize(
    'bad', [True, 0, -1, 1.5, '3', [3], float('nan'), 10**12, 10**5000], ids=range(9)
)
def test_input_channels_are_a_whole_number(bad: Any) -> None:
    with raises(ArchError, where='in_channels', got=lambda got: got is bad):
        resolve_arch('hrnet_w18', None, bad, None, None)


@pytest.mark.parametrize(
    ('arguments', 'fields'),
    [
        ({}, {'got': 'neither', 'allowed': contains('`arch`', '`extra`')}),
        ({'arch': 'hrnet_w18', 'extra': SMALL}, {'got': 'both'}),
        ({'arch': 'hrnet_w19'}, {'got': 'hrnet_w19', 'hint': contains("'hrnet_w18'")}),
        ({'arch': 'missing/net.yaml'}, {'names': ('missing/net.yaml', 'no such file')}),
        ({'arch': {'stages': []}}, {'names': ('family',)}),
        (
            {'arch': 'hrnet_w18_single', 'multiscale_output': True},
            {'where': 'multiscale_output', 'got': True, 'allowed': 'False'},
        ),
        (
            {'arch': 'hrnet_w18', 'upsample': 'cubic'},
            {'where': 'upsample', 'got': 'cubic', 'allowed': contains('nearest', 'bilinear')},
        ),
        (
            {'extra': SMALL, 'upsample': {'mode': 'bilinear', 'align_corners': True}},
            {'where': 'upsample.align_corners', 'got': True},
        ),
        (
            {'extra': {**SMALL, 'upsample': {'mode': 'nearest'}}, 'upsample': 'bilinear'},
            {'where': 'upsample', 'got': ['bilinear', 'nearest'], 'hint': contains('remove')},
        ),
        (
            {'extra': changed('stage4', multiscale_output=False), 'multiscale_output': True},
            {'where': 'multiscale_output', 'got': [True, False]},
        ),
        (
            {'extra': changed('stage3', block='BOTTLENECK')},
            {'where': 'extra.stage3.block', 'got': 'BOTTLENECK', 'allowed': contains('BASIC')},
        ),
        (
            {'extra': changed('stage1', block='BASIC')},
            {'where': 'extra.stage1.block', 'got': 'BASIC', 'allowed': contains('BOTTLENECK')},
        ),
        (
            {'extra': changed('stage2', num_branches=3)},
            {'where': 'extra.stage2.num_branches', 'got': 3, 'allowed': '2'},
        ),
        (
            {'extra': changed('stage2', num_blocks=(4,))},
            {'where': 'extra.stage2.num_blocks', 'got': (4,), 'allowed': contains(2)},
        ),
        (
            {'extra': changed('stage2', num_blocks=(4, 2))},
            {'where': 'extra.num_blocks', 'got': (4, 2), 'hint': contains('`arch`')},
        ),
        (
            {'extra': changed('stage2', num_chanels=(4, 8))},
            {'where': 'extra.stage2', 'got': 'num_chanels', 'hint': contains("'num_channels'")},
        ),
        (
            {'extra': {k: v for k, v in SMALL.items() if k != 'stage4'}},
            {'where': 'extra', 'names': ("'stage4'",)},
        ),
        (
            {'extra': SMALL, 'frozen_stages': 5},
            {'where': 'frozen_stages', 'got': 5, 'allowed': contains(-1, 4)},
        ),
        (
            {'extra': SMALL, 'pretrained': 'x.pth', 'init_cfg': {'type': 'X'}},
            {'where': 'pretrained', 'got': 'x.pth', 'allowed': contains('init_cfg')},
        ),
        ({'extra': SMALL, 'pretrained': 3}, {'where': 'pretrained', 'got': 3}),
    ],
)
def test_a_mistake_is_one_line(arguments: dict[str, Any], fields: dict[str, Any]) -> None:
    with raises(**fields):
        ScaleHRNet(**arguments)


def test_single_output_is_said_in_extra_or_beside_it() -> None:
    in_extra = ScaleHRNet(extra=changed('stage4', multiscale_output=False))
    beside = ScaleHRNet(extra=SMALL, multiscale_output=False)
    assert in_extra.arch == beside.arch
    assert in_extra.out_channels == (4,)
    assert len(in_extra(torch.rand(1, 3, 64, 64))) == 1


def test_single_output_of_any_arch_is_its_finest_map() -> None:
    rng = random.Random(1)
    for _ in range(5):
        arch = DEMO.sample(rng)
        net = lively(ScaleHRNet(arch))
        single = ScaleHRNet(arch, multiscale_output=False).double().eval()
        missing = single.load_state_dict(net.state_dict(), strict=False).missing_keys
        assert not missing
        x = pictures(1, 3, 64, 64)
        assert torch.equal(single(x)[0], net(x)[0])


def test_the_error_of_an_arch_is_an_arch_error() -> None:
    with pytest.raises(ArchError):
        ScaleHRNet('no_such_net')
