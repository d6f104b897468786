"""The plain net in the hands of outside tools: graphs of torch, hooks, and pruners."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from scalenas.arch import HRModule, MBConvArch, RegNetArch, RegStage
from scalenas.arch.hrnet import pruned
from scalenas.models import ScaleHRNet, ScaleMBConvNet, ScaleRegNet
from scalenas.models.hrnet import fuse_names
from scalenas.models.hrnet_parts import BranchModule
from scalenas.models.layers import Build
from tests.families.cases import SINGLE
from tests.models.mbconv_nets import BIG

from .world import DEMO, lively, pictures, stock_extra

STOCK = stock_extra(8, (1, 1, 1), 1)
REGNET = RegNetArch((RegStage(8, 1, 4), RegStage(16, 2, 8)), block='y', stem=8, resolution=40)


def _mbconv() -> MBConvArch:
    return BIG.sample(random.Random(1))


NETS = {
    'searched': lambda: ScaleHRNet(DEMO.sample(random.Random(3))),
    'stock, bilinear': lambda: ScaleHRNet(extra=STOCK, upsample='bilinear'),
    # A pruner sees what the output depends on; parts that nothing reads would keep their channels.
    'searched, one map': lambda: ScaleHRNet(pruned(SINGLE.sample(random.Random(3)))),
    'stock': lambda: ScaleHRNet(extra=STOCK, upsample='nearest'),
    'mbconv': lambda: ScaleMBConvNet(_mbconv()),
    'regnet': lambda: ScaleRegNet(REGNET),
}
nets = pytest.mark.parametrize('name', NETS)


@pytest.fixture(scope='module')
def images() -> Tensor:
    """Of a size that is no multiple of all strides."""
    return pictures(1, 3, 40, 56).float()


@nets
@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_graphs_of_torch_compute_the_same_bits(name: str, images: Tensor) -> None:
    net = lively(NETS[name]()).float()
    wanted = net(images)
    traced = torch.fx.symbolic_trace(net)
    exported = torch.export.export(net, (images,)).module()
    for graph in (traced, exported, torch.jit.trace(net, images)):
        got = graph(images)
        assert len(got) == len(wanted)
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
    # Of torch.fx for other sizes, too.
    other = pictures(2, 3, 67, 33).float()
    assert all(torch.equal(a, b) for a, b in zip(traced(other), net(other), strict=True))


def test_hooks_of_branches_run() -> None:
    net = lively(ScaleHRNet(extra=STOCK, upsample='nearest'))
    seen = []
    branches = {n: m for n, m in net.named_modules() if n.rpartition('.')[0].endswith('branches')}
    for path, branch in branches.items():
        branch.register_forward_hook(lambda *_, path=path: seen.append(path))
    net(pictures(1, 3, 64, 64))
    assert sorted(seen) == sorted(branches)
    assert len(seen) == 2 + 3 + 4


class Negative(nn.Module):
    """In place of a branch: a module of another class and length."""

    def forward(self, x: Tensor, *steps: int) -> Tensor:
        return -x


@pytest.mark.parametrize('between', [False, True])
def test_a_branch_that_is_replaced_is_what_runs(between: bool) -> None:
    """Where fusions lie between its blocks it is asked for some of them."""
    both = ((1,), (0,))
    holds = HRModule((2, 2), (both if between else ((), ()), both))
    names = fuse_names(holds, numbered=False)
    module: Any = lively(BranchModule((8, 16), holds, names, 'nearest', Build()))
    maps = [pictures(1, 8, 16, 16), pictures(1, 16, 8, 8)]
    asked: list[Any] = []
    module.branches[0] = Negative()
    module.branches[0].register_forward_hook(lambda _, args, out: asked.append(args[1:]))
    got = module(maps, holds)
    assert asked == ([(0, 1), (1, 2)] if between else [()])
    if not between:
        module.branches[0] = nn.Identity()
        same = module([-maps[0], maps[1]], holds)
        assert all(torch.equal(a, b) for a, b in zip(got, same, strict=True))


@nets
def test_a_pruner_from_outside_prunes(name: str, images: Tensor) -> None:
    """Half of all channels go, and what is left is a network that runs and can be deployed."""
    pruning = pytest.importorskip('torch_pruning')
    net: Any = lively(NETS[name]()).float()
    whole = net(images)
    weights = sum(p.numel() for p in net.parameters())
    importance = pruning.importance.MagnitudeImportance(p=2)
    pruning.pruner.MagnitudePruner(net, images, importance=importance, pruning_ratio=0.5).step()
    left = net(images)
    assert [2 * y.shape[1] for y in left] == [y.shape[1] for y in whole]
    assert sum(p.numel() for p in net.parameters()) < 0.5 * weights
    graph = torch.fx.symbolic_trace(net)
    assert all(torch.equal(a, b) for a, b in zip(graph(images), left, strict=True))
    with torch.no_grad():
        for a, b in zip(net.deploy()(images), left, strict=True):
            assert (a - b).abs().max() <= 1e-5 * b.abs().max()
