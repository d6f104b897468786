"""MBConv supernets: any active network is the static one with its part of the weights."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from scalenas.errors import UserError
from scalenas.models import ChoiceMBConvNet, ScaleMBConvNet, SuperMBConvNet
from scalenas.space import bignas_space, scalenet_scaled_space
from tests.errors import raises

from .mbconv_nets import (
    BASE,
    BIG,
    FORMS,
    SCALED,
    SPACES,
    X,
    assert_equal_alone,
    net_of,
    static_of,
)
from .world import lively, pictures


@pytest.mark.parametrize('space', SPACES)
@pytest.mark.parametrize('form', FORMS)
def test_smallest_largest_and_many_others_are_the_static_nets(form: str, space: str) -> None:
    net, rng = net_of(form, space), random.Random(0)
    archs = [net.space.smallest(), net.space.largest()]
    archs += [net.space.sample(rng) for _ in range(25)]
    sums = {assert_equal_alone(net, arch) for arch in archs}
    # Not all the same function, or the comparison would say nothing.
    assert len(sums) > 24


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(FORMS)), st.sampled_from(list(SPACES)), st.integers(0, 2**32))
def test_any_network_is_the_static_net(form: str, space: str, seed: int) -> None:
    net = net_of(form, space)
    assert_equal_alone(net, net.space.sample(random.Random(seed)))


def test_both_sides_of_the_channels() -> None:
    net, rng = net_of('choices', 'scaled'), random.Random(1)
    for _ in range(10):
        arch = net.space.sample(rng)
        left, right = (assert_equal_alone(net, arch, side) for side in ('left', 'right'))
        widest = arch.stages[-1].width == net.space.largest().stages[-1].width
        assert widest or left != right
    largest = SCALED.largest()
    assert net.slices(largest, 'left') == net.slices(largest, 'right')
    weight = net.slices(SCALED.smallest(), 'right')['layers.3.0.linear_conv.conv.weight']
    total = net.get_parameter(weight.key).shape[0]
    assert weight.slices[0] == slice(total - 16, total)


def test_a_side_for_every_network_is_a_pure_function_of_seed_and_network() -> None:
    with torch.device('meta'):
        options = {'space': SCALED, 'resize': True, 'align': 'both'}
        nets = [ChoiceMBConvNet(**options, align_seed=seed) for seed in (0, 0, 1)]
    rng = random.Random(5)
    archs = list({SCALED.sample(rng) for _ in range(300)})
    sides = [[net.align_of(arch) for arch in archs] for net in nets]
    assert sides[0] == sides[1] != sides[2]
    assert nets[1].align_of(archs[7]) == sides[0][7]  # whatever was asked before
    left = sides[0].count('left')
    assert abs(left - len(archs) / 2) < 5 * (len(archs) / 4) ** 0.5
    for arch in archs[:10]:
        side = nets[0].align_of(arch)
        assert nets[0].slices(arch) == nets[0].slices(arch, side)
        with nets[0].active(arch):
            assert nets[0].out_channels == (24,)


@pytest.mark.parametrize('form', FORMS)
def test_published_spaces_are_held_as_planned(form: str) -> None:
    """Shapes alone: of the largest net each tensor is there whole, of all others a part."""
    rng = random.Random(2)
    for space in (bignas_space(), scalenet_scaled_space()):
        with torch.device('meta'):
            net = FORMS[form](space, resize=True)
            state = net.state_dict()
            for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(3))]:
                alone = {k: v.shape for k, v in ScaleMBConvNet(arch).state_dict().items()}
                parts = net.slices(arch)
                assert {k: part.of(state).shape for k, part in parts.items()} == alone
                assert len({part.key for part in parts.values()}) == len(parts)


def test_the_super_supernet_is_as_deep_and_wide_as_its_largest_stage() -> None:
    with torch.device('meta'):
        net = ChoiceMBConvNet(scalenet_scaled_space(), resize=True)
    depths = [len(net.steps[s]) for s in range(1, 8)]
    assert depths == [2, 7, 7, 7, 7, 7, 2]  # ceil(1.64 n)
    assert net.active_arch.stages[6].width == 525  # ceil(1.64 * 320)
    names = set(dict(net.steps[2][0].named_children()))
    assert len(names) == 12
    assert 'k7_e6_se' in names


def test_a_training_step_is_that_of_the_static_net() -> None:
    rng = random.Random(3)
    for form, (name, space) in [(f, s) for f in FORMS for s in SPACES.items()]:
        arch = space.sample(rng)
        net = lively(FORMS[form](space, resize=True), train=True)
        fresh = {k: v.clone() for k, v in net.state_dict().items()}
        alone, parts = static_of(net, arch), net.slices(arch)
        with net.active(arch):
            net(X)[0].pow(2).mean().backward()
        alone(X)[0].pow(2).mean().backward()
        grads = {k: p.grad for k, p in net.named_parameters() if p.grad is not None}
        for key, p in alone.named_parameters():
            torch.testing.assert_close(parts[key].of(grads), p.grad, rtol=0, atol=1e-10)
        # What does not run has a gradient of zero where it shares a tensor, else none.
        for part in parts.values():
            if part.key in grads:
                part.of(grads).zero_()
        assert all(not grad.any() for grad in grads.values()), (form, name)
        # Statistics of the channels that ran moved, all others stayed.
        after = net.state_dict()
        for key, value in alone.state_dict().items():
            torch.testing.assert_close(parts[key].of(after), value, rtol=0, atol=1e-10)
            if 'running' in key:
                parts[key].of(after).copy_(parts[key].of(fresh))
            elif key.endswith('num_batches_tracked'):
                after[parts[key].key].copy_(fresh[parts[key].key])
        assert all(torch.equal(value, fresh[key]) for key, value in after.items())


def test_live_norms_and_parameters_are_what_runs() -> None:
    net, rng = net_of('choices', 'bignas'), random.Random(4)
    for _ in range(5):
        arch = net.space.sample(rng)
        called: list[str] = []
        norms = {n: m for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
        handles = [
            m.register_forward_hook(lambda *_, name=name, to=called: to.append(name))
            for name, m in norms.items()
        ]
        with torch.no_grad(), net.active(arch):
            net(X)
        for handle in handles:
            handle.remove()
        assert called == [name for name, _ in net.active_norms(arch)]
        parameters = dict(net.named_parameters())
        assert all(parameters[name] is p for name, p in net.active_parameters(arch))
        assert len(net.active_parameters(arch)) == len(list(ScaleMBConvNet(arch).parameters()))


def test_shallow_stages_and_narrow_layers_are_the_first_of_the_largest() -> None:
    net = net_of('one', 'bignas')
    parts = net.slices(BIG.smallest())
    assert set(parts) < set(net.state_dict())
    for key, part in parts.items():
        assert part.key == key
        assert all(s.start == 0 for s in part.slices[:2])
    kernel = parts['layers.3.0.depthwise_conv.conv.weight']
    assert kernel.slices[2:] == (slice(2, 5), slice(2, 5))  # 3x3 in the centre of 7x7


def test_active_restores_and_nests() -> None:
    net = net_of('one', 'bignas')
    small, big = BIG.smallest(), BIG.largest()
    assert net.active_arch == big
    with net.active(small):
        assert net.out_channels == (24,)
        with net.active(big.to_dict()):
            assert net.out_channels == (32,)
        with pytest.raises(InterruptedError), net.active(big):
            raise InterruptedError
        assert net.active_arch == small
    assert net.active_arch == big
    assert net.feature_info == ({'num_chs': 32, 'reduction': 4},)


def test_checkpointing_changes_no_gradient_and_outlives_the_context() -> None:
    nets = [lively(SuperMBConvNet(BIG, resize=True, with_cp=cp), train=True) for cp in (0, 1)]
    nets[1].load_state_dict(nets[0].state_dict())
    for net in nets:
        x = X.clone().requires_grad_()
        with net.active(BIG.smallest()):
            (y,) = net(x)
        y.pow(2).mean().backward()  # the largest is active again
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize('form', FORMS)
def test_networks_pad_as_tensorflow_does_where_the_supernet_does(form: str) -> None:
    """At even and odd sides, of every kernel and stride, as the static net with mmcv's layer."""
    tf: Any = {
        'conv_cfg': {'type': 'Conv2dAdaptivePadding'},
        'norm_cfg': {'type': 'BN', 'eps': 1e-3},
    }
    net = lively(FORMS[form](BASE, **tf))
    rng = random.Random(0)
    even, odd = pictures(1, 3, 32, 28), pictures(1, 3, 33, 27)
    for arch in (BASE.smallest(), BASE.largest(), *(BASE.sample(rng) for _ in range(6))):
        same, torchs = static_of(net, arch, **tf), static_of(net, arch, norm_cfg=tf['norm_cfg'])
        with torch.no_grad(), net.active(arch):
            for x in (even, odd):
                torch.testing.assert_close(net(x)[0], same(x)[0], rtol=0, atol=1e-10)
            assert (torchs(even)[0] - same(even)[0]).abs().max() > 1e-3
    for wrong, where in (
        ({'type': 'Conv2dAWS'}, 'conv_cfg.type'),
        ({}, 'conv_cfg'),
        (3, 'conv_cfg'),
    ):
        with raises(UserError, where=where):
            FORMS[form](BASE, conv_cfg=wrong)


