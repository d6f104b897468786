"""Losses of distillation, as pure functions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_mse(output: Tensor, target: Tensor, keep: Tensor | None = None) -> Tensor:
    """Mean squared difference over all channels of the kept positions.

    `output`, `target`: (N, C, ...); `keep`: (N, 1, ...), True where a position counts. Computed in
    float32 whatever the precision of the inputs; zero where nothing is kept.

    Source: ScaleNAS (Cheng et al. 2020), section 3.3.
    """
    squared = (output.float() - target.float()) ** 2
    if keep is None:
        return squared.mean()
    count = keep.sum() * output.shape[1]
    # A multiplication would let a non-finite ignored position through.
    return squared.masked_fill(~keep, 0.0).sum() / count.clamp(min=1)


def kept_positions(labels: Tensor, size: torch.Size, ignore_index: int) -> Tensor:
    """Where the label map, brought to the logits' size, is not `ignore_index`.

    `labels`: (N, 1, H, W) -> (N, 1, h, w), nearest.
    """
    small = F.interpolate(labels.float(), size=tuple(size), mode='nearest')
    return small != ignore_index
