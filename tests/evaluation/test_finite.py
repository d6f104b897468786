"""A net whose outputs are not finite has no score, though NaN has an argmax like any number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from scalenas.errors import EvaluationError
from scalenas.evaluation import SubnetEvaluator
from scalenas.models.checkpoint import check_weights
from scalenas.models.finite import OutputWatch, watched

from .world import archs

HUGE = 1e38


def huge(value: torch.Tensor) -> None:
    value.fill_(HUGE)


BROKEN: dict[str, tuple[str, Callable[[torch.Tensor], None], str]] = {
    # finite weights, each of which check_weights takes
    'head overflows': ('decode_head.conv_seg.weight', huge, 'decode_head.conv_seg'),
    'stem overflows': ('backbone.conv1.weight', huge, ''),
    'block overflows': ('backbone.layer1.0.conv2.weight', huge, ''),
    'norm overflows': ('backbone.layer1.0.bn3.weight', huge, ''),
    'mean of the images': ('data_preprocessor.mean', lambda v: v.fill_(math.nan), ''),
    'std of the images': ('data_preprocessor.std', lambda v: v.fill_(0), ''),
}


@pytest.fixture(scope='module')
def evaluator(root: Path) -> SubnetEvaluator:
    return SubnetEvaluator.from_config(Config.fromfile(root / 'supernet.py'), root / 'supernet.pth')


@pytest.fixture
def kept(evaluator: SubnetEvaluator) -> Iterator[SubnetEvaluator]:
    """The evaluator, whose weights come back after."""
    everything = [*evaluator.model.parameters(), *evaluator.model.buffers()]
    before = [value.detach().clone() for value in everything]
    batches = evaluator.calibration._kept, evaluator.validation._kept
    yield evaluator
    with torch.no_grad():
        for value, old in zip(everything, before, strict=True):
            value.copy_(old)
    evaluator.calibration._kept, evaluator.validation._kept = batches


@pytest.mark.parametrize('kind', BROKEN)
def test_an_output_that_is_not_finite_is_an_error(kept: SubnetEvaluator, kind: str) -> None:
    name, change, where = BROKEN[kind]
    model = kept.model
    value = {**dict(model.named_parameters()), **dict(model.named_buffers())}[name]
    with torch.no_grad():
        change(value)
    if not name.startswith('data'):
        check_weights(model.state_dict(), model.state_dict(), 'x.pth')
    kept.calibration._kept = kept.validation._kept = None
    for arch in archs(2):
        with pytest.raises(EvaluationError) as error:
            kept(arch)
        assert error.value.where.startswith(f'model.{where}')
        assert error.value.hint


def test_large_but_finite_is_scored(kept: SubnetEvaluator) -> None:
    arch = archs(1)[0]
    with torch.no_grad():
        kept.model.decode_head.conv_seg.bias.mul_(1e30)
    assert 0 <= kept(arch)['mIoU'] <= 100


def test_statistics_that_overflow_are_an_error(evaluator: SubnetEvaluator) -> None:
    """With an infinite variance a norm gives its bias: a finite output."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x)

    net = Net().eval()
    net.norm.running_var.fill_(math.inf)
    assert torch.isfinite(net(torch.ones(1, 2, 1, 1))).all()
    with watched(net) as watch:
        assert watch.broken() == 'norm.running_var'
        assert watch.broken() is None


def test_a_watch_leaves_nothing_behind_and_names_the_first(evaluator: SubnetEvaluator) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    watch = OutputWatch(net)
    net(torch.tensor([[1.0, math.nan]]))
    assert watch.broken() == '0'
    net(torch.ones(1, 2))
    assert watch.broken() is None
    net(torch.full((1, 2), math.inf))
    with pytest.raises(EvaluationError) as error:
        watch.check(EvaluationError)
    assert error.value.where == 'model.0'
    watch.remove()
    assert not any(module._forward_hooks for module in net.modules())
    assert not any(module._forward_hooks for module in evaluator.model.modules())


def runner(cfg: Config, work_dir: Path, root: Path) -> Any:
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    cfg.load_from = str(root / 'supernet.pth')
    found = Runner.from_cfg(cfg)
    found.load_or_resume()
    with torch.no_grad():
        found.model.decode_head.conv_seg.weight.fill_(HUGE)
    return found


def test_a_validation_in_training_gives_nan_and_a_test_an_error(
    cfg: Config, root: Path, tmp_path: Path
) -> None:
    found = runner(cfg, tmp_path, root).val()
    assert set(found) == {f'{net}/{m}' for net in ('smallest', 'largest') for m in METRICS}
    assert all(math.isnan(value) for value in found.values())
    with pytest.raises(EvaluationError) as error:
        runner(cfg, tmp_path / 'test', root).test()
    assert error.value.where == 'model.decode_head.conv_seg'


METRICS = ('aAcc', 'mIoU', 'mAcc')