def test_a_part_of_a_sync_norm_runs() -> None:
    """Alone, as here, it normalizes by its own images; across GPUs it was not run."""
    net = lively(SuperMBConvNet(BIG, resize=True, norm_cfg={'type': 'SyncBN', 'eps': 1e-3}))
    arch = BIG.sample(random.Random(6))
    alone = static_of(net, arch, norm_cfg={'type': 'BN', 'eps': 1e-3})
    with torch.no_grad(), net.active(arch):
        torch.testing.assert_close(net(X), alone(X), rtol=0, atol=1e-10)
    # What a Runner does for `sync_bn='torch'`: other modules in the places of the norms.
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(lively(SuperMBConvNet(BIG, resize=True)))
    assert_equal_alone(converted, arch)


@pytest.mark.parametrize('form', FORMS)
def test_zero_init_makes_every_residual_block_an_identity(form: str) -> None:
    torch.manual_seed(0)
    net = FORMS[form](BIG, resize=True, zero_init_residual=True)
    net.init_weights()
    norms = {n: m for n, m in net.named_modules() if n.endswith('linear_conv.bn')}
    assert all(not m.weight.any() for m in norms.values())
    alone = ScaleMBConvNet(BIG.smallest(), zero_init_residual=True)
    alone.init_weights()
    assert not alone.layers[2][0].linear_conv.bn.weight.any()
    # Without projections, a block that changes shape would put out nothing at all.
    plain = FORMS[form](SCALED, resize=True, zero_init_residual=True)
    plain.init_weights()
    norms = {n: m for n, m in plain.named_modules() if n.endswith('linear_conv.bn')}
    zero = {n for n, m in norms.items() if not m.weight.any()}
    assert zero == {n for n in norms if n.split('.')[2] != '0'}
