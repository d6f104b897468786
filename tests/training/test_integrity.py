"""What a run is watched for: broken weights at its start, outputs that are not finite, its meta."""

from __future__ import annotations

import fractions
import logging
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from scalenas.errors import TrainingError
from scalenas.training.integrity import IntegrityHook
from tests.errors import raises


def runner(metainfo: Any = None) -> Any:
    """As much of a Runner as the hook sees."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)).eval()
    return SimpleNamespace(
        model=model,
        logger=logging.getLogger('trust'),
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo)),
    )


@pytest.mark.parametrize(
    ('name', 'number'),
    [('0.weight', math.nan), ('2.bias', math.inf), ('1.running_var', -1.0)],
)
def test_no_training_begins_with_broken_weights(name: str, number: float) -> None:
    run = runner({'classes': ('a',)})
    IntegrityHook().before_train(run)
    run.model.state_dict()[name][0] = number
    with pytest.raises(TrainingError) as error:
        IntegrityHook().before_train(run)
    assert error.value.where == f'model.{name}'


@pytest.mark.parametrize('value', [fractions.Fraction(1, 2), print, lambda: 0])
def test_a_meta_that_no_tool_could_read_again_is_said_before(value: Any) -> None:
    with raises(TrainingError, where='train_dataloader.dataset.metainfo'):
        IntegrityHook().before_train(runner({'classes': ('a',), 'more': [value]}))


def epoch(hook: IntegrityHook, run: Any, stage: str, number: float) -> dict[str, float]:
    """A validation or test of two batches, of which the second has `number` in it."""
    getattr(hook, f'before_{stage}_epoch')(run)
    for n, x in enumerate((torch.ones(3, 2), torch.full((3, 2), number))):
        run.model(x)
        getattr(hook, f'after_{stage}_iter')(run, batch_idx=n, data_batch=None, outputs=None)
    metrics = {'mIoU': 50.0, 'aAcc': 60.0}
    getattr(hook, f'after_{stage}_epoch')(run, metrics=metrics)
    return metrics


def test_a_validation_with_nan_in_it_has_no_number() -> None:
    run, hook = runner(), IntegrityHook()
    assert epoch(hook, run, 'val', 1.0) == {'mIoU': 50, 'aAcc': 60}
    assert all(math.isnan(value) for value in epoch(hook, run, 'val', math.nan).values())
    assert epoch(hook, run, 'val', 2.0) == {'mIoU': 50, 'aAcc': 60}
    assert not any(module._forward_hooks for module in run.model.modules())


def test_a_test_with_nan_in_it_is_an_error() -> None:
    run, hook = runner(), IntegrityHook()
    assert epoch(hook, run, 'test', 1.0) == {'mIoU': 50, 'aAcc': 60}
    with pytest.raises(TrainingError) as error:
        epoch(hook, run, 'test', math.inf)
    assert error.value.where == 'model.0'
    run.model[1].running_var.fill_(math.inf)
    with pytest.raises(TrainingError) as error:
        epoch(hook, run, 'test', 1.0)
    assert error.value.where == 'model.1.running_var'
