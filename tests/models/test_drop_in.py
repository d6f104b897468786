"""ScaleHRNet in place of `HRNet`: the same keys, the same outputs, the same builders."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from scalenas.arch import named
from scalenas.models import ScaleHRNet

from ..processes import FORGET, run_code
from .world import lively, pictures, stock_extra

PACKAGES = ('mmseg', 'mmdet', 'mmpose', 'mmpretrain')
ARCHS = {
    'hrnet_w18': stock_extra(18),
    'hrnet_w32': stock_extra(32),
    'hrnet_w48': stock_extra(48),
    'hrnet_w18_small': stock_extra(18, (1, 3, 2), 2),
}


def stock(package: str, extra: dict[str, Any], multi: bool, **options: Any) -> torch.nn.Module:
    """The package's own HRNet."""
    hrnet = importlib.import_module(f'{package}.models.backbones.hrnet').HRNet
    extra = copy.deepcopy(extra)
    if package == 'mmpose':
        extra['stage4']['multiscale_output'] = multi
    else:
        options['multiscale_output'] = multi
    return hrnet(extra=extra, **options)


@pytest.mark.parametrize('multi', [True, False])
@pytest.mark.parametrize('name', ARCHS)
@pytest.mark.parametrize('package', PACKAGES)
def test_keys_and_shapes_are_those_of_hrnet(package: str, name: str, multi: bool) -> None:
    with torch.device('meta'):
        theirs = stock(package, ARCHS[name], multi).state_dict()
        ours = ScaleHRNet(named(name), multiscale_output=multi).state_dict()
        ours_extra = ScaleHRNet(extra=ARCHS[name], multiscale_output=multi).state_dict()
    expected = {key: value.shape for key, value in theirs.items()}
    assert {key: value.shape for key, value in ours.items()} == expected
    assert {key: value.shape for key, value in ours_extra.items()} == expected
    if name == 'hrnet_w18':
        assert len(expected) == (1830 if multi else 1752)


@pytest.mark.parametrize('multi', [True, False])
@pytest.mark.parametrize('package', PACKAGES)
def test_with_the_same_weights_outputs_are_equal(package: str, multi: bool) -> None:
    extra = stock_extra(18, (1, 2, 2), 2)
    theirs = lively(stock(package, extra, multi))
    upsample = 'bilinear' if package == 'mmseg' else 'nearest'
    ours = ScaleHRNet(extra=extra, upsample=upsample, multiscale_output=multi).double().eval()
    ours.load_state_dict(theirs.state_dict())
    # Only mmseg's takes odd sizes.
    for size in [(64, 96), (72, 100)] if package == 'mmseg' else [(64, 96)]:
        x = pictures(2, 3, *size)
        wanted, got = theirs(x), ours(x)
        assert isinstance(got, tuple)
        assert len(got) == len(wanted) == (4 if multi else 1)
        for a, b in zip(wanted, got, strict=True):
            assert a.abs().max() > 0.1
            torch.testing.assert_close(b, a, rtol=0, atol=1e-6)


@pytest.mark.parametrize('package', PACKAGES)
@pytest.mark.parametrize('name', ARCHS)
@pytest.mark.slow
def test_full_size_archs_give_the_outputs_of_hrnet(package: str, name: str) -> None:
    theirs = lively(stock(package, ARCHS[name], True))
    upsample = 'bilinear' if package == 'mmseg' else 'nearest'
    ours = ScaleHRNet(named(name), upsample=upsample).double().eval()
    ours.load_state_dict(theirs.state_dict())
    x = pictures(1, 3, 64, 64)
    for a, b in zip(theirs(x), ours(x), strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=1e-6)


def test_gradients_are_those_of_hrnet() -> None:
    extra = stock_extra(8, (1, 1, 1), 1)
    theirs = lively(stock('mmseg', extra, True), train=True)
    ours = ScaleHRNet(extra=extra).double().train()
    ours.load_state_dict(theirs.state_dict())
    x = pictures(2, 3, 64, 64)
    for net in (theirs, ours):
        sum(y.pow(2).mean() for y in net(x)).backward()
    grads = {name: p.grad for name, p in theirs.named_parameters()}
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, grads[name], rtol=1e-9, atol=1e-12)
    stats = theirs.state_dict()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, stats[name], rtol=1e-9, atol=1e-12)


def test_mmpose_extra_with_its_upsample_equals_mmpose() -> None:
    extra = stock_extra(8, (1, 1, 1), 1)
    extra['upsample'] = {'mode': 'bilinear', 'align_corners': False}
    extra['stage4']['multiscale_output'] = True
    hrnet = importlib.import_module('mmpose.models.backbones.hrnet').HRNet
    theirs = lively(hrnet(extra=extra))
    ours = ScaleHRNet(extra=extra).double().eval()
    ours.load_state_dict(theirs.state_dict())
    x = pictures(1, 3, 64, 64)
    for a, b in zip(theirs(x), ours(x), strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=1e-12)


