"""What samples say beside the pictures: label maps, weights of joints, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from scalenas.errors import ConfigError


def label_maps(samples: object) -> Tensor | None:
    """(N, 1, H, W) label maps where the samples carry them, as in segmentation."""
    if not isinstance(samples, Sequence) or not samples:
        return None
    if not all('gt_sem_seg' in sample for sample in samples):
        return None
    maps: list[Any] = [sample.gt_sem_seg.data for sample in samples]
    return torch.stack(maps)


def without_labels(samples: object) -> object:
    """The same samples with what describes the pictures (sizes, paths), and no annotation."""
    if not isinstance(samples, Sequence):
        return samples
    return [type(sample)(metainfo=sample.metainfo) for sample in samples]


def keypoint_weights(samples: object) -> Tensor:
    """(N, K) weights of the joints, as mmpose's heads hand them to their loss.

    Raises:
        ConfigError: when the samples carry none.
    """
    found = samples if isinstance(samples, Sequence) else ()
    labels = [sample.get('gt_instance_labels') for sample in found]
    if not labels or not all(part is not None and 'keypoint_weights' in part for part in labels):
        raise ConfigError(
            'the samples carry no keypoint weights',
            where='distillation.use_target_weight',
            got=True,
            allowed='False but for top-down pose, whose GenerateTarget gives them',
        )
    return torch.cat([part.keypoint_weights for part in labels])
