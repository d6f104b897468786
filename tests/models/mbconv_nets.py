"""Small MBConv supernets over two spaces, and the same networks alone."""

from __future__ import annotations

from typing import Any

import torch

from scalenas.arch import MBConvArch
from scalenas.models import ChoiceMBConvNet, ScaleMBConvNet, SuperMBConvNet
from scalenas.models.weight_slices import cut_state_dict
from scalenas.space import (
    AbstractSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    StageChoices,
)

from .world import lively, pictures

BIG = MBConvSpace(
    [
        StageChoices((8, 12), (1, 2), (3,), (1,)),
        # The widest network needs no projection between these, narrower ones do.
        StageChoices((12,), (1, 2), (3, 5), (1, 3, 6), (False, True)),
        StageChoices((12, 16), (1, 2, 3), (3, 5, 7), (6,), stride=2),
    ],
    resolution=(24, 32, 40),
    stem=(6, 8),
    conv_out=(24, 32),
    shortcut='projected',
)
BASE = MBConvSpace(
    [
        StageChoices((8,), (1,), (3, 5), (1,)),
        StageChoices((12,), (1, 2, 3), (3, 5, 7), (3, 6), (False, True), stride=2),
        StageChoices((16,), (1, 2), (3, 5), (3, 6), (False, True)),
    ],
    resolution=(20,),
    stem=(8,),
    conv_out=(24,),
)
STAGES = [
    ScalingStage(),
    ScalingStage((1.04, 1.16), (1.04, 1.16), (1.0, 1.14)),
    ScalingStage((1.4, 1.64), (1.4, 1.64), (1.43, 1.57)),
]
SCALED = ScaledSpace(BASE, STAGES)
Net = SuperMBConvNet | ChoiceMBConvNet
FORMS: dict[str, Any] = {'one': SuperMBConvNet, 'choices': ChoiceMBConvNet}
SPACES: dict[str, AbstractSpace[MBConvArch]] = {'bignas': BIG, 'scaled': SCALED}
NETS: dict[tuple[str, str], Net] = {}
X = pictures(2, 3, 32, 32)


def net_of(form: str, space: str) -> Net:
    """The supernet, built once: no test changes its weights."""
    if (form, space) not in NETS:
        NETS[form, space] = lively(FORMS[form](SPACES[space], resize=True))
    return NETS[form, space]


def static_of(net: Net, arch: MBConvArch, align: str = 'left', **options: Any) -> ScaleMBConvNet:
    """The arch alone, with the weights it has in the supernet."""
    found = ScaleMBConvNet(arch, resize=net.resize, **options).double().train(net.training)
    found.load_state_dict(cut_state_dict(net.state_dict(), net.slices(arch, align), ''))
    return found


def assert_equal_alone(net: Net, arch: MBConvArch, align: str = 'left') -> float:
    """The sub-net computes what the static net does; a number that tells functions apart."""
    with torch.no_grad(), net.active(arch, align):
        (got,) = net(X)
    with torch.no_grad():
        (wanted,) = static_of(net, arch, align)(X)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-10)
    assert got.shape[1] == arch.conv_out
    return float(got.sum())
