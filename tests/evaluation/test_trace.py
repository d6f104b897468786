"""Two counters that know nothing of each other: the layer plan, and the layers that run."""

from __future__ import annotations

import random
from importlib import import_module

import pytest
import torch
from mmengine.analysis import FlopAnalyzer
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from scalenas.arch import list_archs, named
from scalenas.complexity import Counter, count
from scalenas.evaluation import EvaluationError, trace
from scalenas.models import ScaleHRNet, SuperScaleHRNet
from scalenas.space import HRSpace

from ..models.world import stock_extra
from .world import SPACE, segmentor

SINGLE = HRSpace(width=6, num_modules=(1, 1, 2), depth=(1, 2, 4), output='single')


@pytest.mark.parametrize('number', [10, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize('space', [SPACE, SINGLE], ids=['multi', 'single'])
def test_random_archs_cost_what_the_plan_says(space: HRSpace, number: int) -> None:
    rng = random.Random(0)
    for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(number))]:
        size = rng.choice([(64, 64), (96, 64), (50, 71)])
        with torch.device('meta'):
            net = ScaleHRNet(arch)
        assert trace(net, size) == count(arch.layers(size))


@pytest.mark.parametrize('name', list_archs('hrnet'))
def test_named_archs_cost_what_the_plan_says(name: str) -> None:
    arch = named(name)
    with torch.device('meta'):
        net = ScaleHRNet(arch)
    assert trace(net, (128, 96)) == count(arch.layers((128, 96)))


def test_a_supernet_costs_what_its_active_sub_net_does() -> None:
    rng = random.Random(1)
    supernet = SuperScaleHRNet(SPACE)
    for arch in (SPACE.sample(rng) for _ in range(10)):
        with supernet.active(arch):
            assert trace(supernet, (64, 64)) == count(arch.layers((64, 64)))


def test_skipped_modules_run_but_are_not_counted() -> None:
    model = segmentor({'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()})
    rest = trace(model, (64, 64), skip=[model.backbone])
    assert Counter((64, 64), rest=rest)(SPACE.smallest()) == trace(model, (64, 64))
    assert rest.params == sum(p.numel() for p in model.decode_head.parameters())


def test_mmengine_counts_the_same_convolutions() -> None:
    """Its total is larger: it adds batch norms and upsampling, which published tables leave out."""
    arch = SPACE.sample(random.Random(2))
    net = ScaleHRNet(arch).eval()
    flops = FlopAnalyzer(net, (torch.zeros(1, 3, 64, 64),)).unsupported_ops_warnings(False)
    by_operator = flops.uncalled_modules_warnings(False).by_operator()
    assert by_operator['conv'] == trace(net, (64, 64)).macs
    assert flops.total() > by_operator['conv']


def test_layers_of_other_kinds_and_a_layer_that_runs_twice() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
            self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)
            self.unused = nn.Conv2d(9, 9, 9)
            self.fc = nn.Linear(3, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.up(self.conv(self.conv(x))).mean((2, 3)))

    cost = trace(Net(), (10, 6), in_channels=4)
    assert cost.macs == 2 * 60 * 4 * 2 * 9 + 60 * 4 * 3 * 4 + 3 * 7
    assert cost.params == (4 * 2 * 9 + 4) + (4 * 3 * 4 + 3) + (3 * 7 + 7)
    assert cost.acts == 2 * 60 * 4 + 3 * 240


def test_an_unknown_layer_with_parameters_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.PReLU(4))
    with pytest.raises(EvaluationError, match=r'1 \(PReLU\) has 4 parameters'):
        trace(net, (8, 8))


def test_the_model_stays_as_it_was() -> None:
    net = ScaleHRNet(SPACE.smallest())
    trace(net, (64, 64))
    assert net.training
    assert all(not p.is_meta for p in net.parameters())
    assert all(not m._forward_hooks for m in net.modules())


@pytest.mark.parametrize('package', ['mmdet', 'mmpretrain', 'mmseg', 'mmpose'])
def test_a_backbone_of_any_package_is_traced(package: str) -> None:
    """HRNet's `train` of mmdet and of mmpretrain gives None back, and so does `eval`."""
    import_module(f'{package}.models')
    extra = stock_extra(8, (1, 1, 1), 1)
    with DefaultScope.overwrite_default_scope(package):
        options = {'arch': None} if package == 'mmpretrain' else {}
        net = MODELS.build({'type': 'HRNet', 'extra': extra, **options})
    upsample = 'bilinear' if package == 'mmseg' else 'nearest'
    ours = ScaleHRNet(extra=extra, upsample=upsample)
    cost = trace(net, (64, 64))
    if package in ('mmseg', 'mmdet'):
        assert cost == trace(ours, (64, 64))
    assert cost.macs > 0
    assert all(module.training for module in net.modules())
