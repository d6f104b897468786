"""A small model of each task package, around stock backbones or ours, with lively statistics."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from torch import nn

from scalenas.registry import MODELS
from tests.evaluation.test_detectors import detector
from tests.evaluation.world import SPACE, segmentor
from tests.models.world import lively

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
ARCH = SPACE.smallest().to_dict()
HRNET = {'type': 'scalenas.ScaleHRNet', 'arch': ARCH}
SINGLE = {'type': 'scalenas.ScaleHRNet', 'arch': {**ARCH, 'output': 'single'}}


def pose() -> nn.Module:
    """mmpose's top-down estimator of three joints."""
    head = {'type': 'HeatmapHead', 'in_channels': 8, 'out_channels': 3}
    loss = {'type': 'KeypointMSELoss', 'use_target_weight': True}
    codec = {'type': 'MSRAHeatmap', 'input_size': (48, 64), 'heatmap_size': (12, 16), 'sigma': 2}
    return built(
        'mmpose',
        {
            'type': 'TopdownPoseEstimator',
            'data_preprocessor': preprocessor('PoseDataPreprocessor', bgr_to_rgb=True),
            'backbone': SINGLE,
            'head': {**head, 'deconv_out_channels': None, 'loss': loss, 'decoder': codec},
        },
    )


def classifier() -> nn.Module:
    """mmpretrain's classifier of five classes; its pictures stay BGR."""
    return built(
        'mmpretrain',
        {
            'type': 'ImageClassifier',
            'data_preprocessor': preprocessor('ClsDataPreprocessor', num_classes=5),
            'backbone': {'type': 'mmpretrain.ResNet_CIFAR', 'depth': 18, 'base_channels': 8},
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {'type': 'LinearClsHead', 'num_classes': 5, 'in_channels': 64},
        },
    )


def one_stage() -> nn.Module:
    """mmdet's RetinaNet on four levels of ours."""
    anchors = {'type': 'AnchorGenerator', 'ratios': [1.0], 'strides': [4, 8, 16, 32]}
    anchors |= {'octave_base_scale': 4, 'scales_per_octave': 1}
    neck = {'type': 'FPN', 'in_channels': [8, 16, 32, 64], 'out_channels': 8, 'num_outs': 4}
    head = {'type': 'RetinaHead', 'num_classes': 2, 'in_channels': 8, 'feat_channels': 8}
    head |= {'stacked_convs': 1, 'anchor_generator': anchors}
    head |= {'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'}}
    nms = {'type': 'nms', 'iou_threshold': 0.5}
    test = {'nms_pre': 100, 'min_bbox_size': 0, 'score_thr': 0.0, 'nms': nms, 'max_per_img': 20}
    return built(
        'mmdet',
        {
            'type': 'RetinaNet',
            'data_preprocessor': preprocessor('DetDataPreprocessor', bgr_to_rgb=True),
            'backbone': HRNET,
            'neck': neck,
            'bbox_head': head,
            'test_cfg': test,
        },
    )


def two_stage() -> nn.Module:
    """mmdet's Faster R-CNN."""
    limits = {'test_cfg.rpn.max_per_img': 9, 'test_cfg.rcnn.max_per_img': 4}
    model = detector('faster_rcnn', HRNET, small=True, device='cpu', **limits)
    return lively(model).float()


def segmentation() -> nn.Module:
    """mmseg's segmentor of four classes."""
    model = segmentor(HRNET)
    model.test_cfg = ConfigDict(model.test_cfg)  # as of a file
    result: nn.Module = model
    return result


def preprocessor(kind: str, **options: Any) -> dict[str, Any]:
    """A table of mean and std."""
    return {'type': kind, 'mean': MEAN, 'std': STD, **options}


def built(package: str, cfg: dict[str, Any]) -> nn.Module:
    """In eval mode, far from its initial statistics."""
    importlib.import_module(f'{package}.models')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(package):
        model: nn.Module = MODELS.build(ConfigDict(cfg))
    return lively(model).float()


TASKS = {
    'segmentation': segmentation,
    'pose': pose,
    'classification': classifier,
    'one_stage': one_stage,
    'two_stage': two_stage,
}
