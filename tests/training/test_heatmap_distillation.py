"""Distillation of heatmaps: joints count as they do in the task's own loss."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmpose.models.losses import KeypointMSELoss
from mmpose.structures import PoseDataSample

from scalenas.arch.strict import ArchError
from scalenas.errors import ConfigError
from scalenas.registry import MODELS
from scalenas.training.distillation import Distillation
from scalenas.training.losses import weighted_mse
from tests.errors import raises

from .conftest import SPACE, batch, new_hub

TAP = 'head.final_layer'
WEIGHTS = torch.tensor([[1.0, 0.0, 1.5], [0.0, 1.0, 1.0]])
ESTIMATOR = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[60.0] * 3),
    backbone=dict(type='scalenas.SuperScaleHRNet', space=dict(**SPACE, output='single')),
    head=dict(
        type='HeatmapHead',
        in_channels=8,
        out_channels=3,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
)


@pytest.fixture(autouse=True)
def mmpose_scope(mmseg_scope):
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


def samples():
    found = []
    for weights in WEIGHTS:
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights[None])
        sample.gt_fields = PixelData(heatmaps=torch.rand(3, 16, 16))
        found.append(sample)
    return found


def test_by_hand():
    """Two of three joints of one person count, one of them half more; the mean is over all."""
    output = torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]], [[2.0, 0.0]]]])
    target = torch.zeros_like(output)
    weights = torch.tensor([[1.0, 0.0, 1.5]])
    expected = (1 + 9 + 0 + 0 + 1.5 * 4 + 0) / 6
    assert weighted_mse(output, target, weights).item() == pytest.approx(expected)
    output[0, 1] = float('nan')
    assert weighted_mse(output, target, weights).item() == pytest.approx(expected)


def test_it_is_the_loss_of_mmpose():
    output, target = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    expected = KeypointMSELoss(use_target_weight=True)(output, target, WEIGHTS)
    torch.testing.assert_close(weighted_mse(output, target, WEIGHTS), expected)
    wanted = Distillation.from_dict(dict(tap=TAP, weight=0.5, use_target_weight=True))
    torch.testing.assert_close(wanted.compare([output], [target], samples()), 0.5 * expected)
    assert weighted_mse(output.half(), target.half(), WEIGHTS).dtype == torch.float32


def test_without_the_option_all_joints_count():
    output, target = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    found = Distillation.from_dict(dict(tap=TAP)).compare([output], [target], samples())
    torch.testing.assert_close(found, (output - target).square().mean())


def test_a_step_of_the_supernet(tmp_path):
    def build(**options):
        model = ConfigDict(type='scalenas.SuperNet', architecture=ESTIMATOR, **options)
        found = MODELS.build(model)
        found.init_weights()
        return found

    torch.manual_seed(0)
    teacher = build(sampler=dict(type='fixed'))
    path = tmp_path / 'teacher.pth'
    with torch.no_grad():  # heads of mmpose start near zero
        teacher.architecture.head.final_layer.weight.mul_(100)
    meta = dict(scalenas=dict(space=teacher.backbone.space.to_dict(), version='0'))
    torch.save(dict(meta=meta, state_dict=teacher.state_dict()), path)
    model = build(
        sampler=dict(type='grouped', seed=3),
        init_from=str(path),
        distillation=dict(tap=TAP, use_target_weight=True),
    )
    new_hub().update_info('iter', 0)
    data = dict(inputs=torch.randn(2, 3, 64, 64), data_samples=samples())
    losses = model(**data, mode='loss')
    with torch.no_grad():
        wanted = teacher.eval()(**data, mode='tensor')
        with model.active(model.sampler.archs(0)[0]):
            heatmaps = model(**data, mode='tensor')
    expected = ((heatmaps - wanted).square() * WEIGHTS[..., None, None]).mean()
    torch.testing.assert_close(losses['loss_kd'].detach(), expected)
    assert expected > 1e-6
    assert {'loss_kpt', 'acc_pose', 'loss_kd'} <= set(losses)
    model.parse_losses(losses)[0].backward()


@pytest.mark.parametrize('given', [None, [], 'segmentation'])
def test_samples_without_weights_are_one_line(given):
    if given == 'segmentation':
        given = batch()['data_samples']
    wanted = Distillation.from_dict(dict(tap=TAP, use_target_weight=True))
    output = torch.rand(2, 3, 4, 4)
    with raises(ConfigError, where='distillation.use_target_weight', got=True):
        wanted.compare([output], [output], given)


def test_the_option_is_a_switch():
    with raises(ArchError, where='distillation.use_target_weight', got=1):
        Distillation.from_dict(dict(tap=TAP, use_target_weight=1))
