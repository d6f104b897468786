"""Stock configs of the task packages, as `init` reads them: family, heads, objectives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.config import Config

from scalenas.adoption.init import _objectives
from scalenas.adoption.stock import Stock
from scalenas.adoption.written import Recipe, base
from scalenas.config import read_config
from scalenas.models.hrnet_stock import adopted as hrnet_adopted
from scalenas.models.mbconv import adopted as mbconv_adopted
from scalenas.tasks import task_of
from tests.errors import contains, raises

HAND = 'hand_2d_keypoint/topdown_heatmap/onehand10k/td-hm_hrnetv2-w18_8xb64-210e_onehand10k-256x256'
FACE = 'face_2d_keypoint/topdown_heatmap/wflw/td-hm_hrnetv2-w18_8xb64-60e_wflw-256x256'
CROWD = 'body_2d_keypoint/topdown_heatmap/crowdpose/td-hm_hrnet-w32_8xb64-210e_crowdpose-256x192'
SIMCC = 'body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192'
RETINA = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco'
STOCK: dict[str, tuple[int | None, str, Any, tuple[str, str]]] = {
    'mmseg::hrnet/fcn_hr48_4xb2-40k_cityscapes-512x1024': (
        *(None, 'bilinear', "'in_channels': [width, 2 * width, 4 * width, 8 * width]"),
        ('mIoU', 'max'),
    ),
    'mmseg::upernet/upernet_r50_4xb4-80k_ade20k-512x512': (
        *(
            18,
            'bilinear',
            "'decode_head': {'in_channels': [width, 2 * width, 4 * width, 8 * width]",
        ),
        ('mIoU', 'max'),
    ),
    'mmseg::sem_fpn/fpn_r50_4xb4-160k_ade20k-512x512': (
        *(18, 'bilinear', "'neck': {'in_channels': [width, 2 * width, 4 * width, 8 * width]"),
        ('mIoU', 'max'),
    ),
    f'mmpose::{HAND}': (None, 'bilinear', "{'head': {'in_channels': 15 * width}}", ('AUC', 'max')),
    f'mmpose::{FACE}': (None, 'bilinear', "{'head': {'in_channels': 15 * width}}", ('NME', 'min')),
    f'mmpose::{CROWD}': (
        *(None, 'nearest', "{'head': {'in_channels': width}}"),
        ('crowdpose/AP', 'max'),
    ),
    f'mmpose::{SIMCC}': (18, 'nearest', "'in_featuremap_size': (48, 64)", ('coco/AP', 'max')),
    RETINA: (
        *(18, 'nearest', "{'neck': {'in_channels': [width, 2 * width, 4 * width, 8 * width]}}"),
        ('coco/bbox_mAP', 'max'),
    ),
}


@pytest.mark.parametrize('name', STOCK)
def test_a_stock_config_is_read(name: str) -> None:
    width, upsample, head, objective = STOCK[name]
    path = Config._get_cfg_path(f'{name}.py', '')[0]
    cfg = read_config(str(path))
    stock = Stock.read(name, cfg, width)
    assert stock.adopted.space['upsample'] == upsample
    changes: dict[str, Any] = {}
    for place, table in stock.model():
        inner = changes
        for key in place:
            inner = inner.setdefault(key, {})
        inner.update(table)
    assert head in str(changes)
    assert _objectives(cfg, stock)[0] == objective


def test_the_bilinear_fusions_of_mmpose_are_seen() -> None:
    """Its HRNet is told so within `extra`; those of the other packages read nothing there."""
    cfg = read_config(str(Config._get_cfg_path(f'mmpose::{FACE}.py', '')[0]))
    found = hrnet_adopted(cfg.model.backbone, {}, False, None)
    assert found is not None
    assert (found.arch.upsample, found.arch.output) == ('bilinear', 'multi')


def test_a_backbone_of_another_package_is_offered_an_hrnet() -> None:
    """EfficientNets are searched in mmpretrain; a detector with one may have an HRNet instead."""
    name = 'mmdet::efficientnet/retinanet_effb3_fpn_8xb4-crop896-1x_coco.py'
    cfg = read_config(str(Config._get_cfg_path(name, '')[0]))
    with raises(
        got='EfficientNet', allowed='of mmdet a network of hrnet', hint=contains('--width')
    ):
        Stock.read(name, cfg)


def test_a_metric_that_nobody_searches_for_is_named() -> None:
    metric = {'type': 'CocoMetric', 'format_only': True, 'outfile_prefix': 'x'}
    cfg = Config({'default_scope': 'mmpose', 'val_evaluator': metric})
    with raises(where='mine.py: val_evaluator', got=[]):
        _objectives(cfg, SimpleNamespace(task=task_of(cfg), name='mine.py'))  # type: ignore[arg-type]


def test_modules_to_import_may_be_one_text() -> None:
    """mmseg's ConvNeXt names one; the configs of a search add some."""
    name = 'mmseg::convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512'
    cfg = read_config(str(Config._get_cfg_path(f'{name}.py', '')[0]))
    assert cfg.custom_imports.imports == 'mmpretrain.models'
    written = base(Stock.read(name, cfg, 18), Recipe.of(cfg, 16, 10, 4), [])
    (line,) = [line for line in written.splitlines() if 'custom_imports.imports' in line]
    found = eval(line.split('=', 1)[1].rstrip(','), {'_base_': cfg})
    assert found[0] == 'mmpretrain.models'
    assert 'scalenas.models' in found


def test_names_of_more_classes_do_not_hide_the_mean() -> None:
    metric = {'type': 'CocoMetric', 'ann_file': 'x.json', 'classwise': True}
    cfg = Config({'default_scope': 'mmdet', 'val_evaluator': [metric, {'type': 'LVISMetric'}]})
    stock: Any = SimpleNamespace(task=task_of(cfg), name='mine.py')
    assert _objectives(cfg, stock)[0] == ('coco/bbox_mAP', 'max')


def test_a_training_without_a_batch_size_is_one_line() -> None:
    cfg = {'train_cfg': {'max_epochs': 1}, 'train_dataloader': {'batch_sampler': {'type': 'X'}}}
    with raises(where='train_dataloader.batch_size', got=None):
        Recipe.of(cfg, 4, 10, None)


def test_norms_and_padding_of_an_efficientnet_are_the_configs() -> None:
    options = {'conv_cfg': {'type': 'Conv2dAdaptivePadding'}, 'norm_cfg': {'type': 'BN'}}
    given = {'type': 'EfficientNet', 'arch': 'b0', 'norm_cfg': {'type': 'BN', 'eps': 0.5}}
    found = mbconv_adopted(given, options, False, None)
    assert found is not None
    assert found.net['norm_cfg'] == {'type': 'BN', 'eps': 0.5}
    assert found.net['conv_cfg'] == options['conv_cfg']
    assert mbconv_adopted({**given, 'act_cfg': {'type': 'ReLU'}}, options, False, None) is None
