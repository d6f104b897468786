"""An MBConv supernet that starts from weights of timm: its own sub-net, and deeper ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from scalenas.arch import MBConvArch, named
from scalenas.errors import UserError
from scalenas.models import ChoiceMBConvNet, SuperMBConvNet
from scalenas.models.growth import grow, read_stock
from scalenas.space import MBConvSpace, StageChoices
from tests.errors import contains, raises

from .world import assert_close, lively, pictures

timm = pytest.importorskip('timm')
B0 = named('efficientnet_b0').with_(resolution=64)


def around(arch: MBConvArch, deeper: int = 1, wider: int = 0) -> MBConvSpace:
    """All depths from those of a network to `deeper` more, and perhaps a wider last stage."""
    stages = []
    for s, stage in enumerate(arch.stages, 1):
        last = s == len(arch.stages)
        depth, blocks = len(stage.blocks), stage.blocks
        stages.append(
            StageChoices(
                (stage.width, stage.width + wider) if wider and last else (stage.width,),
                tuple(range(depth, depth + deeper + 1)),
                tuple(sorted({b.kernel for b in blocks})),
                tuple(sorted({b.expand for b in blocks})),
                (True,),
                stage.stride,
            )
        )
    options = {'squeeze': arch.squeeze}
    return MBConvSpace(stages, (64,), (arch.stem,), (arch.conv_out,), **options)


@pytest.fixture(scope='module')
def stock() -> Any:
    return lively(timm.create_model('efficientnet_b0', pretrained=False))


def maps(supernet: Any, arch: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), supernet.active(arch):
        return supernet(x)[-1]


@pytest.mark.parametrize('kind', [SuperMBConvNet, ChoiceMBConvNet])
def test_the_stock_net_and_deeper_ones_compute_what_it_computed(kind: Any, stock: Any) -> None:
    space = around(B0)
    supernet = lively(kind(space), seed=1)
    net = read_stock(stock.state_dict(), supernet, 'b0.pth', B0, 'timm')
    assert set(net.rest) == {'head.fc.weight', 'head.fc.bias'}
    assert len(grow(supernet, net, 'b0.pth')) == len(B0.stages)
    x = pictures(1, 3, 64, 64)
    with torch.no_grad():
        wanted = stock.forward_features(x)
    for arch in (B0, space.largest()):
        assert_close(wanted, maps(supernet, arch, x))


def test_a_wider_net_is_another_function(stock: Any) -> None:
    space = around(B0, deeper=0, wider=16)
    supernet = lively(SuperMBConvNet(space), seed=1)
    grow(supernet, read_stock(stock.state_dict(), supernet, 'b0.pth', B0, 'timm'), 'b0.pth')
    x = pictures(1, 3, 64, 64)
    with torch.no_grad():
        assert_close(stock.forward_features(x), maps(supernet, B0, x))
    assert (maps(supernet, space.largest(), x) - maps(supernet, B0, x)).abs().max() > 1e-3


def test_a_network_must_be_named_and_fit(stock: Any) -> None:
    supernet, state = SuperMBConvNet(around(B0)), stock.state_dict()
    with raises(UserError, where='family mbconv', hint=contains('arch', 'source')):
        read_stock(state, supernet, 'b0.pth')
    with raises(UserError, where='b0.pth: weights for the family mbconv', got='torchvision'):
        read_stock(state, supernet, 'b0.pth', B0, 'torchvision')
    with raises(UserError, where=contains('b0.pth')):
        read_stock(state, supernet, 'b0.pth', named('efficientnet_b1'), 'timm')
    with raises(UserError, where='arch.family', got='hrnet'):
        read_stock(state, supernet, 'b0.pth', named('hrnet_w18'), 'timm')
