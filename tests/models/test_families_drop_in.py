"""MBConv and RegNet backbones in place of mmpretrain's, and inside task models."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from scalenas.arch import MBConvArch, RegNetArch, named
from scalenas.errors import CheckpointError
from scalenas.models import ScaleMBConvNet, ScaleRegNet, from_stock, stock_key_map
from scalenas.scaling import grow
from scalenas.space import HRSpace
from tests.errors import raises

from ..processes import FORGET, run_code
from .test_families import SMALL_MB, SMALL_Y, SMALL_Z
from .world import assert_close, lively, pictures

AS_MMPRETRAIN = {
    'conv_cfg': {'type': 'Conv2dAdaptivePadding'},
    'norm_cfg': {'type': 'BN', 'eps': 1e-3},
}


def backbone_of(package: str, kind: str, *args: Any, **options: Any) -> torch.nn.Module:
    module = importlib.import_module(f'{package}.models.backbones')
    return getattr(module, kind)(*args, **options)


@pytest.mark.parametrize('size', [(64, 64), (53, 71)])
@pytest.mark.parametrize('b', ['b0', 'b1', 'b3'])
def test_efficientnet_with_mmpretrain_weights_gives_its_outputs(
    b: str, size: tuple[int, int]
) -> None:
    theirs = lively(backbone_of('mmpretrain', 'EfficientNet', b, out_indices=(1, 2, 3, 4, 6)))
    arch = named(f'efficientnet_{b}')
    ours = ScaleMBConvNet(arch, out_indices=(1, 2, 3, 5, 8), **AS_MMPRETRAIN).double().eval()
    ours.load_state_dict(from_stock(theirs.state_dict(), arch, 'mmpretrain', prefix=''))
    assert_equal_outputs(theirs, ours, size)


@pytest.mark.parametrize('package', ['mmpretrain', 'mmdet'])
@pytest.mark.parametrize('name', ['regnetx_400mf', 'regnetx_1.6gf', 'regnetx_3.2gf'])
def test_regnetx_with_their_weights_gives_their_outputs(package: str, name: str) -> None:
    theirs = lively(backbone_of(package, 'RegNet', name, out_indices=(0, 1, 2, 3)))
    arch = named(name)
    ours = ScaleRegNet(arch, out_indices=(1, 2, 3, 4)).double().eval()
    ours.load_state_dict(from_stock(theirs.state_dict(), arch, 'mmpretrain', prefix=''))
    assert_equal_outputs(theirs, ours, (64, 64))


def assert_equal_outputs(theirs: Any, ours: Any, size: tuple[int, int]) -> None:
    x = pictures(1, 3, *size)
    with torch.no_grad():
        wanted, got = theirs(x), ours(x)
    assert len(got) == len(wanted) >= 4
    for a, b in zip(wanted, got, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize('b', ['b2', 'b4', 'b5', 'b6', 'b7'])
def test_keys_and_shapes_are_those_of_mmpretrain(b: str) -> None:
    arch = named(f'efficientnet_{b}')
    theirs = backbone_of('mmpretrain', 'EfficientNet', b).state_dict()
    with torch.device('meta'):
        ours = ScaleMBConvNet(arch).state_dict()
    keys = stock_key_map(arch, 'mmpretrain')
    assert set(keys) == set(ours)
    assert sorted(keys.values()) == sorted(theirs)
    assert all(ours[a].shape == theirs[b].shape for a, b in keys.items())


def test_other_padding_or_epsilon_gives_other_outputs() -> None:
    """The options that mmpretrain's weights need do change the result."""
    arch = named('efficientnet_b0')
    nets = [
        ScaleMBConvNet(arch, **{**AS_MMPRETRAIN, **change}).double()
        for change in ({}, {'conv_cfg': None}, {'norm_cfg': None})
    ]
    x = pictures(1, 3, 64, 64)
    weights = lively(nets[0]).state_dict()
    for net in nets:
        net.load_state_dict(weights)
    with torch.no_grad():
        first, *others = (net.eval()(x)[0] for net in nets)
    assert all((first - other).abs().max() > 1e-4 for other in others)


