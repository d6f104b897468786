"""A loss for heatmaps that learns within minutes, where squared errors take days."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scalenas.registry import MODELS


def spatial_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy between two distributions over the pixels of each heatmap.

    `logits`, `target`: (N, K, H, W); a soft-max over all H * W pixels turns the logits into a
    distribution, a division by its sum the target. `weights`: (N, K). The mean over the joints
    by their weights; a joint of weight 0, or without any target (outside the picture), counts
    nowhere. In at least float32.

    Source: the classification of SimCC (Li et al. 2022, section 3.2) over both axes at once.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    flat, wanted = logits.flatten(2).to(precision), target.flatten(2).to(precision)
    mass = wanted.sum(2)
    counted = weights.to(precision) * (mass > 0)
    tiny = torch.finfo(precision).tiny
    wanted = wanted / mass.clamp(min=tiny)[..., None]
    losses = -(wanted * F.log_softmax(flat, dim=2)).sum(2)
    # A multiplication would let a non-finite joint of weight 0 through.
    losses = losses.masked_fill(counted == 0, 0.0)
    return (losses * counted).sum() / counted.sum().clamp(min=tiny)


@MODELS.register_module()
class SpatialCrossEntropyLoss(nn.Module):
    """`spatial_cross_entropy` as `loss` of mmpose's HeatmapHead.

    The head then gives logits: their peak is the joint, their height is no probability.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, target_weights: Tensor) -> Tensor:
        """The weighted loss of heatmaps (N, K, H, W) with joint weights (N, K)."""
        return self.loss_weight * spatial_cross_entropy(output, target, target_weights)
