"""A fifth task package, from outside the tree: one class, and the generic steps know it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config

from scalenas.arch import HRArch, dump
from scalenas.commands.training import train_parser
from scalenas.complexity import Counter
from scalenas.config import check_monitors, read_config
from scalenas.errors import ConfigError, DataError, UserError
from scalenas.evaluation import SubnetEvaluator, trace
from scalenas.evaluation.config_net import config_net
from scalenas.export import choose, export_subnet, load_exported
from scalenas.export.config import kept
from scalenas.export.recipe import write_recipe
from scalenas.space import HRSpace
from scalenas.tasks import Task, check_data, metric_names, register_task, task_of, tasks
from scalenas.tasks import known as known_tasks
from scalenas.training.launch import train

SPACE = HRSpace(
    width=8, num_modules=(1, 1, 1), depth=(1, 2), stem=16, stage1_blocks=1, stage1_channels=8
)

CONFIG = """
default_scope = 'toydepth'
custom_imports = dict(imports=['toydepth', 'toydepth_task'])
data = dict(type='PairsDataset', pipeline=[dict(type='LoadPair')])
loader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data_root={root!r}, **data),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(data_root={root!r}, **data),
)
val_dataloader = test_dataloader = search_dataloader = calibration_dataloader = loader
val_evaluator = test_evaluator = dict(type='MeanError')
train_cfg = dict(by_epoch=False, max_iters=2, val_interval=2)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('largest',))
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
default_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=2, save_best='largest/mae', rule='less'
    )
)
custom_hooks = [dict(type='scalenas.SpaceHook')]
search = dict(objectives=(('mae', 'min'), ('macs', 'min')), size=(64, 64))
model = dict(
    type='scalenas.SuperNet',
    sampler=dict(type='uniform'),
    architecture=dict(
        type='DepthEstimator',
        backbone=dict(type='scalenas.SuperScaleHRNet', space={space!r}),
        head=dict(type='DepthHead', in_channels=8),
    ),
)
"""


@pytest.fixture
def fifth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package can be imported; whatever it registers is gone afterwards."""
    monkeypatch.syspath_prepend(str(Path(__file__).with_name('fifth')))
    monkeypatch.setattr(known_tasks, '_KNOWN', dict(known_tasks._KNOWN))
    # A config imports it, and what it does when it is imported must happen again.
    monkeypatch.delitem(sys.modules, 'toydepth_task', raising=False)


@pytest.fixture
def world(tmp_path: Path, fifth: None) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / 'pairs').mkdir()
    for n in range(4):
        image = rng.normal(size=(3, 64, 64)).astype(np.float32)
        depth = rng.uniform(1, 80, (64, 64)).astype(np.float32)
        np.savez(tmp_path / f'pairs/{n}.npz', image=image, depth=depth)
    content = CONFIG.format(root=str(tmp_path / 'pairs'), space=SPACE.to_dict())
    (tmp_path / 'super.py').write_text(content)
    return tmp_path


def config(world: Path) -> Config:
    return read_config(str(world / 'super.py'))


def spoil(world: Path) -> None:
    with np.load(world / 'pairs/2.npz') as content:
        image, depth = content['image'], content['depth']
    depth[3, 4] = -1
    np.savez(world / 'pairs/2.npz', image=image, depth=depth)


def test_a_config_brings_its_task(world: Path) -> None:
    assert 'toydepth' not in {task.package for task in tasks()}
    task = task_of(config(world))
    assert task.package == 'toydepth'
    assert task in tasks()


def test_an_unknown_package_gets_one_line(fifth: None) -> None:
    with pytest.raises(ConfigError) as error:
        task_of({'default_scope': 'toydepth'})
    assert error.value.where == 'default_scope'
    assert error.value.got == 'toydepth'
    assert set(error.value.allowed.split(', ')) == {'mmdet', 'mmpose', 'mmpretrain', 'mmseg'}
    assert 'register_task' in error.value.hint
    assert '\n' not in str(error.value)


def test_so_does_one_that_the_model_alone_names(fifth: None) -> None:
    model = {'type': 'scalenas.SuperNet', 'architecture': {'type': 'toydepth.DepthEstimator'}}
    with pytest.raises(ConfigError) as error:
        task_of({'model': model})
    assert error.value.where == 'model.architecture.type'
    assert error.value.got == 'toydepth'


