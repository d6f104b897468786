"""Averages of weights: what is averaged, and that everything reads the average."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from scalenas.errors import ConfigError
from scalenas.models.checkpoint import load_checkpoint
from scalenas.training.checks import check_averaging

SWA = {
    'type': 'EMAHook',
    'ema_type': 'StochasticWeightAverage',
    'begin_iter': 5,
    'interval': 2,
    'update_buffers': True,
    'priority': 'ABOVE_NORMAL',
}


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(2, 1)
        self.tested: torch.Tensor | None = None

    def forward(self, *x: torch.Tensor, mode: str = 'tensor') -> Any:
        y = self.line(torch.stack(x))
        if mode == 'predict':
            self.tested = self.line.weight.detach().clone()
            return [None] * len(x)
        return {'loss': (y - 3).pow(2).mean()}


class Numbers(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 22

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([float(index), 1.0]) / 22


class Nothing(BaseMetric):
    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        return {'n': float(len(results))}


class Track(Hook):
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self.weights.append(runner.model.line.weight.detach().clone())


def runner_of(folder: Path, hook: dict[str, Any], **more: Any) -> Runner:
    loader = {
        'batch_size': 2,
        'dataset': Numbers(),
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }
    return Runner(
        Line(),
        str(folder),
        train_dataloader=loader,
        test_dataloader={**loader},
        test_cfg={},
        test_evaluator=Nothing(),
        train_cfg={'by_epoch': False, 'max_iters': 11},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 11, 'by_epoch': False}},
        custom_hooks=[hook],
        default_scope='mmengine',
        experiment_name=folder.name,
        **more,
    )


def averaged(weights: list[torch.Tensor], kind: str) -> torch.Tensor:
    if kind == 'swa':  # from the fifth iteration on, each second one
        return torch.stack(weights[4::2]).mean(0)
    found = weights[0]
    for weight in weights[1:]:
        found = 0.9 * found + 0.1 * weight
    return found


@pytest.mark.parametrize('kind', ['swa', 'ema'])
def test_a_checkpoint_holds_the_average_and_a_test_is_of_it(kind: str, tmp_path: Path) -> None:
    hook = SWA if kind == 'swa' else {'type': 'EMAHook', 'momentum': 0.1}
    runner, track = runner_of(tmp_path / 'train', hook), Track()
    runner.register_hook(track)
    runner.train()
    wanted, last = averaged(track.weights, kind), track.weights[-1]
    assert (wanted - last).abs().max() > 0.01
    path = tmp_path / 'train/iter_11.pth'
    # What export, search, init_from and load_from read.
    torch.testing.assert_close(load_checkpoint(path)['state_dict']['line.weight'], wanted)
    for hooks in (hook, {'type': 'IterTimerHook'}):
        tested = runner_of(tmp_path / f'test_{hooks["type"]}', hooks, load_from=str(path))
        tested.test()
        torch.testing.assert_close(tested.model.tested, wanted)
    # Going on, the weights that were trained go on.
    again = runner_of(tmp_path / 'again', hook, load_from=str(path), resume=True)
    again.train()  # is at its end
    torch.testing.assert_close(again.model.line.weight.detach(), last)


@pytest.mark.parametrize(
    ('hook', 'train', 'where'),
    [
        (SWA, {'max_iters': 4}, 'custom_hooks.1.begin_iter'),
        ({'type': 'mmengine.EMAHook', 'begin_epoch': 9}, {'max_epochs': 8}, 'begin_epoch'),
        (SWA, {'max_iters': 5}, None),
        ({'type': 'EMAHook'}, {'max_iters': 1}, None),
        (SWA, {}, None),
    ],
)
def test_an_average_that_never_begins(hook: Any, train: Any, where: str | None) -> None:
    cfg = Config({'custom_hooks': [{'type': 'scalenas.SpaceHook'}, hook], 'train_cfg': train})
    if where is None:
        check_averaging(cfg)
        return
    with pytest.raises(ConfigError) as error:
        check_averaging(cfg)
    assert where in error.value.where
    assert error.value.got in (5, 9)
