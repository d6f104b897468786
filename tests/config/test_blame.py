"""Errors of somebody else's code are a line with a place; those of ours stay what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, PARAM_SCHEDULERS, VISUALIZERS
from mmengine.runner import Runner
from torch import nn

from scalenas.config import clear_errors
from scalenas.config.blame import blamed
from scalenas.errors import ConfigError


@MODELS.register_module()
class BlameUsers(nn.Module):
    """Somebody's own module."""

    def __init__(self, inner: object = None) -> None:
        super().__init__()
        self.inner = MODELS.build(inner) if inner else int('x')


LINEAR = dict(type='Linear', in_features=1, out_features='x')
MODELS.register_module('Linear', module=nn.Linear, force=True)


def config(**more: object) -> Config:
    optimizer = dict(type='SGD', lr=0.1)
    return Config(dict(optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer), **more))


@pytest.mark.parametrize(
    ('name', 'value', 'place'),
    [
        ('momentum', -1, 'optim_wrapper.optimizer'),
        ('lr', 'x', 'optim_wrapper.optimizer'),
        ('type', 'SDG', 'optim_wrapper.optimizer.type'),
    ],
)
def test_an_optimizer(name: str, value: object, place: str) -> None:
    cfg = config()
    cfg.optim_wrapper.optimizer[name] = value
    with pytest.raises(ConfigError) as error, clear_errors(cfg):
        build_optim_wrapper(nn.Linear(1, 1), cfg.optim_wrapper)
    assert error.value.where == place
    assert isinstance(error.value.__cause__, Exception)


def test_the_second_schedule_of_two() -> None:
    first = dict(type='ConstantLR', end=3)
    cfg = config(param_scheduler=[first, {**first, 'begin': 5}])
    wrapper = build_optim_wrapper(nn.Linear(1, 1), cfg.optim_wrapper)
    given = {'optimizer': wrapper.optimizer}
    PARAM_SCHEDULERS.build(cfg.param_scheduler[0], default_args=given)
    with pytest.raises(ConfigError) as error, clear_errors(cfg):
        PARAM_SCHEDULERS.build(cfg.param_scheduler[1], default_args=given)
    assert error.value.where == 'param_scheduler[1]'
    assert str(error.value.__cause__) in error.value.problem


def test_a_loader_and_its_sampler() -> None:
    loader = dict(dataset=[1], batch_size=1, sampler=dict(type='DefaultSampler', shuffle=True))
    cfg = config(val_dataloader=loader, test_dataloader={**loader, 'prefetch_factor': 3})
    with pytest.raises(ConfigError) as error, clear_errors(cfg):
        Runner.build_dataloader(cfg.test_dataloader)
    assert error.value.where == 'test_dataloader'


def test_a_part_inside_of_a_part() -> None:
    cfg = config(model=dict(type='BlameUsers', inner=LINEAR))
    with pytest.raises(ConfigError) as error, clear_errors(cfg):
        MODELS.build(cfg.model)
    assert error.value.where == 'model.inner'


def test_a_backend_that_is_not_installed(tmp_path: Path) -> None:
    backends = [dict(type='LocalVisBackend'), dict(type='NeptuneVisBackend')]
    cfg = config(visualizer=dict(type='Visualizer', name='blame', vis_backends=backends))
    cfg.visualizer.save_dir = str(tmp_path)
    made = VISUALIZERS.build(cfg.visualizer)
    with pytest.raises(ConfigError) as error, clear_errors(cfg):
        made.add_config(cfg)
    assert error.value.where == 'visualizer.vis_backends[1]'


def test_what_the_users_or_our_own_code_raises_is_not_changed() -> None:
    cfg = config(model=dict(type='BlameUsers'))
    with pytest.raises(ValueError) as error, clear_errors(cfg):
        MODELS.build(cfg.model)
    assert not isinstance(error.value, ConfigError)
    assert blamed(cfg, error.value) is None
    with pytest.raises(RuntimeError), clear_errors(cfg):
        raise RuntimeError