def test_data_is_checked(world: Path) -> None:
    cfg = config(world)
    check_data(cfg, ('train_dataloader', 'search_dataloader'))
    spoil(world)
    with pytest.raises(DataError) as error:
        check_data(cfg, ('train_dataloader', 'search_dataloader'))
    assert error.value.where == f'train_dataloader: {world}/pairs/2.npz'
    assert error.value.got == -1


def test_names_of_its_metrics_are_known(world: Path) -> None:
    cfg = config(world)
    assert metric_names(cfg) == ['mae']
    cfg.default_hooks.checkpoint.save_best = 'largest/rmse'
    with pytest.raises(ConfigError) as error:
        check_monitors(cfg, metric_names(cfg))
    assert error.value.allowed == 'largest/mae'


def test_its_head_is_counted(world: Path) -> None:
    found = config_net(config(world), 'smallest')
    assert found.head_text == 'DepthHead'
    assert found.head is not None
    sampled = Counter((64, 64), found.head)(found.arch)
    assert sampled['params'] == Counter((64, 64))(found.arch)['params'] + 8 + 1


def test_from_training_to_export(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)
    runner = train(train_parser().parse_args(['super.py', '--work-dir', 'work']))
    assert runner.iter == 2
    checkpoint = world / 'work/iter_2.pth'
    evaluator = SubnetEvaluator.from_config(config(world), checkpoint, 'cpu')
    metrics = {name: evaluator(getattr(SPACE, name)()) for name in ('smallest', 'largest')}
    for found in metrics.values():
        assert found['mae'] != round(found['mae']), 'the metric itself rounds to metres'
    (world / 'mine.yaml').write_text(dump(SPACE.smallest()))
    exported = export_subnet(
        choose(str(world / 'mine.yaml')), config(world), checkpoint, world / 'out', device='cpu'
    )
    assert exported.difference.equal
    assert exported.alone == exported.in_supernet == metrics['smallest']
    plain = Config.fromfile(world / 'out/mine.py')
    assert plain.depth_range == (0.0, 80.0)
    assert 'depth_range' in kept(task_of(plain))
    model = load_exported(world / 'out/mine.py', world / 'out/mine.pth')
    assert exported.cost == trace(model, (64, 64))
    _another_backbone(world, plain)


def _another_backbone(world: Path, plain: Any) -> None:
    """A recipe of the task: its head follows a backbone of other channels."""
    wide = HRSpace(
        width=12, num_modules=(1, 1, 1), depth=(1, 2), stem=16, stage1_blocks=1, stage1_channels=8
    )
    task = task_of(plain)
    type(task).recipes = {'depth': str(world / 'out/mine.py')}
    write_recipe(world / 'wide.py', wide.largest(), 'depth', start=world / 'out/mine.py')
    cfg = Config.fromfile(world / 'wide.py')
    assert cfg.model.head.in_channels == 12
    assert HRArch.from_dict(cfg.model.backbone.arch.to_dict()) == wide.largest()


def test_a_batch_is_looked_at(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sample of the data did not show stops the training, and names the file."""
    monkeypatch.chdir(world)
    monkeypatch.setattr(type(task_of(config(world))), 'looks_into', lambda self, kind: False)
    spoil(world)
    with pytest.raises(DataError) as error:
        train(train_parser().parse_args(['super.py', '--work-dir', 'work']))
    assert error.value.where == f'train_dataloader: {world}/pairs/2.npz'


def test_a_task_names_its_package(fifth: None) -> None:
    with pytest.raises(UserError) as error:
        register_task(type('Nameless', (Task,), {}))
    assert error.value.where == 'Nameless.package'
    assert error.value.got == ''


@pytest.mark.parametrize(
    ('cfg', 'package'),
    [
        ({'default_scope': 'mmseg'}, 'mmseg'),
        ({'default_scope': 'mmseg', 'model': {'type': 'mmpose.TopdownPoseEstimator'}}, 'mmpose'),
        ({'model': {'type': 'scalenas.SuperNet', 'architecture': {'type': 'mmdet.X'}}}, 'mmdet'),
        ({'default_scope': 'mmpretrain', 'model': {'type': 'scalenas.SuperNet'}}, 'mmpretrain'),
        ({'default_scope': 'mmengine', 'model': {'type': 'Mine'}}, ''),
        ({'default_scope': 'scalenas'}, ''),
        ({'model': {'type': torch.nn.Linear}}, ''),
        ({}, ''),
    ],
)
def test_the_task_of_a_config(cfg: dict[str, Any], package: str) -> None:
    assert task_of(cfg).package == package
