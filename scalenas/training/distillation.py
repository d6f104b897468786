"""Distillation: each sub-net is pulled towards the logits or heatmaps of the largest net.

The teacher is either frozen (a copy of the largest net with trained weights) or in place (the
largest net of the same step, detached).

Source: ScaleNAS (Cheng et al. 2020), section 3.3; BigNAS (Yu et al. 2020), section 3.1.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas.arch.strict import as_choice, as_mapping, suggest
from scalenas.config import ConfigError

from .losses import kept_positions, masked_mse, weighted_mse
from .tap import tapped

TEACHERS = ('frozen', 'inplace')


@dataclass(frozen=True)
class Distillation:
    """What is compared, and with whom: `weight * MSE(tap of the sub-net, tap of the teacher)`.

    `tap` names the module whose output is compared, e.g. 'decode_head.conv_seg' (logits before
    they are upsampled, as in the authors' code). `weight` is 1 in the paper, 0.5 in the authors'
    code. Where samples carry a label map, positions labelled `ignore_index` do not count.
    `use_target_weight`: each joint's heatmap counts with the weight that mmpose's KeypointMSELoss
    gives it, zero for joints without annotation; the mean is over all heatmaps, as there.
    `checkpoint` holds a frozen teacher's weights; None: those that the supernet starts from.

    Raises:
        ConfigError: for values that are not allowed.
    """

    tap: str
    weight: float = 1.0
    teacher: str = 'frozen'
    checkpoint: str | None = None
    ignore_index: int = 255
    use_target_weight: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.use_target_weight, bool):
            raise ConfigError(
                'distillation.use_target_weight: expected True or False, got '
                f'{self.use_target_weight!r}'
            )
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float):
            raise ConfigError(f'distillation.weight: expected a number, got {self.weight!r}')
        if self.weight <= 0:
            raise ConfigError(
                f'distillation.weight: expected > 0, got {self.weight}; '
                'for no distillation write distillation=None'
            )
        if self.teacher == 'inplace' and self.checkpoint is not None:
            raise ConfigError("distillation.teacher: 'inplace' has no checkpoint")

    @classmethod
    def from_dict(cls, data: object) -> Distillation:
        """From a config: `dict(tap=..., weight=1.0, teacher=dict(type='frozen', checkpoint=...))`.

        `teacher` may also be a plain word, 'frozen' or 'inplace'.
        """
        allowed = ('weight', 'teacher', 'ignore_index', 'use_target_weight')
        table = dict(as_mapping(data, 'distillation', ('tap',), allowed))
        teacher = table.pop('teacher', 'frozen')
        if isinstance(teacher, Mapping):
            for key in teacher:
                if key not in ('type', 'checkpoint'):
                    raise ConfigError(
                        f'distillation.teacher: unknown key {key!r} (allowed: type, checkpoint)'
                        f'{suggest(key, ("type", "checkpoint"))}'
                    )
            table['checkpoint'] = teacher.get('checkpoint')
            teacher = teacher.get('type', 'frozen')
        table['teacher'] = as_choice(teacher, 'distillation.teacher', TEACHERS)
        return cls(**table)

    def loss(self, outputs: Sequence[Tensor], targets: Sequence[Tensor], samples: object) -> Tensor:
        """The weighted loss over all outputs of the tap (several where it runs several times)."""
        assert len(outputs) == len(targets) > 0, (len(outputs), len(targets))
        labels = label_maps(samples)
        joints = keypoint_weights(samples) if self.use_target_weight else None
        total = outputs[0].new_zeros((), dtype=torch.float32)
        for output, target in zip(outputs, targets, strict=True):
            if joints is not None:
                total = total + weighted_mse(output, target.detach(), joints)
                continue
            keep = None
            if labels is not None and output.dim() == 4:
                keep = kept_positions(labels, output.shape[2:], self.ignore_index)
            total = total + masked_mse(output, target.detach(), keep)
        return self.weight * total / len(outputs)


class FrozenTeacher:
    """A copy of the task model, in eval mode, that learns nothing and is saved nowhere.

    It is no submodule of anything: neither state dicts, nor optimizers, nor DDP see it.
    """

    def __init__(self, model: BaseModel, tap: str) -> None:
        self.model: nn.Module = copy.deepcopy(model).eval().requires_grad_(False)
        self.tap = tap

    def targets(self, inputs: Tensor, samples: object) -> list[Tensor]:
        """The outputs of the tap for a batch."""
        with torch.no_grad(), tapped(self.model, self.tap) as outputs:
            self.model(inputs, samples, mode='tensor')
        return outputs


def label_maps(samples: object) -> Tensor | None:
    """(N, 1, H, W) label maps where the samples carry them, as in segmentation."""
    if not isinstance(samples, Sequence) or not samples:
        return None
    if not all('gt_sem_seg' in sample for sample in samples):
        return None
    maps: list[Any] = [sample.gt_sem_seg.data for sample in samples]
    return torch.stack(maps)


def keypoint_weights(samples: object) -> Tensor:
    """(N, K) weights of the joints, as mmpose's heads hand them to their loss.

    Raises:
        ConfigError: when the samples carry none.
    """
    found = samples if isinstance(samples, Sequence) else ()
    labels = [sample.get('gt_instance_labels') for sample in found]
    if not labels or not all(part is not None and 'keypoint_weights' in part for part in labels):
        raise ConfigError(
            'distillation.use_target_weight: the samples carry no keypoint weights, which the '
            'GenerateTarget of a top-down pose pipeline gives them; leave it out for other tasks'
        )
    return torch.cat([part.keypoint_weights for part in labels])
