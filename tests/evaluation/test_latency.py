"""A measured time has a unit, a spread and a place; how long it is, no test can say."""

from __future__ import annotations

import torch
from torch import nn

from scalenas.errors import EvaluationError
from scalenas.evaluation import measure_latency
from tests.errors import raises

from .world import SPACE, segmentor


def test_quartiles_enclose_the_median() -> None:
    model = segmentor({'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()})
    found = measure_latency(model, (64, 64), repeats=5, warm_up=1, batch=2)
    assert 0 < found.lower <= found.median <= found.upper
    assert (found.repeats, found.batch, found.device) == (5, 2, 'cpu')
    assert 'ms' in str(found)


def test_every_run_counts_and_warm_up_does_not() -> None:
    class Net(nn.Module):
        runs = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape == (3, 3, 4, 6)
            assert not torch.is_grad_enabled()
            self.runs += 1
            return x

    net = Net()
    measure_latency(net, (4, 6), repeats=6, warm_up=2, batch=3)
    assert net.runs == 8
    with raises(EvaluationError, where='repeats', got=3):
        measure_latency(net, (4, 6), repeats=3)
