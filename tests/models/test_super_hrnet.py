"""The supernet: any active network is the static one with sliced weights, and costs as much."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import nn

from scalenas.arch import HRArch
from scalenas.errors import CheckpointError, ConfigError, UserError
from scalenas.models import (
    ScaleHRNet,
    SuperScaleHRNet,
    key_map,
    locate,
    slice_state_dict,
    supernet_of,
)
from scalenas.models.super_hrnet import CutBlock
from scalenas.models.weight_slices import NORM_KEYS
from scalenas.space import HRSpace, SpaceError, named
from tests.errors import check_line, contains, raises

from .world import DEMO, INNER, lively, pictures


def single_space() -> HRSpace:
    return HRSpace.from_dict({**DEMO.to_dict(), 'output': 'single', 'upsample': 'bilinear'})


spaces = pytest.mark.parametrize(
    'space', [DEMO, single_space(), INNER], ids=['multi', 'single', 'inner']
)


def static_of(net: SuperScaleHRNet, arch: HRArch) -> ScaleHRNet:
    """The arch alone, with the weights it has in the supernet."""
    found = ScaleHRNet(arch).double().train(net.training)
    found.load_state_dict(slice_state_dict(net.state_dict(), net.space, arch, prefix=''))
    return found


def test_the_one_supernet_of_a_model_is_found() -> None:
    net = SuperScaleHRNet(DEMO)
    assert locate(net) == ('', net)
    assert locate(nn.Sequential(nn.ReLU(), nn.Sequential(net))) == ('1.0', net)
    assert supernet_of(nn.Sequential(net)) is net
    for model, names in ((nn.ReLU(), []), (nn.Sequential(net, SuperScaleHRNet(DEMO)), ['0', '1'])):
        with pytest.raises(ConfigError) as caught:
            locate(model, 'model.architecture')
        assert caught.value.where == 'model.architecture'
        assert caught.value.got == names


@spaces
def test_the_active_net_is_the_static_net_with_sliced_weights(space: HRSpace) -> None:
    net = lively(SuperScaleHRNet(space))
    x = pictures(2, 3, 64, 40)
    rng, number = random.Random(0), 10 if space is INNER else 50
    outputs = []
    for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(number))]:
        with net.active(arch), torch.no_grad():
            got = net(x)
        with torch.no_grad():
            wanted = static_of(net, arch)(x)
        assert len(got) == len(wanted) == len(arch.out_channels)
        for a, b in zip(got, wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)
        outputs.append(got[0])
    # Not all the same function, or the comparison would say nothing.
    assert len({float(y.sum()) for y in outputs}) > 0.9 * number


@pytest.mark.parametrize('name', ['scalenas_w32', 'scalenas_w32_single', 'scalenas_w32_inner'])
def test_the_same_at_full_size(name: str) -> None:
    space = named(name)
    net = lively(SuperScaleHRNet(space))
    arch = space.sample(random.Random(1))
    x = pictures(1, 3, 64, 64)
    with net.active(arch), torch.no_grad():
        got = net(x)
    with torch.no_grad():
        wanted = static_of(net, arch)(x)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@spaces
def test_a_training_step_is_that_of_the_static_net(space: HRSpace) -> None:
    rng = random.Random(2)
    for _ in range(4):
        arch = space.sample(rng)
        net = lively(SuperScaleHRNet(space), train=True)
        alone = static_of(net, arch)
        x = pictures(2, 3, 64, 64)
        with net.active(arch):
            sum(y.pow(2).mean() for y in net(x)).backward()
        sum(y.pow(2).mean() for y in alone(x)).backward()
        where = net.slices(arch)
        assert {key: part.key for key, part in where.items()} == key_map(space, arch)
        cuts = {key for key, part in where.items() if part.slices}
        assert bool(cuts) == any(module.inner for module in arch.modules)
        grads = {name: p.grad for name, p in net.named_parameters()}
        for name, p in alone.named_parameters():
            if p.grad is None:  # behind the only output
                assert space.largest().output == 'single'
                assert grads[where[name].key] is None
            else:
                own = where[name].of(grads)
                torch.testing.assert_close(own, p.grad, rtol=0, atol=1e-10)
                own.zero_()  # outside of the part there was none
        assert not any(grad is not None and grad.any() for grad in grads.values())
        held = {part.key for part in where.values()}
        assert all(grad is None for name, grad in grads.items() if name not in held)
        after = net.state_dict()
        fresh = lively(SuperScaleHRNet(space)).state_dict()
        for name, value in alone.state_dict().items():
            own = where[name].of(after)
            torch.testing.assert_close(own, value, rtol=0, atol=1e-10)
            own.copy_(where[name].of(fresh))
        assert all(torch.equal(value, fresh[name]) for name, value in after.items())


def test_a_narrow_block_uses_the_first_of_its_inner_channels() -> None:
    arch = INNER.decode({**INNER.encode(INNER.largest()), 's3.m0.b1.inner': 0.5})
    with torch.device('meta'):
        parts = SuperScaleHRNet(INNER).slices(arch)
    name, half, whole = 'stage3.0.branches.1.2', slice(0, 8), slice(0, 16)
    kernel = (slice(0, 3), slice(0, 3))
    wanted = {
        'conv1.weight': (half, whole, *kernel),
        'conv2.weight': (whole, half, *kernel),
        **dict.fromkeys((f'bn1.{n}' for n in NORM_KEYS['bn'] if 'num' not in n), (half,)),
    }
    cuts = {key: part.slices for key, part in parts.items() if part.slices}
    assert {key: index for key, index in cuts.items() if key.startswith(name)} == {
        f'{name}.{key}': index for key, index in wanted.items()
    }
    assert {key.rsplit('.', 3)[0] for key in cuts} == {'stage3.0.branches.1'}


def test_norms_and_convolutions_of_which_no_part_can_run_are_one_line() -> None:
    groups = {'type': 'GN', 'num_groups': 8}
    SuperScaleHRNet(DEMO, norm_cfg=groups)
    with raises(UserError, where='norm_cfg.num_groups', got=8, allowed=contains('here 4')):
        SuperScaleHRNet(INNER, norm_cfg=groups)
    with raises(UserError, where='norm_cfg.type', got='IN'):
        SuperScaleHRNet(INNER, norm_cfg={'type': 'IN'})
    with raises(UserError, where='conv_cfg.type', got='ConvWS'):
        SuperScaleHRNet(INNER, conv_cfg={'type': 'ConvWS'})


def test_group_norms_run_in_part() -> None:
    groups = {'type': 'GN', 'num_groups': 2}
    net = SuperScaleHRNet(INNER, norm_cfg=groups).double().eval()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if 'gn' in name:
                p.uniform_(0.5, 1.5)
    arch, x = INNER.smallest(), pictures(1, 3, 64, 64)
    alone = ScaleHRNet(arch, norm_cfg=groups).double().eval()
    alone.load_state_dict(slice_state_dict(net.state_dict(), INNER, arch, prefix=''))
    with net.active(arch), torch.no_grad():
        for a, b in zip(net(x), alone(x), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


def test_units_that_run_whole() -> None:
    plain, cut = ({*map(type, SuperScaleHRNet(space).units())} for space in (DEMO, INNER))
    assert plain - cut == {CutBlock}
    assert cut


def called(net: nn.Module, x: torch.Tensor) -> list[str]:
    """Names of the convolutions and norms that a forward calls."""
    names: list[str] = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: names.append(name))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return names


def test_inactive_parts_are_never_called() -> None:
    net = lively(SuperScaleHRNet(DEMO))
    rng = random.Random(3)
    x = pictures(1, 3, 64, 64)
    for arch in [DEMO.smallest(), *(DEMO.sample(rng) for _ in range(10))]:
        with net.active(arch):
            names = called(net, x)
        assert len(names) == len(set(names))
        where = key_map(DEMO, arch)
        live = {key.removesuffix('.weight') for key in where.values() if key.endswith('.weight')}
        assert set(names) == live
        assert {n for n in names if isinstance(net.get_submodule(n), nn.BatchNorm2d)} == {
            name for name, _ in net.active_norms(arch)
        }
        assert {name for name, _ in net.active_parameters(arch)} == {
            key for key in where.values() if key.endswith(('.weight', '.bias'))
        }
        parameters = dict(net.named_parameters())
        assert all(parameters[name] is p for name, p in net.active_parameters(arch))


def test_active_restores_and_nests() -> None:
    net = SuperScaleHRNet(DEMO)
    small, big = DEMO.smallest(), DEMO.largest()
    assert net.active_arch == big
    with net.active(small):
        assert net.active_arch == small
        with net.active(big.to_dict()):
            assert net.active_arch == big
        assert net.active_arch == small
        with pytest.raises(InterruptedError), net.active(big):
            raise InterruptedError
        assert net.active_arch == small
    assert net.active_arch == big


def test_a_foreign_arch_is_refused_at_once() -> None:
    net = SuperScaleHRNet(DEMO)
    other = HRSpace(width=16, num_modules=(1, 1, 1), depth=(1, 2, 3)).smallest()
    for wrong in (other, 'hrnet_w18', single_space().smallest()):
        with pytest.raises(SpaceError) as caught, net.active(wrong):
            pass
        check_line(caught.value)
        assert net.active_arch == DEMO.largest()


def test_a_restricted_space_has_the_keys_of_the_whole() -> None:
    part = DEMO.where('*.depth', (1, 2)).where('*.t0.f*', (False,))
    with torch.device('meta'):
        whole, net = SuperScaleHRNet(DEMO), SuperScaleHRNet(part.to_dict())
    assert net.space == part
    assert set(net.state_dict()) == set(whole.state_dict())
    assert net.active_arch == part.largest()
    with pytest.raises(SpaceError), net.active(DEMO.largest()):
        pass


def test_options_are_those_of_the_static_net() -> None:
    net = SuperScaleHRNet(DEMO, norm_eval=True, frozen_stages=2, zero_init_residual=True).train()
    net.init_weights()
    frozen = {name.split('.')[0] for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {
        *('conv1', 'bn1', 'conv2', 'bn2', 'layer1', 'transition1', 'stage2', 'transition2')
    }
    assert not any(m.training for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    assert net.stage3[0].branches[0][0].bn2.weight.abs().max() == 0
    assert net.out_channels == (8, 16, 32, 64)
    checked = lively(SuperScaleHRNet(DEMO, with_cp=True), train=True)
    sum(y.mean() for y in checked(pictures(2, 3, 64, 64))).backward()
    assert all(p.grad is not None for p in checked.parameters())


@pytest.mark.parametrize(
    'space',
    [{'family': 'hrnt'}, {'family': 'hrnet', 'widht': 8}, {'width': 8}, 'hrnet', None],
)
def test_a_space_that_is_none_is_one_line(space: Any) -> None:
    with pytest.raises(UserError) as caught:
        SuperScaleHRNet(space)
    check_line(caught.value)


@pytest.mark.parametrize('norm', [{'type': 'BN'}, {'type': 'GN', 'num_groups': 4}])
@pytest.mark.parametrize('space', [DEMO, INNER], ids=['plain', 'inner'])
def test_the_key_map_covers_the_static_net(norm: dict[str, Any], space: HRSpace) -> None:
    rng = random.Random(4)
    with torch.device('meta'):
        above = SuperScaleHRNet(space, norm_cfg=norm).state_dict()
        for _ in range(10):
            arch = space.sample(rng)
            below = {k: v.shape for k, v in ScaleHRNet(arch, norm_cfg=norm).state_dict().items()}
            where = key_map(space, arch, 'gn' if 'num_groups' in norm else 'bn')
            found = slice_state_dict(above, space, arch, prefix='')
            assert {key: value.shape for key, value in found.items()} == below
            assert {*where} == {*below}
            assert len(set(where.values())) == len(where)


def test_slicing_keeps_heads_and_drops_the_rest() -> None:
    net = SuperScaleHRNet(DEMO)
    state = {f'backbone.{k}': v for k, v in net.state_dict().items()}
    state |= {'decode_head.conv_seg.weight': torch.ones(1)}
    arch = DEMO.smallest()
    found = slice_state_dict(state, DEMO, arch)
    assert set(found) == {f'backbone.{k}' for k in ScaleHRNet(arch).state_dict()} | {
        'decode_head.conv_seg.weight'
    }
    assert found['backbone.conv1.weight'] is state['backbone.conv1.weight']


def test_slicing_other_weights_is_one_line() -> None:
    arch = DEMO.smallest()
    state = {f'backbone.{k}': v for k, v in ScaleHRNet(arch).state_dict().items()}
    with raises(CheckpointError, where=contains('backbone.stage2.')):
        slice_state_dict({k: v for k, v in state.items() if 'stage2' not in k}, DEMO, arch)
    with raises(CheckpointError, where='bakbone.conv1.weight'):
        slice_state_dict(state, DEMO, arch, prefix='bakbone.')
    with pytest.raises(SpaceError):
        slice_state_dict(state, DEMO, HRSpace(width=16).smallest())
