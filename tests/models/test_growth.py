"""A supernet that starts from a trained HRNet: which sub-nets compute what it computes."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import scalenas
import scalenas.models
from scalenas.arch.hrnet import stock_hrnet
from scalenas.errors import UserError
from scalenas.models.growth import grow, read_stock
from scalenas.models.super_hrnet import SuperScaleHRNet
from scalenas.space import HRSpace

from ..errors import contains, raises
from .test_drop_in import stock
from .world import assert_close, lively, pictures, stock_extra

WIDTH, MODULES, BLOCKS = 8, (1, 2, 1), 2
PACKAGES = ('mmseg', 'mmdet', 'mmpose', 'mmpretrain')


def space(depth: tuple[int, ...] = (1, 2, 3), **options: Any) -> HRSpace:
    return HRSpace(WIDTH, MODULES, depth, stage1_blocks=BLOCKS, **options)


def grown(net: nn.Module, into: HRSpace, prefix: str = '') -> SuperScaleHRNet:
    supernet = lively(SuperScaleHRNet(into), seed=1)
    state = {f'{prefix}{k}': v for k, v in net.state_dict().items()}
    grow(supernet, read_stock(state, supernet, 'stock.pth'), 'stock.pth')
    return supernet


@pytest.mark.parametrize('output', ['multi', 'single'])
@pytest.mark.parametrize('package', PACKAGES)
def test_the_stock_net_and_the_largest_compute_what_it_computed(package: str, output: str) -> None:
    net = lively(stock(package, stock_extra(WIDTH, MODULES, BLOCKS), output == 'multi'))
    into = space(upsample='bilinear' if package == 'mmseg' else 'nearest', output=output)
    supernet = grown(net, into, 'backbone.')
    own = stock_hrnet(WIDTH, MODULES, BLOCKS, BLOCKS, into.largest().upsample, output)
    for size in [(64, 96), (75, 101)] if package == 'mmseg' else [(64, 96)]:
        x = pictures(2, 3, *size)
        wanted = net(x)
        for arch in (own, into.largest()):
            with supernet.active(arch):
                for a, b in zip(wanted, supernet(x), strict=True):
                    assert_close(a, b)


def test_nets_between_the_stock_net_and_the_largest_compute_it_too() -> None:
    net = lively(stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True))
    into = space(upsample='bilinear')
    supernet, x = grown(net, into), pictures(1, 3, 64, 64)
    wanted = net(x)
    own = into.encode(stock_hrnet(WIDTH, MODULES, BLOCKS, BLOCKS, 'bilinear'))
    largest = into.encode(into.largest())
    deeper = dict(own) | {'s3.m0.b1.depth': 3, 's4.m0.b3.depth': 3}
    fused = dict(own) | {'s3.m1.t0.f0<-2': True, 's4.m0.t0.f3<-1': True}
    assert deeper.items() - own.items()
    assert set(fused) <= set(largest)
    for genes in (deeper, fused):
        arch = into.decode({**genes, **{k: False for k in largest if k not in genes}})
        if genes is deeper:  # a deeper branch moves its stock fusion off the last step: still there
            assert arch.num_blocks == into.decode(own).num_blocks + 2
        with supernet.active(arch):
            for a, b in zip(wanted, supernet(x), strict=True):
                assert_close(a, b)


def test_a_narrow_net_and_wider_ones_compute_what_it_computed() -> None:
    into = space(inner_widths=(0.5, 1))
    rng = random.Random(0)
    narrow = into.where('*.inner', (0.5,)).where('*.depth', (1, 2)).sample(rng)
    net = lively(scalenas.models.ScaleHRNet(narrow))
    supernet, x = grown(net, into), pictures(1, 3, 64, 64)
    genes = into.encode(narrow)
    free = [name for name in genes if name.endswith('.inner')]
    assert {genes[name] for name in free} == {0.5}
    wider = into.decode({**genes, **dict.fromkeys(rng.sample(free, 5), 1.0)})
    assert wider != narrow
    for arch in (narrow, wider, into.decode({**genes, **dict.fromkeys(free, 1.0)}), into.largest()):
        with supernet.active(arch):
            for a, b in zip(net(x), supernet(x), strict=True):
                assert_close(a, b)
    supernet.train()
    sum(y.square().mean() for y in supernet(x)).backward()
    for key, index in supernet.neutral_weights(narrow).items():
        weight = supernet.get_parameter(key)
        assert not weight[index].any()
        assert weight.grad is not None
        assert weight.grad[index].abs().max() > 0, key
    own = scalenas.grow(net.float(), depth=(1, 2))
    assert own.space.inner_widths == (0.5, 1.0)
    assert narrow in own.space


def test_a_shallower_net_is_another_function() -> None:
    net = lively(stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True))
    into = space(upsample='bilinear')
    supernet, x = grown(net, into), pictures(1, 3, 64, 64)
    with supernet.active(into.smallest()):
        assert (supernet(x)[0] - net(x)[0]).abs().max() > 0.1


def test_what_was_added_learns() -> None:
    net = lively(stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True))
    supernet = grown(net, space(upsample='bilinear')).train()
    sum(y.square().mean() for y in supernet(pictures(2, 3, 64, 64))).backward()
    own = stock_hrnet(WIDTH, MODULES, BLOCKS, BLOCKS, 'bilinear')
    zeroed = supernet.neutral_norms(own)
    # 9 + 3 * 2 branches of modules get a block each; fusions of steps 1 and 3 of all branches.
    branches = sum(count * b for b, count in enumerate(MODULES, 2))
    fusions = 2 * sum(count * b * (b - 1) for b, count in enumerate(MODULES, 2))
    assert len(zeroed) == branches + fusions
    for name in zeroed:
        norm = supernet.get_submodule(name)
        assert not norm.weight.any()
        assert not norm.bias.any()
        assert norm.bias.grad.abs().max() > 0, name
        assert norm.weight.grad.abs().max() > 0, name


def test_timms_hrnet_is_read_without_its_classifier() -> None:
    timm = pytest.importorskip('timm')
    net = lively(timm.create_model('hrnet_w18_small', features_only=False))
    into = HRSpace(16, (1, 1, 1), (1, 2, 3), stage1_blocks=1, stage1_channels=32)
    supernet = lively(SuperScaleHRNet(into), seed=1)
    found = read_stock(net.state_dict(), supernet, 'timm')
    assert found.arch == stock_hrnet(16, (1, 1, 1), 2, 1).with_(stage1_channels=32)
    assert {key.split('.')[0] for key in found.unread} == {
        *('incre_modules', 'downsamp_modules', 'final_layer', 'classifier')
    }
    assert not found.rest
    grow(supernet, found, 'timm')
    x = pictures(1, 3, 64, 96)
    for grown_one in (supernet, scalenas.grow(net)):
        for a, b in zip(net.stages(_stem(net, x)), grown_one(x), strict=True):
            assert_close(a, b)


def _stem(net: Any, x: Tensor) -> Tensor:
    x = net.act1(net.bn1(net.conv1(x)))
    return net.act2(net.bn2(net.conv2(x)))


def test_heads_are_kept_for_the_task_model() -> None:
    net = stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True)
    state = {f'backbone.{k}': v for k, v in net.state_dict().items()}
    state['decode_head.conv_seg.weight'] = torch.ones(1)
    found = read_stock(state, SuperScaleHRNet(space()), 'mine.pth')
    assert list(found.rest) == ['decode_head.conv_seg.weight']
    assert found.unread == ()


BAD = {
    'no HRNet': (lambda state: {'conv.weight': torch.ones(1)}, 'mine.pth'),
    'no stem': (lambda state: {k: v for k, v in state.items() if k != 'conv1.weight'}, 'mine.pth'),
    'a branch is missing': (
        lambda state: {k: v for k, v in state.items() if not k.startswith('stage3.0.branches.1')},
        'mine.pth',
    ),
    'a norm is missing': (
        lambda state: {k: v for k, v in state.items() if k != 'bn1.bias'},
        'mine.pth',
    ),
    'another shape': (lambda state: {**state, 'bn1.bias': torch.ones(3)}, 'mine.pth'),
    'not finite': (lambda state: {**state, 'bn1.bias': torch.full((64,), torch.nan)}, 'mine.pth'),
}


@pytest.mark.parametrize('case', BAD)
def test_other_weights_are_refused(case: str) -> None:
    change, where = BAD[case]
    state = stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True).state_dict()
    supernet = SuperScaleHRNet(space())
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    with raises(UserError, where=where):
        grow(supernet, read_stock(change(state), supernet, 'mine.pth'), 'mine.pth')
    for key, value in supernet.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize(
    ('other', 'where', 'got'),
    [
        (stock_extra(16, MODULES, BLOCKS), 'arch.stages[0].channels[0]', 16),
        (stock_extra(WIDTH, (1, 1, 1), BLOCKS), 'modules per stage', (1, 1, 1)),
        (stock_extra(WIDTH, MODULES, 4), 's2.m0.b0.depth', 4),
    ],
    ids=['width', 'modules', 'depth'],
)
def test_a_net_that_is_not_in_the_space_is_refused(
    other: dict[str, Any], where: str, got: object
) -> None:
    supernet = SuperScaleHRNet(space())
    with raises(UserError, where=f'mine.pth: {where}', got=got):
        read_stock(stock('mmseg', other, True).state_dict(), supernet, 'mine.pth')


def test_a_model_grows_in_one_call() -> None:
    for package, upsample in (('mmseg', 'bilinear'), ('mmdet', 'nearest')):
        net = lively(stock(package, stock_extra(WIDTH, MODULES, BLOCKS), True))
        model = nn.ModuleDict({'backbone': net, 'head': nn.Conv2d(8, 1, 1)}).eval()
        supernet = scalenas.grow(model)
        assert supernet.space == space(upsample=upsample)
        assert not supernet.training
        x = pictures(1, 3, 64, 96)
        for a, b in zip(net(x), supernet(x), strict=True):
            assert_close(a, b)
    own = lively(scalenas.models.ScaleHRNet(stock_hrnet(WIDTH, MODULES, BLOCKS, BLOCKS)))
    grown_own = scalenas.grow(own, depth=(2, 4))
    assert grown_own.space == space((2, 4), upsample='nearest')
    assert_close(own(x)[0], grown_own(x)[0])


def test_what_cannot_grow_is_refused() -> None:
    with raises(UserError, where='grow', got='Conv2d', allowed='hrnet'):
        scalenas.grow(nn.Conv2d(3, 3, 3))
    net = stock('mmseg', stock_extra(WIDTH, MODULES, BLOCKS), True)
    with raises(UserError, allowed=contains(3, 4)):
        scalenas.grow(net, depth=(3, 4))
