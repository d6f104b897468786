"""Who is regularized: dropout and weight decay of the largest net, or of every sub-net."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

DROP_NAMES = ('DropPath', 'DropBlock')
"""What ours, mmcv's, mmpretrain's and timm's are called."""


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Inside, dropout and drop path of `model` let everything through; their flags come back.

    Modules only: what calls `torch.nn.functional.dropout` by itself is not seen.
    """
    resting = [
        module
        for module in model.modules()
        if isinstance(module, _DropoutNd) or type(module).__name__ in DROP_NAMES
    ]
    before = [module.training for module in resting]
    for module in resting:
        module.training = False
    try:
        yield
    finally:
        for module, training in zip(resting, before, strict=True):
            module.training = training


def half_squares(weights: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares of all kernels: its gradient is what weight decay adds.

    Kernels are what has two axes or more; biases and norms are not decayed.
    """
    kernels = [weight for weight in weights if weight.dim() > 1 and weight.requires_grad]
    return 0.5 * torch.stack([kernel.square().sum() for kernel in kernels]).sum()


def keep_no_statistics(model: nn.Module) -> None:
    """Batch norms of `model` normalize by the batch in training, and remember nothing of it.

    Their running statistics stay what they are at the start; sub-nets are calibrated afterwards.

    Source: BigNAS (Yu et al. 2020), section 3.1, "batch norm calibration".
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            # With None the average would be cumulative, with 0.0 the old value keeps all weight.
            cast(nn.BatchNorm2d, module).momentum = 0.0
