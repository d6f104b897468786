"""A small world on disk: procedural scenes, and a supernet config that trains on them."""

import sys
from pathlib import Path

import pytest
import torch

from projects.demo_data.demo import make_scenes
from projects.demo_data.scenes import CLASSES, SceneRecipe

REPO = Path(__file__).parents[2]

CONFIG = """
_base_ = [
    '{repo}/configs/_base_/models/super_fcn_cityscapes.py',
    '{repo}/configs/_base_/default_runtime_seg.py',
]
data_root = '{data}'
metainfo = dict(classes={classes})
load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='scalenas.SpreadSegDataset',
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=load,
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='scalenas.SpreadSegDataset',
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=load,
    ),
)
test_dataloader = val_dataloader
calibration_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='scalenas.SpreadSegDataset',
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=load,
        spread=2,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
norm_cfg = dict(_delete_=True, type='BN')
space = dict(
    _delete_=True,
    family='hrnet',
    width=8,
    num_modules=(1, 1, 1),
    depth=(1, 2, 3),
    stem=16,
    stage1_blocks=1,
    stage1_channels=8,
)
model = dict(
    sampler=dict(_delete_=True, type='grouped', seed=1),
    architecture=dict(
        data_preprocessor=dict(size=(64, 64)),
        backbone=dict(space=space, norm_cfg=norm_cfg),
        decode_head=dict(
            in_channels=[8, 16, 32, 64],
            channels=120,
            num_classes=8,
            norm_cfg=norm_cfg,
            loss_decode=dict(_delete_=True, type='scalenas.OHEMCrossEntropy', min_kept=1000),
        ),
    ),
)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=6, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=3), logger=dict(interval=1))
find_unused_parameters = True
# Visualizers are global, by name: without one of its own a run would write into an earlier one's.
visualizer = dict(name='{name}')
auto_scale_lr = dict(enable=False, base_batch_size=4)
"""


@pytest.fixture(scope='session')
def scenes(tmp_path_factory):
    """Eight small images to train on, two to search, two to validate."""
    root = tmp_path_factory.mktemp('scenes') / 'scenes'
    make_scenes(root, (8, 2, 2), recipe=SceneRecipe(size=(64, 64), radius=(3.0, 24.0)))
    return root


@pytest.fixture
def config(scenes, tmp_path):
    """Writes the config, with lines added, under a name of one's own."""

    def write(more='', name='tiny.py'):
        path = tmp_path / name
        text = CONFIG.format(
            repo=REPO.as_posix(), data=scenes.as_posix(), classes=CLASSES, name=path.as_posix()
        )
        path.write_text(text + more)
        return str(path)

    return write


class Tool:
    """Runs a tool in this process as its command line would; gives the exit code.

    Attributes:
        error: what ended the last run, with its fields; None where it came to its end.
    """

    error: BaseException | None = None

    def __call__(self, name, *arguments):
        from scalenas.cli import main_of
        from scalenas.commands import TOOL, run

        try:
            main_of(lambda: run(name, arguments, TOOL))
        except SystemExit as end:
            self.error = end.__context__
            return end.code
        raise AssertionError


@pytest.fixture
def tool(monkeypatch):
    """A tool as its command line would run it."""
    monkeypatch.setattr(sys, 'argv', ['tool'])
    return Tool()


def weights(path):
    """A whole checkpoint, with its optimizer."""
    return torch.load(path, weights_only=False)  # written by this test


def one_line(text):
    """The one line that a mistake ends in."""
    lines = [line for line in text.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1, text
    return lines[0]
