"""`with_cp`: the second forward of a part changes nothing, neither gradients nor statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from scalenas.models import (
    ChoiceMBConvNet,
    ScaleHRNet,
    ScaleMBConvNet,
    ScaleRegNet,
    SuperMBConvNet,
    SuperScaleHRNet,
)
from scalenas.models.blocks import recomputed

from .mbconv_nets import BIG, SCALED
from .test_families import SMALL_MB, SMALL_Y, SMALL_Z
from .world import DEMO, INNER, lively, pictures

NETS: dict[str, Callable[..., Any]] = {
    'hrnet': lambda **o: ScaleHRNet(DEMO.largest(), **o),
    'hrnet-syncbn': lambda **o: ScaleHRNet(DEMO.smallest(), norm_cfg={'type': 'SyncBN'}, **o),
    'hrnet-frozen': lambda **o: ScaleHRNet(DEMO.smallest(), frozen_stages=1, **o),
    'super-hrnet': lambda **o: SuperScaleHRNet(DEMO, **o),
    'super-hrnet-inner': lambda **o: SuperScaleHRNet(INNER, **o),
    'mbconv': lambda **o: ScaleMBConvNet(SMALL_MB, drop_path_rate=0.3, **o),
    'regnety': lambda **o: ScaleRegNet(SMALL_Y, **o),
    'regnetz': lambda **o: ScaleRegNet(SMALL_Z, norm_eval=True, **o),
    'super-mbconv': lambda **o: SuperMBConvNet(BIG, resize=True, **o),
    'choice-mbconv': lambda **o: ChoiceMBConvNet(SCALED, resize=True, **o),
}


def step(net: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor | None]]:
    """State and gradients after a forward and a backward; supernets run small, then large."""
    torch.manual_seed(1)
    x = pictures(2, 3, 64, 64)
    if hasattr(net, 'space'):
        with net.active(net.space.smallest()):
            loss = sum(y.pow(2).mean() for y in net(x))
        loss.backward()  # the largest is active again
    sum(y.pow(2).mean() for y in net(x)).backward()
    return net.state_dict(), {name: p.grad for name, p in net.named_parameters()}


@pytest.mark.parametrize('kind', NETS)
def test_a_step_is_the_same_bit_by_bit(kind: str) -> None:
    nets = [lively(NETS[kind](with_cp=cp), train=True) for cp in (False, True)]
    nets[1].load_state_dict(nets[0].state_dict())
    before = {key: value.clone() for key, value in nets[0].state_dict().items()}
    (state, grads), (state_cp, grads_cp) = map(step, nets)
    assert [k for k in state if not torch.equal(state[k], state_cp[k])] == []
    assert [k for k, g in grads.items() if (g is None) != (grads_cp[k] is None)] == []
    unequal = [k for k, g in grads.items() if g is not None and not torch.equal(g, grads_cp[k])]
    assert unequal == []
    moved = [k for k in state if k.endswith('running_var') and not torch.equal(state[k], before[k])]
    assert moved or kind == 'regnetz'  # whose norms stay as they are
    flags = [[m.training for m in net.modules()] for net in nets]
    assert flags[0] == flags[1]


def test_it_runs_again_as_it_ran() -> None:
    """Dropout that was at rest in the forward is at rest in the second one too."""
    part = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()
    part[1].eval()
    x = torch.randn(3, 4)
    y = recomputed(part, part, x)
    part[1].train()
    y.pow(2).sum().backward()
    again = part[0].weight.grad.clone()
    part[0].weight.grad = None
    part[1].eval()
    part(x).pow(2).sum().backward()
    assert torch.equal(part[0].weight.grad, again)
    assert int(part[2].num_batches_tracked) == 2  # once each


def test_an_error_in_the_second_run_leaves_the_buffers() -> None:
    norm, calls = nn.BatchNorm1d(2), []
    buffer = norm.running_mean

    def run(x: torch.Tensor) -> torch.Tensor:
        calls.append(0)
        if len(calls) > 1:
            norm(x)
            raise InterruptedError
        return norm(x).exp()

    y = recomputed(norm, run, torch.randn(3, 2))
    with pytest.raises(InterruptedError):
        y.sum().backward()
    assert norm.running_mean is buffer
    assert int(norm.num_batches_tracked) == 1