def test_heads_pass_and_foreign_weights_are_refused() -> None:
    arch = named('regnetx_400mf')
    state = {
        f'backbone.{key}': i for i, key in enumerate(stock_key_map(arch, 'mmpretrain').values())
    }
    found = from_stock({**state, 'head.fc.weight': 7}, arch, 'mmpretrain')
    assert found['head.fc.weight'] == 7
    assert (
        found['backbone.s1.b1.downsample.bn.running_var']
        == (state['backbone.layer1.0.downsample.1.running_var'])
    )
    first = next(iter(state))
    with raises(CheckpointError, where=first, names=('1 keys', '0 are')):
        from_stock({k: v for k, v in state.items() if k != first}, arch, 'mmpretrain')
    other = 'backbone.layer9.conv1.weight'
    with raises(CheckpointError, where=other, names=('0 keys', '1 are')):
        from_stock({**state, other: 1}, arch, 'mmpretrain')
    with raises(CheckpointError, where='block', got='y', names=('mmpretrain',)):
        stock_key_map(named('regnety_400mf'), 'mmpretrain')


def backbone(arch: MBConvArch | RegNetArch, **options: Any) -> dict[str, Any]:
    kind = 'ScaleMBConvNet' if isinstance(arch, MBConvArch) else 'ScaleRegNet'
    return {'type': f'scalenas.{kind}', 'arch': arch.to_dict(), **options}


FAST_MB = grow(SMALL_MB, 'fast', 3.0)[0].arch
FAST_Z = grow(SMALL_Y.with_(block='z'), 'fast', 3.0)[0].arch
DENSE = [
    (SMALL_MB, (1, 2, 3, 4), [8, 12, 16, 24]),
    (SMALL_Y, (1, 2, 3, 4), [8, 16, 24, 32]),
    # Grown by tools/scale.py's own function: other widths and depths, the same steps.
    (FAST_MB, (1, 2, 3, 4), [stage.width for stage in FAST_MB.stages]),
    (FAST_Z, (1, 2, 3, 4), [stage.width for stage in FAST_Z.stages]),
]
NAMES = ['mbconv', 'y', 'mbconv-scaled', 'z-scaled']


def built(package: str, model: dict[str, Any]) -> Any:
    registry = importlib.import_module(f'{package}.registry').MODELS
    importlib.import_module(f'{package}.utils').register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope(package):
        return registry.build(ConfigDict(copy.deepcopy(model)))


