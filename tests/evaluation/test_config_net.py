"""The network in a config: found wherever it stands, with its head where that can be counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from scalenas.arch import ClassificationHead, PoseHead, SegHead, named
from scalenas.complexity import Counter
from scalenas.config import read_config
from scalenas.errors import ConfigError
from scalenas.evaluation import trace
from scalenas.evaluation.config_net import config_net
from scalenas.evaluation.evaluator import build_model
from scalenas.models import ScaleHRNet
from scalenas.space import HRSpace
from tests.errors import contains, raises

from .world import SIZE, SPACE, architecture

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / 'configs').glob('scalenas_*/*/*.py')
)
COUNTED = ('regnetz', '_s2_', 'higher_scalenas_p1', 'mask_rcnn_hrnet_w32', 'p3_8xb12')
SUPER = {'type': 'scalenas.SuperScaleHRNet', 'space': SPACE.to_dict()}


def of(model: dict, **more: object) -> Config:
    return named_config({'default_scope': 'mmseg', 'model': model, **more})


def named_config(content: dict) -> Config:
    """A config as if it were read from mine.py."""
    cfg = Config(content)
    object.__setattr__(cfg, '_filename', 'mine.py')
    return cfg


@pytest.mark.parametrize('path', CONFIGS)
def test_every_shipped_config_has_one(path: str) -> None:
    found = config_net(read_config(str(ROOT / path)))
    # HRNet's classifier for ImageNet widens its maps in a neck, and the head of the scenes reads
    # the finest map alone: neither is counted by a layer plan, only traced.
    classifier = 'imagenet/teacher_' in path
    assert (found.head is None) == (classifier or '/scenes/' in path)
    # It and a detector take images of any size; `tools/info.py` asks for one.
    any_size = classifier or '_det/' in path
    assert (found.size is None) == (any_size and 'search' not in path)
    # BigNAS's nets are trained alone as spaces of one network.
    spaces = ('super', 'search', 'teacher', 'alone_bignas')
    assert (found.space is not None) == any(word in path for word in spaces)


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if any(word in path for word in COUNTED)]
)
def test_the_counted_cost_is_that_of_the_whole_model(path: str) -> None:
    """Backbone and head by the plan, against every layer that the built model runs."""
    cfg = read_config(str(ROOT / path))
    found, size = config_net(cfg), (64, 64)
    with torch.device('meta'):
        model = build_model(cfg)
    assert Counter(size, found.head)(found.arch) == trace(model, size)


def test_a_supernet_has_a_largest_and_a_smallest() -> None:
    model = {'type': 'scalenas.SuperNet', 'architecture': architecture(SUPER)}
    for which in ('largest', 'smallest'):
        found = config_net(of(model), which)
        assert found.arch == getattr(SPACE, which)()
        assert found.space == SPACE
        assert found.size == SIZE
        assert found.place == 'model.architecture.backbone'
        assert found.head == SegHead(4, conv_bias=False)
    assert config_net(of(model, search={'size': (32, 96)})).size == (32, 96)


def test_a_teacher_is_not_the_network() -> None:
    teacher = {'backbone': {'type': 'scalenas.ScaleHRNet', 'arch': 'hrnet_w48'}}
    model = {'distillation': {'teacher': teacher}, **architecture(SUPER)}
    assert config_net(of(model)).place == 'model.backbone'


def test_pose_and_classification_heads_are_known() -> None:
    backbone = {'type': 'scalenas.ScaleHRNet', 'arch': 'scalenas_p1'}
    head = {
        'type': 'HeatmapHead',
        'in_channels': named('scalenas_p1').out_channels[0],
        'out_channels': 17,
        'deconv_out_channels': None,
    }
    model = {'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head}
    of_pose = {
        'default_scope': 'mmpose',
        'codec': {'type': 'MSRAHeatmap', 'input_size': (192, 256)},
    }
    found = config_net(of(model, **of_pose))
    assert found.head == PoseHead(17)
    assert found.size == (256, 192)
    deconvolved = {**head, 'deconv_out_channels': (256,)}
    assert config_net(of({**model, 'head': deconvolved}, **of_pose)).head is None

    net = {'type': 'scalenas.ScaleMBConvNet', 'arch': 'efficientnet_b0', 'in_channels': 4}
    head = {'type': 'mmpretrain.LinearClsHead', 'num_classes': 7, 'in_channels': 1280}
    neck = {'type': 'GlobalAveragePooling'}
    model = {'type': 'mmpretrain.ImageClassifier', 'backbone': net, 'neck': neck, 'head': head}
    found = config_net(of(model))
    assert found.head == ClassificationHead(7)
    assert found.arch == named('efficientnet_b0').with_(in_channels=4)
    assert found.size == (224, 224)


def test_a_backbone_is_what_all_its_arguments_say() -> None:
    """HRNet's own `extra`, and the finest map alone: what runs is what is counted."""
    extra = stock_extra(8)
    for said in ({'arch': 'hrnet_w18'}, {'extra': extra}):
        for more in ({}, {'multiscale_output': False, 'in_channels': 4}):
            part = {'type': 'scalenas.ScaleHRNet', **said, **more}
            net = ScaleHRNet(**{k: v for k, v in part.items() if k != 'type'})
            found = config_net(of({'type': 'X', 'backbone': part}))
            assert found.arch == net.arch
            assert len(found.arch.out_channels) == (1 if more else 4)
    wrong = {'type': 'scalenas.ScaleHRNet', 'arch': 'hrnet_w18', 'extra': extra}
    with raises(got='both', allowed=contains('exactly one')):
        config_net(of({'type': 'X', 'backbone': wrong}))


