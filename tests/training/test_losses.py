"""OHEM against mmseg's port of HRNet's, which heads there cannot use."""

import pytest
import torch
from mmseg.models.losses import OhemCrossEntropy

from scalenas.training import OHEMCrossEntropy
from scalenas.training.losses import ohem_cross_entropy


def example(seed, scale):
    rng = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, 5, 16, 16, generator=rng, dtype=torch.float64)
    labels = torch.randint(0, 5, (2, 16, 16), generator=rng)
    labels[:, :3] = 255
    return logits.requires_grad_(), labels


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize(('threshold', 'min_kept'), [(0.9, 50), (0.1, 50), (0.3, 400), (0.9, 9999)])
def test_equals_hrnets(seed, threshold, min_kept):
    weight = [0.5, 1.0, 2.0, 1.5, 0.7]
    ours, labels = example(seed, 3.0)
    theirs = ours.detach().clone().requires_grad_()
    a = OHEMCrossEntropy(threshold, min_kept, weight)(ours, labels, ignore_index=255)
    b = OhemCrossEntropy(255, threshold, min_kept, class_weight=weight)(theirs, labels)
    torch.testing.assert_close(a, b, rtol=1e-10, atol=0)
    a.backward()
    b.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-14)


def test_hard_pixels_alone_count():
    """Three easy pixels and a hard one: the loss is the hard one's."""
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 1.0]]).T.reshape(1, 2, 1, 4)
    labels = torch.zeros(1, 1, 4, dtype=torch.long)
    hard = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 1.0]]), torch.tensor([0]))
    torch.testing.assert_close(ohem_cross_entropy(logits, labels, 0.9, 1), hard)


def test_nothing_to_learn_is_zero_not_nan():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = ohem_cross_entropy(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0
    sure = torch.zeros(1, 3, 4, 4)
    sure[:, 0] = 50.0
    assert ohem_cross_entropy(sure, torch.zeros(1, 4, 4, dtype=torch.long)).item() == 0
