"""HigherHRNet's head in torch: its layers, its losses by hand, what masks leave untouched."""

import math

import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from mmpose.structures import MultilevelPixelData, PoseDataSample

from scalenas.arch import HigherHead, HRArch
from scalenas.complexity import Counter
from scalenas.evaluation import trace
from scalenas.models import ScaleHRNet
from scalenas.pose import HigherHRNetHead
from tests.errors import raises

from .world import small_arch

K = 3
LOSS = {'type': 'mmpose.AssociativeEmbeddingLoss', 'loss_weight': 0.001}


class Net(BaseModel):
    """Backbone and head, as an estimator runs them."""

    def __init__(self, arch: HRArch, head: HigherHRNetHead) -> None:
        super().__init__()
        self.backbone, self.head = ScaleHRNet(arch), head

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.head(self.backbone(inputs))


def sample(heatmaps, masks, indices):
    """What a pipeline packs: lists of arrays per scale, as mmpose moves them to a device."""
    found = PoseDataSample()
    fields = MultilevelPixelData()
    fields.set_field([torch.as_tensor(m, dtype=torch.float32) for m in heatmaps], 'heatmaps')
    fields.set_field([torch.as_tensor(m) for m in masks], 'heatmap_mask')
    found.gt_fields = fields
    found.gt_instance_labels = InstanceData(keypoint_indices=torch.as_tensor(indices))
    return found


