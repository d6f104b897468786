"""Metrics that hooks and schedules wait for: the right name, before a run begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS, DefaultScope

from scalenas.config import check_monitors as check_monitors_by
from scalenas.errors import ConfigError
from scalenas.tasks import metric_names
from tests.errors import raises


def check_monitors(cfg: Any) -> None:
    check_monitors_by(cfg, metric_names(cfg))


IOU = dict(type='IoUMetric', iou_metrics=['mIoU'])
POSE = dict(type='CocoMetric', ann_file='x.json')
SUBNETS = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'archs/mine.yaml', {}))


def config(save_best: Any = None, metric: Any = IOU, scope: str = 'mmseg', **more: Any) -> Any:
    hook = {'type': 'CheckpointHook', 'save_best': save_best}
    base = {'default_scope': scope, 'val_cfg': SUBNETS, 'val_evaluator': metric}
    return {**base, 'default_hooks': {'checkpoint': hook}, **more}


@pytest.mark.parametrize(
    ('scope', 'metric', 'name', 'right'),
    [
        ('mmseg', IOU, 'mIoU', 'net3/mIoU'),
        ('mmpose', POSE, 'coco/AP', 'net3/coco/AP'),
        ('mmpose', POSE, 'AP', 'net3/coco/AP'),
        ('mmpose', dict(type='PCKAccuracy'), 'PCK', 'net3/PCK'),
        ('mmdet', dict(type='CocoMetric', metric='bbox'), 'coco/bbox_mAP', 'net3/coco/bbox_mAP'),
        ('mmpretrain', dict(type='Accuracy'), 'accuracy/top1', 'net3/accuracy/top1'),
        ('mmpretrain', [IOU, dict(type='Accuracy')], 'whatever', 'net3/whatever'),
    ],
)
def test_a_stock_name_beside_sub_nets(scope: str, metric: Any, name: str, right: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_monitors(config(name, metric, scope))
    assert error.value.where == 'default_hooks.checkpoint.save_best'
    assert error.value.got == name
    assert repr(right) in error.value.hint
    check_monitors(config(right, metric, scope))


PLAIN = {'val_cfg': dict(type='ValLoop')}
UNKNOWN = dict(type='Unknown')


@pytest.mark.parametrize(
    ('right', 'wrong', 'got'),
    [
        (config('mine/mIoU'), config('mine/mIou'), 'mine/mIou'),
        (config('smallest/aAcc'), config('largest/aAcc'), 'largest/aAcc'),
        (config(['mine/mIoU']), config(['mine/mIoU', 'mIoU']), 'mIoU'),
        (config('auto'), config('auto', POSE, 'mmpose'), 'auto'),
        (config(None), config(''), ''),
        (config('mIoU', **PLAIN), config('mine/mIoU', **PLAIN), 'mine/mIoU'),
        (config('anything', UNKNOWN, **PLAIN), config('anything', UNKNOWN), 'anything'),
        (config('anything', val_cfg=None), config('anything', **PLAIN), 'anything'),
    ],
)
def test_what_the_validation_gives_passes_and_no_other(right: Any, wrong: Any, got: str) -> None:
    check_monitors(right)
    with raises(ConfigError, where='default_hooks.checkpoint.save_best', got=got):
        check_monitors(wrong)


def test_all_that_wait_are_asked() -> None:
    stop = dict(type='EarlyStoppingHook', monitor='mIoU')
    with pytest.raises(ConfigError) as error:
        check_monitors(config(custom_hooks=[dict(type='EMAHook'), stop]))
    assert error.value.where == 'custom_hooks[1].monitor'
    for schedule in (
        dict(type='ReduceOnPlateauLR', monitor='mIoU'),
        dict(type='ReduceOnPlateauLR'),
    ):
        with pytest.raises(ConfigError) as error:
            check_monitors(config(param_scheduler=[schedule]))
        assert error.value.where == 'param_scheduler[0].monitor'


def test_auto_needs_a_rule_that_mmengine_cannot_tell() -> None:
    with pytest.raises(ConfigError) as error:
        check_monitors(config('auto', POSE, 'mmpose'))
    assert error.value.got == 'auto'
    told = config('auto', POSE, 'mmpose')
    told['default_hooks']['checkpoint']['rule'] = 'greater'
    check_monitors(told)


def test_the_names_are_those_that_the_metrics_give() -> None:
    """Two metrics computed for real; prefixes as mmengine puts them."""
    for scope, given in (
        ('mmpretrain', dict(type='Accuracy', topk=(1, 2))),
        ('mmpretrain', dict(type='SingleLabelMetric', prefix='x')),
        ('mmseg', dict(type='IoUMetric', iou_metrics=['mDice', 'mFscore', 'mIoU'])),
    ):
        with DefaultScope.overwrite_default_scope(scope):
            metric = METRICS.build(given)
        metric.dataset_meta = {'classes': ('a', 'b')}
        if scope == 'mmseg':
            labels = torch.tensor([[0, 1], [1, 1]])
            metric.results.append(metric.intersect_and_union(labels, labels, 2, 255))
        else:
            row = {'pred_score': torch.tensor([0.2, 0.8]), 'gt_label': torch.tensor([1])}
            metric.results += [{**row, 'num_classes': 2}] * 2
        with np.errstate(all='ignore'):
            assert list(metric.evaluate(2)) == metric_names(
                {'val_evaluator': given, 'default_scope': scope}
            )
