"""Losses that no package of the ecosystem has: distillation, OHEM and joints as HRNet has them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scalenas.arch.strict import as_fraction, as_int
from scalenas.registry import MODELS


def masked_mse(output: Tensor, target: Tensor, keep: Tensor | None = None) -> Tensor:
    """Mean squared difference over all channels of the kept positions.

    `output`, `target`: (N, C, ...); `keep`: (N, 1, ...), True where a position counts. Computed in
    at least float32 whatever the precision of the inputs; zero where nothing is kept.

    Source: ScaleNAS (Cheng et al. 2020), section 3.3.
    """
    precision = torch.promote_types(output.dtype, torch.float32)
    squared = (output.to(precision) - target.to(precision)) ** 2
    if keep is None:
        return squared.mean()
    count = keep.sum() * output.shape[1]
    # A multiplication would let a non-finite ignored position through.
    return squared.masked_fill(~keep, 0.0).sum() / count.clamp(min=1)


def soft_divergence(
    output: Tensor, target: Tensor, temperature: float = 1.0, keep: Tensor | None = None
) -> Tensor:
    """T^2 KL(softmax(target / T) || softmax(output / T)), the mean over the kept positions.

    `output`, `target`: (N, C, ...), classes on axis 1; `keep`: (N, 1, ...), True where a position
    counts. Its gradient is that of the cross entropy with soft labels; T^2 keeps the gradient's
    size. Computed in at least float32; zero where nothing is kept.

    Source: Hinton et al. 2015; BigNAS (Yu et al. 2020), section 3.1, "inplace distillation".
    """
    precision = torch.promote_types(output.dtype, torch.float32)
    ours = (output.to(precision) / temperature).log_softmax(1)
    theirs = (target.to(precision) / temperature).log_softmax(1)
    divergence = temperature**2 * (theirs.exp() * (theirs - ours)).sum(1, keepdim=True)
    if keep is None:
        return divergence.mean()
    return divergence.masked_fill(~keep, 0.0).sum() / keep.sum().clamp(min=1)


def weighted_mse(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over all values of the squared difference times the weight of its joint.

    `output`, `target`: (N, K, H, W); `weights`: (N, K). A joint of weight 0 adds nothing but is
    counted in the mean, as in mmpose's KeypointMSELoss. In at least float32.

    Source: ScaleNAS (Cheng et al. 2020), section 3.3.
    """
    precision = torch.promote_types(output.dtype, torch.float32)
    squared = (output.to(precision) - target.to(precision)) ** 2
    weights = weights.to(squared)[..., None, None]
    # A multiplication would let a non-finite joint of weight 0 through.
    return (squared.masked_fill(weights == 0, 0.0) * weights).mean()


def kept_positions(labels: Tensor, size: torch.Size, ignore_index: int) -> Tensor:
    """Where the label map, brought to the logits' size, is not `ignore_index`.

    `labels`: (N, 1, H, W) -> (N, 1, h, w), nearest.
    """
    small = F.interpolate(labels.float(), size=tuple(size), mode='nearest')
    return small != ignore_index


def ohem_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    threshold: float = 0.9,
    min_kept: int = 131072,
    class_weight: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """Cross entropy averaged over the hard pixels of the batch alone.

    Hard is a pixel whose true class has a probability below `threshold`; where fewer than
    `min_kept` pixels of the whole batch are, the `min_kept` least probable ones. mmseg's
    OHEMPixelSampler keeps `min_kept` per image and divides by all pixels, which makes the loss
    smaller the better the net is; HRNet and ScaleNAS divide by the kept ones.

    `logits`: (N, C, H, W); `labels`: (N, H, W).

    Source: HRNet (Wang et al. 2019), as in the authors' code.
    """
    losses = F.cross_entropy(
        logits, labels, weight=class_weight, ignore_index=ignore_index, reduction='none'
    )
    valid = labels != ignore_index
    if not valid.any():
        return losses.sum()  # zero, with a gradient
    with torch.no_grad():
        true_class = labels.masked_fill(~valid, 0).unsqueeze(1)
        probability = logits.softmax(1).gather(1, true_class).squeeze(1)[valid]
        rank = min(min_kept, probability.numel() - 1)
        bar = probability.kthvalue(rank + 1).values.clamp(min=threshold)
        hard = probability < bar
    return (losses[valid] * hard).sum() / hard.sum().clamp(min=1)


@MODELS.register_module()
class OHEMCrossEntropy(nn.Module):
    """`ohem_cross_entropy` as `loss_decode` of any mmseg head."""

    def __init__(
        self,
        threshold: float = 0.9,
        min_kept: int = 131072,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ohem',
    ) -> None:
        super().__init__()
        self.threshold = as_fraction(threshold, 'OHEMCrossEntropy.threshold')
        self.min_kept = as_int(min_kept, 'OHEMCrossEntropy.min_kept', 0)
        self.class_weight = None if class_weight is None else tuple(class_weight)
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self, logits: Tensor, labels: Tensor, weight: None = None, ignore_index: int = 255
    ) -> Tensor:
        """The weighted loss; `weight`, which mmseg passes on from a pixel sampler, must be None."""
        assert weight is None, 'OHEMCrossEntropy chooses the pixels itself: remove the sampler'
        weights = None if self.class_weight is None else logits.new_tensor(self.class_weight)
        return self.loss_weight * ohem_cross_entropy(
            logits, labels, self.threshold, self.min_kept, weights, ignore_index
        )


def spatial_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy between two distributions over the pixels of each heatmap.

    `logits`, `target`: (N, K, H, W); a soft-max over all H * W pixels turns the logits into a
    distribution, a division by its sum the target. `weights`: (N, K). The mean over the joints
    by their weights; a joint of weight 0, or without any target (outside the image), counts
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