def stock_extra(width: int) -> dict:
    """HRNet's own description, one module a stage."""
    return {
        f'stage{s}': dict(
            num_modules=1,
            num_branches=s,
            block='BASIC' if s > 1 else 'BOTTLENECK',
            num_blocks=(2,) * s,
            num_channels=tuple(width * 2**i for i in range(s)) if s > 1 else (8,),
        )
        for s in range(1, 5)
    }


@pytest.mark.parametrize(
    'change',
    [
        {'type': 'OCRHead'},
        {'num_convs': 2},
        {'kernel_size': 3},
        {'concat_input': True},
        {'channels': 64},
        {'in_channels': [8, 16, 32]},
        {'input_transform': 'multiple_select'},
    ],
)
def test_another_head_is_not_guessed(change: dict) -> None:
    model = architecture(SUPER)
    model['decode_head'] |= change
    found = config_net(of(model))
    assert found.head is None
    assert found.head_text == model['decode_head']['type']


def test_a_neck_with_weights_or_a_second_head_is_not_guessed() -> None:
    model = architecture(SUPER)
    assert config_net(of({**model, 'neck': {'type': 'FPN'}})).head is None
    found = config_net(of({**model, 'rpn_head': {'type': 'RPNHead'}}))
    assert found.head is None
    assert found.head_text == 'FCNHead, RPNHead'
    bare = {'type': 'X', 'backbone': SUPER}
    assert config_net(of(bare)).head_text == 'no head'
    assert config_net(of(bare)).size is None


@pytest.mark.parametrize(
    ('model', 'fields'),
    [
        (
            {'backbone': {'type': 'ResNet', 'depth': 50}},
            {'where': 'mine.py: model.backbone.type', 'got': 'ResNet'},
        ),
        ({'type': 'X'}, {'where': 'mine.py: model.backbone.type', 'got': 'none'}),
        (
            {'backbone': {'type': 'scalenas.ScaleHRNet', 'arch': 'scalenas_s9'}},
            {'got': 'scalenas_s9'},
        ),
        (
            {'backbone': {'type': 'scalenas.ScaleHRNet', 'arch': {'stages': []}}},
            {'names': ('an arch',)},
        ),
        (
            {'backbone': {**SUPER, 'space': {'family': 'hr'}}},
            {'where': 'model.backbone.space.family', 'got': 'hr'},
        ),
    ],
)
def test_a_config_without_a_network_is_one_line(model: dict, fields: dict) -> None:
    with raises(**fields):
        config_net(of(model))


def test_no_model_at_all() -> None:
    with raises(ConfigError, where='mine.py: model'):
        config_net(named_config({'a': 1}))


def test_the_space_is_restricted_where_the_config_says_so() -> None:
    small = HRSpace(8, (1, 1, 1), (1, 2), 16, 1, 8)
    model = architecture({**SUPER, 'space': small.to_dict()})
    assert config_net(of(model)).arch == small.largest()
