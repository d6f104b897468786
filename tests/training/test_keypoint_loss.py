"""The cross entropy of heatmaps: what it is, what it leaves out, and mmpose's head with it."""

import math

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from scalenas.training.losses import SpatialCrossEntropyLoss, spatial_cross_entropy


def maps(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(seed))


def test_equals_torch_for_a_single_pixel() -> None:
    logits, target = maps(), torch.zeros(2, 3, 5, 4)
    places = torch.tensor([[0, 7, 19], [3, 11, 4]])
    target.flatten(2).scatter_(2, places[..., None], 1.0)
    found = spatial_cross_entropy(logits, target, torch.ones(2, 3))
    expected = torch.nn.functional.cross_entropy(logits.flatten(2).flatten(0, 1), places.flatten())
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_is_least_where_the_prediction_is_the_target() -> None:
    """The entropy of the target, whatever its height; any other logits give more."""
    target = maps().exp()
    shares = target.flatten(2) / target.flatten(2).sum(2, keepdim=True)
    entropy = -(shares * shares.log()).sum(2).mean()
    for scale in (1.0, 0.01):
        found = spatial_cross_entropy(target.log() + 3.0, scale * target, torch.ones(2, 3))
        assert found.item() == pytest.approx(entropy.item(), rel=1e-5)
    assert spatial_cross_entropy(maps(1), target, torch.ones(2, 3)) > entropy


def test_flat_logits_cost_the_logarithm_of_the_pixels() -> None:
    found = spatial_cross_entropy(torch.zeros(2, 3, 5, 4), maps().exp(), torch.ones(2, 3))
    assert found.item() == pytest.approx(math.log(20), rel=1e-6)


def test_joints_without_weight_or_target_do_not_count() -> None:
    logits, target = maps().requires_grad_(), maps(1).exp()
    weights = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    target[1, 2] = 0
    with torch.no_grad():
        logits[0, 1] = float('inf')
    loss = spatial_cross_entropy(logits, target, weights)
    kept = [(0, 0), (0, 2), (1, 0), (1, 1)]
    one_by_one = [
        spatial_cross_entropy(logits[n, k][None, None], target[n, k][None, None], torch.ones(1, 1))
        for n, k in kept
    ]
    assert loss.item() == pytest.approx(torch.stack(one_by_one).mean().item(), rel=1e-6)
    # A mean by weight: weights that are all halved change nothing, however small their sum.
    half = [spatial_cross_entropy(maps(), maps(1).exp(), w * torch.eye(2, 3)) for w in (1.0, 0.1)]
    assert half[1].item() == pytest.approx(half[0].item())
    nothing = spatial_cross_entropy(maps(), target, torch.zeros(2, 3))
    assert nothing.item() == 0


def test_mmposes_head_takes_it_and_learns() -> None:
    from mmengine.structures import InstanceData, PixelData
    from mmpose.structures import PoseDataSample

    head_cfg = dict(
        type='HeatmapHead',
        in_channels=4,
        out_channels=3,
        deconv_out_channels=None,
        loss=dict(type='scalenas.SpatialCrossEntropyLoss', loss_weight=2.0),
    )
    with DefaultScope.overwrite_default_scope('mmpose'):
        head = MODELS.build(head_cfg)
    assert isinstance(head.loss_module, SpatialCrossEntropyLoss)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 5, 4, generator=generator)
    samples = []
    for target in maps(1).exp():
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=target)
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 3))
        samples.append(sample)
    with torch.no_grad():
        expected = 2 * spatial_cross_entropy(head((features,)), maps(1).exp(), torch.ones(2, 3))
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    losses = []
    for _ in range(30):
        loss = head.loss((features,), samples)['loss_kpt']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(expected.item(), rel=1e-6)
    assert losses[-1] < 0.98 * losses[0]