BACKBONE = {
    'type': 'scalenas.ScaleHRNet',
    'extra': stock_extra(4, (1, 1, 1), 1),
    'upsample': 'nearest',
}
NORM = {'type': 'BN'}
MODELS = {
    'mmseg': {
        'type': 'EncoderDecoder',
        'backbone': BACKBONE,
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': [4, 8, 16, 32],
            'in_index': (0, 1, 2, 3),
            'channels': 60,
            'input_transform': 'resize_concat',
            'kernel_size': 1,
            'num_convs': 1,
            'concat_input': False,
            'dropout_ratio': -1,
            'num_classes': 3,
            'norm_cfg': NORM,
            'align_corners': False,
        },
        'train_cfg': {},
        'test_cfg': {'mode': 'whole'},
    },
    'mmpose': {
        'type': 'TopdownPoseEstimator',
        'backbone': {**BACKBONE, 'multiscale_output': False},
        'head': {
            'type': 'HeatmapHead',
            'in_channels': 4,
            'out_channels': 5,
            'deconv_out_channels': None,
            'loss': {'type': 'KeypointMSELoss', 'use_target_weight': True},
        },
    },
    'mmpretrain': {
        'type': 'ImageClassifier',
        'backbone': BACKBONE,
        'neck': [
            {'type': 'HRFuseScales', 'in_channels': (4, 8, 16, 32)},
            {'type': 'GlobalAveragePooling'},
        ],
        'head': {'type': 'LinearClsHead', 'num_classes': 7, 'in_channels': 2048},
    },
    'mmdet': {
        'type': 'FasterRCNN',
        'backbone': {**BACKBONE, 'norm_eval': True},
        'neck': {'type': 'HRFPN', 'in_channels': [4, 8, 16, 32], 'out_channels': 8},
        'rpn_head': {
            'type': 'RPNHead',
            'in_channels': 8,
            'feat_channels': 8,
            'anchor_generator': {
                'type': 'AnchorGenerator',
                'scales': [8],
                'ratios': [1.0],
                'strides': [4, 8, 16, 32, 64],
            },
            'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
            'loss_cls': {'type': 'CrossEntropyLoss', 'use_sigmoid': True},
            'loss_bbox': {'type': 'L1Loss'},
        },
        'roi_head': {
            'type': 'StandardRoIHead',
            'bbox_roi_extractor': {
                'type': 'SingleRoIExtractor',
                'roi_layer': {'type': 'RoIAlign', 'output_size': 7, 'sampling_ratio': 0},
                'out_channels': 8,
                'featmap_strides': [4, 8, 16, 32],
            },
            'bbox_head': {
                'type': 'Shared2FCBBoxHead',
                'in_channels': 8,
                'fc_out_channels': 16,
                'roi_feat_size': 7,
                'num_classes': 2,
                'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
                'loss_cls': {'type': 'CrossEntropyLoss', 'use_sigmoid': False},
                'loss_bbox': {'type': 'L1Loss'},
            },
        },
        'train_cfg': None,
        'test_cfg': {
            'rpn': {'nms_pre': 10, 'max_per_img': 10, 'nms': {'type': 'nms', 'iou_threshold': 0.7}},
            'rcnn': {'score_thr': 0.5, 'nms': {'type': 'nms', 'iou_threshold': 0.5}},
        },
    },
}


def features_of(package: str, backbone: dict[str, Any]) -> Any:
    """What head or neck make of the backbone inside the package's model."""
    registry = importlib.import_module(f'{package}.registry').MODELS
    importlib.import_module(f'{package}.utils').register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope(package):
        model = registry.build(ConfigDict({**MODELS[package], 'backbone': backbone}))
    model.train(False)
    assert isinstance(model.backbone, ScaleHRNet)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        if package == 'mmdet':
            return model.rpn_head(model.extract_feat(x))[0]
        if package == 'mmpose':
            return model(x, None, mode='tensor')
        return model(x, mode='tensor')


@pytest.mark.parametrize(
    ('package', 'shape'),
    [
        ('mmseg', (1, 3, 16, 16)),
        ('mmpose', (1, 5, 16, 16)),
        ('mmpretrain', (1, 7)),
        ('mmdet', None),
    ],
)
def test_task_models_build_and_run(package: str, shape: tuple[int, ...] | None) -> None:
    for backbone in (
        MODELS[package]['backbone'],
        {**MODELS[package]['backbone'], 'upsample': {'mode': 'bilinear', 'align_corners': False}},
    ):
        out = features_of(package, backbone)
        if package == 'mmdet':
            assert [tuple(y.shape[2:]) for y in out] == [(n, n) for n in (16, 8, 4, 2, 1)]
        else:
            assert tuple(out.shape) == shape


def test_a_config_needs_no_custom_imports() -> None:
    """In a fresh process nothing but the type's scope leads to the class."""
    code = (
        'from mmseg.registry import MODELS\n'
        'from mmengine.registry import init_default_scope\n'
        "init_default_scope('mmseg')\n"
        "net = MODELS.build(dict(type='scalenas.ScaleHRNet', arch='hrnet_w18_small'))\n"
        "net = MODELS.build(dict(type='scalenas.SuperScaleHRNet', "
        "space=dict(family='hrnet', width=4, num_modules=[1], depth=[1, 2])))\n"
        "print('built', type(net).__name__)"
    )
    shown = run_code(code)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == 'built SuperScaleHRNet'


def test_the_models_room_needs_mmengine_only() -> None:
    code = (
        'import sys, torch\n'
        'from scalenas.models import ScaleHRNet\n'
        "net = ScaleHRNet('hrnet_w18_small', norm_cfg=dict(type='SyncBN', momentum=0.01))\n"
        "print([m for m in ('mmcv', 'mmseg', 'mmdet', 'mmpose', 'optuna') if m in sys.modules])"
    )
    shown = run_code(FORGET + code)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == '[]'