def samples(num=2, size=4, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        maps = [rng.random((K, s, s)) for s in (size, 2 * size)]
        masks = [rng.random((s, s)) > 0.3 for s in (size, 2 * size)]
        indices = np.stack([rng.integers(0, size**2, (2, K)), np.ones((2, K), np.int64)], -1)
        found.append(sample(maps, masks, indices))
    return found


@pytest.fixture
def head():
    torch.manual_seed(0)
    return HigherHRNetHead(8, K, init_cfg=[])


@pytest.mark.parametrize('channels', [None, 5])
@pytest.mark.parametrize('blocks', [1, 4])
def test_what_is_counted_is_what_runs(channels, blocks):
    arch = small_arch(6)
    net = Net(arch, HigherHRNetHead(6, 17, channels, num_blocks=blocks))
    plan = HigherHead(17, channels, blocks)
    for size in ((64, 64), (96, 32)):
        assert trace(net, size) == Counter(size, plan)(arch)
    names = {name for name, _ in net.named_modules()}
    assert {layer.name for layer in plan.layers(arch.features((64, 64)))} <= names
    assert sum(p.numel() for p in net.parameters()) == Counter((64, 64), plan)(arch)['params']


@pytest.mark.parametrize('scope', ['mmseg', 'mmdet', 'scalenas'])
def test_builds_whatever_scope_is_the_default(scope):
    with DefaultScope.overwrite_default_scope(scope):
        head = HigherHRNetHead(8, K)
    assert type(head.tag_loss).__name__ == 'AssociativeEmbeddingLoss'
    assert type(head.keypoint_loss).__name__ == 'KeypointMSELoss'


def test_shapes(head):
    coarse, fine = head((torch.rand(2, 8, 16, 12), torch.rand(2, 16, 8, 6)))
    assert coarse.shape == (2, 2 * K, 16, 12)
    assert fine.shape == (2, K, 32, 24)


def test_the_second_scale_sees_the_first_predictions(head):
    coarse, fine = head([torch.rand(1, 8, 4, 4)])
    (gradient,) = torch.autograd.grad(fine.sum(), coarse)
    assert (gradient.abs().sum((2, 3)) > 0).all()  # heat maps and tags


def test_losses_by_hand(head):
    batch = samples()
    feats = [torch.rand(2, 8, 4, 4)]
    losses = head.loss(feats, batch)
    coarse, fine = head(feats)
    for level, (name, maps) in enumerate((('coarse', coarse[:, :K]), ('fine', fine))):
        total = 0.0
        for image, found in zip(batch, maps, strict=True):
            target = image.gt_fields.heatmaps[level]
            mask = image.gt_fields.heatmap_mask[level]
            total += (((found - target) ** 2) * mask).sum().item()
        wanted = total / maps.numel()
        assert losses[f'loss_heatmaps_{name}'].item() == pytest.approx(wanted, rel=1e-5)


def test_tag_losses_by_hand():
    """Two people with tags (1, 3, -) and (0, 0, 0): the third joint of the first is not seen."""
    head = HigherHRNetHead(8, K)
    tags = torch.zeros(2, K, 2, 2)
    tags[0, 0, 0, 1], tags[0, 1, 1, 0], tags[0, 2, 1, 1] = 1.0, 3.0, 99.0
    people = [[[1, 1], [2, 1], [3, 0]], [[0, 1], [0, 1], [0, 1]]]
    nobody = [[[0, 0]] * K]
    batch = [sample(*blank(), people), sample(*blank(), nobody)]
    outputs = (torch.cat((torch.zeros(2, K, 2, 2), tags), 1), torch.zeros(2, K, 4, 4))
    head.forward = lambda feats: outputs
    losses = head.loss([], batch)
    # Means 2 and 0. Pull: mean of (1 - 2)^2 and (3 - 2)^2, over two people. Push: both pairs and
    # each with itself, half of it, over the two pairs. Both over two images, one of them empty.
    pull = (1.0 + 0.0) / 2
    push = 0.5 * (2 * math.exp(-4.0) + 2) / 2
    assert losses['loss_pull'].item() == pytest.approx(0.001 * pull / 2, rel=1e-5)
    assert losses['loss_push'].item() == pytest.approx(0.001 * push / 2, rel=1e-5)
    theirs = MODELS.build(LOSS)
    indices = [torch.tensor(people), torch.tensor(nobody)]
    assert [losses['loss_pull'] * 2, losses['loss_push'] * 2] == list(theirs(tags, indices))


def blank(size=2):
    return (
        [np.zeros((K, s, s)) for s in (size, 2 * size)],
        [np.ones((s, s), bool) for s in (size, 2 * size)],
    )


def test_the_loss_is_a_mean_over_images(head):
    """The factor 0.001 must not depend on how many images a GPU gets."""
    batch, feats = samples(num=1), torch.rand(1, 8, 4, 4)
    head.eval()
    once = head.loss([feats], batch)
    twice = head.loss([feats.repeat(2, 1, 1, 1)], batch * 2)
    for name, value in once.items():
        assert twice[name].item() == pytest.approx(value.item(), rel=1e-5)


def test_masked_areas_get_no_gradient(head):
    batch = samples()
    outputs = tuple(x.detach().requires_grad_() for x in head([torch.rand(2, 8, 4, 4)]))
    head.forward = lambda feats: outputs
    losses = head.loss([], batch)
    sum(v for k, v in losses.items() if 'heatmaps' in k).backward()
    for level, maps in enumerate((outputs[0][:, :K], outputs[1])):
        gradient = (outputs[0].grad[:, :K], outputs[1].grad)[level]
        for n, image in enumerate(batch):
            mask = image.gt_fields.heatmap_mask[level].expand_as(maps[n])
            assert (gradient[n][~mask] == 0).all()
            assert (gradient[n][mask] != 0).all()
    assert (outputs[0].grad[:, K:] == 0).all()


def test_starts_like_other_heads_of_heat_maps():
    head = HigherHRNetHead(32, 17)
    head.init_weights()
    for layer in (head.final_layers[0], head.upsample[0], head.blocks[0].conv1):
        assert 0.0008 < layer.weight.std() < 0.0012


def test_pictures_of_one_batch_have_one_size(head):
    batch = [PoseDataSample(metainfo={'img_shape': s}) for s in ((64, 64), (64, 128))]
    with raises(got=[(64, 64), (64, 128)], hint='set batch_size=1'):
        head.predict([torch.rand(2, 8, 16, 16)], batch)
    with raises(where='HigherHRNetHead.decoder', got=None):
        head.predict([torch.rand(1, 8, 16, 16)], batch[:1])