@pytest.mark.parametrize('arch', [SMALL_MB, SMALL_Y, SMALL_Z], ids=['mbconv', 'y', 'z'])
def test_classifies_in_mmpretrain(arch: MBConvArch | RegNetArch) -> None:
    channels = arch.conv_out or arch.stages[-1].width
    model = built(
        'mmpretrain',
        {
            'type': 'ImageClassifier',
            'backbone': backbone(arch),
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {'type': 'LinearClsHead', 'num_classes': 7, 'in_channels': channels},
        },
    )
    model.init_weights()
    x = torch.rand(4, 3, 64, 64)
    assert model(x, mode='tensor').shape == (4, 7)
    samples = importlib.import_module('mmpretrain.structures').DataSample
    labels = [samples().set_gt_label(i) for i in range(4)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(5):
        loss = model(x, labels, mode='loss')['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def retina(backbone: dict[str, Any], neck: dict[str, Any]) -> Any:
    return built(
        'mmdet',
        {
            'type': 'RetinaNet',
            'backbone': backbone,
            'neck': neck,
            'bbox_head': {
                'type': 'RetinaHead',
                'num_classes': 2,
                'in_channels': 8,
                'stacked_convs': 1,
                'feat_channels': 8,
                'anchor_generator': {
                    'type': 'AnchorGenerator',
                    'scales': [8],
                    'ratios': [1.0],
                    'strides': [4, 8, 16, 32, 64],
                },
            },
            'test_cfg': {'nms_pre': 10, 'nms': {'type': 'nms', 'iou_threshold': 0.5}},
        },
    )


@pytest.mark.parametrize(('arch', 'indices', 'channels'), DENSE, ids=NAMES)
def test_feeds_a_pyramid_in_mmdet(
    arch: MBConvArch | RegNetArch, indices: tuple[int, ...], channels: list[int]
) -> None:
    net = backbone(arch, out_indices=indices, norm_eval=True, frozen_stages=1)
    model = retina(net, {'type': 'FPN', 'in_channels': channels, 'out_channels': 8, 'num_outs': 5})
    assert model.backbone.out_channels == tuple(channels)
    maps = model.extract_feat(torch.rand(1, 3, 64, 64))
    first = model.backbone.feature_info[0]['reduction']
    assert [y.shape[2] for y in maps[:4]] == [64 // first // 2**i for i in range(4)]
    scores, boxes = model.bbox_head(maps)
    assert len(scores) == len(boxes) == 5


@pytest.mark.parametrize(('arch', 'indices', 'channels'), DENSE, ids=NAMES)
def test_segments_in_mmseg(
    arch: MBConvArch | RegNetArch, indices: tuple[int, ...], channels: list[int]
) -> None:
    model = built(
        'mmseg',
        {
            'type': 'EncoderDecoder',
            'backbone': backbone(arch, out_indices=indices),
            'decode_head': {
                'type': 'UPerHead',
                'in_channels': channels,
                'in_index': [0, 1, 2, 3],
                'pool_scales': (1, 2),
                'channels': 8,
                'num_classes': 3,
                'norm_cfg': {'type': 'BN'},
                'align_corners': False,
            },
            'auxiliary_head': {
                'type': 'FCNHead',
                'in_channels': channels[2],
                'in_index': 2,
                'channels': 8,
                'num_convs': 1,
                'num_classes': 3,
                'norm_cfg': {'type': 'BN'},
                'align_corners': False,
            },
            'train_cfg': {},
            'test_cfg': {'mode': 'whole'},
        },
    ).eval()
    x = torch.rand(1, 3, 64, 64)
    first = model.backbone.feature_info[0]['reduction']
    assert model(x, mode='tensor').shape == (1, 3, 64 // first, 64 // first)
    assert model.auxiliary_head(model.extract_feat(x)).shape[1] == 3


def test_scaled_networks_are_other_networks() -> None:
    assert DENSE[2][2] != DENSE[0][2]
    assert DENSE[3][2] != DENSE[1][2]


def test_a_scaled_hrnet_style_network_feeds_a_pyramid_in_mmdet() -> None:
    small = HRSpace(
        width=8, num_modules=(1, 1, 1), depth=(1, 2), stem=8, stage1_blocks=1, stage1_channels=8
    ).largest()
    arch = grow(small, 'compound', 4.0, size=(64, 64))[0].arch
    channels = list(arch.out_channels)
    assert channels != list(small.out_channels)
    neck = {'type': 'HRFPN', 'in_channels': channels, 'out_channels': 8}
    net = {'type': 'scalenas.ScaleHRNet', 'arch': arch.to_dict()}
    model = retina(net, neck)
    maps = model.extract_feat(torch.rand(1, 3, 64, 64))
    assert [tuple(y.shape[1:]) for y in maps] == [(8, 16 // 2**i, 16 // 2**i) for i in range(5)]


def test_configs_need_no_custom_imports_and_the_nets_mmengine_only() -> None:
    code = (
        'import sys\n'
        'from mmengine.registry import MODELS\n'
        "for kind, arch in (('MBConvNet', 'efficientnet_b0'), ('RegNet', 'regnetz_500mf')):\n"
        "    print(type(MODELS.build(dict(type=f'scalenas.Scale{kind}', arch=arch))).__name__)\n"
        "print([m for m in ('mmcv', 'mmseg', 'mmdet', 'mmpretrain') if m in sys.modules])"
    )
    shown = run_code(FORGET + code)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-3:] == ['ScaleMBConvNet', 'ScaleRegNet', '[]']
