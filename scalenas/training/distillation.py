"""Distillation: each sub-net is pulled towards the logits of the largest net.

The teacher is either frozen (a copy of the largest net with trained weights) or in place (the
largest net of the same step, detached).

Source: ScaleNAS (Cheng et al. 2020), section 3.3; BigNAS (Yu et al. 2020), section 3.1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas.arch.strict import as_choice, as_flag, as_mapping
from scalenas.errors import ConfigError
from scalenas.tasks import Task, task_of_samples

from .losses import kept_positions, masked_mse, soft_divergence, weighted_mse
from .tap import tapped

TEACHERS = ('frozen', 'inplace')
LOSSES = ('mse', 'kl')
LABELS = ('all', 'largest')
OWN = ('tap', 'checkpoint')
"""The key that must be there, and the one that stands inside `teacher`."""


@dataclass(frozen=True)
class Distillation:
    """What is compared, with whom, and who sees labels as well.

    `tap` names the module whose output is compared, e.g. 'decode_head.conv_seg' (logits before
    they are upsampled, as in the authors' code). `weight` is 1 in the papers, 0.5 in the code of
    ScaleNAS. `loss`: 'mse' of the logits (ScaleNAS), or 'kl' of their softmax over axis 1 at
    `temperature`, per position (BigNAS: 1.0).

    `labels`: 'all' sub-nets learn from labels too (ScaleNAS), or the 'largest' alone (BigNAS),
    which needs the teacher in place. The others then get samples without annotations.

    Where samples carry a label map, positions labelled `ignore_index` do not count; with None all
    do, and nothing of the label map reaches the comparison. A config that says nothing means 255,
    or None where labels are for the largest alone. `use_target_weight`: each joint's
    heatmap counts with the weight that mmpose's KeypointMSELoss gives it, zero for joints without
    annotation; the mean is over all heatmaps, as there.

    `checkpoint` holds a frozen teacher's weights; None: those that the supernet starts from.

    Raises:
        ConfigError: for values that are not allowed.
    """

    tap: str
    weight: float = 1.0
    teacher: str = 'frozen'
    checkpoint: str | None = None
    ignore_index: int | None = 255
    loss: str = 'mse'
    temperature: float | None = None
    labels: str = 'all'
    use_target_weight: bool = False

    def __post_init__(self) -> None:
        _check_positive('weight', self.weight, 'for no distillation write distillation=None')
        as_choice(self.loss, 'distillation.loss', LOSSES)
        as_choice(self.labels, 'distillation.labels', LABELS)
        if self.teacher == 'inplace' and self.checkpoint is not None:
            raise ConfigError(
                where='distillation.teacher.checkpoint',
                got=self.checkpoint,
                allowed="None with type='inplace'",
            )
        ignored = self.ignore_index
        if ignored is not None and (isinstance(ignored, bool) or not isinstance(ignored, int)):
            raise ConfigError(
                where='distillation.ignore_index', got=ignored, allowed='a whole number or None'
            )
        self._check_target_weight()
        if self.loss == 'kl':
            _check_positive('temperature', self.temperature, 'BigNAS has 1.0')
        elif self.temperature is not None:
            raise ConfigError(
                "has an effect only with loss='kl'",
                where='distillation.temperature',
                got=self.temperature,
                allowed=f'None with loss={self.loss!r}',
            )
        if self.labels == 'largest' and self.teacher != 'inplace':
            raise ConfigError(
                "labels='largest' needs a largest net that learns from the labels in every step",
                where='distillation.teacher',
                got=self.teacher,
                allowed="'inplace'",
            )

    def _check_target_weight(self) -> None:
        as_flag(self.use_target_weight, 'distillation.use_target_weight')
        if self.use_target_weight and (self.loss, self.labels) != ('mse', 'all'):
            raise ConfigError(
                'reads labels to weigh heatmaps',
                where='distillation.use_target_weight',
                got={'loss': self.loss, 'labels': self.labels},
                allowed="loss='mse' and labels='all' beside it",
            )

    @classmethod
    def from_dict(cls, data: object) -> Distillation:
        """From a config: `dict(tap=..., weight=1.0, teacher=dict(type='frozen', checkpoint=...))`.

        `teacher` may also be a plain word, 'frozen' or 'inplace'.
        """
        allowed = tuple(field.name for field in fields(cls) if field.name not in OWN)
        table = dict(as_mapping(data, 'distillation', ('tap',), allowed))
        teacher = table.pop('teacher', 'frozen')
        if isinstance(teacher, Mapping):
            as_mapping(teacher, 'distillation.teacher', (), ('type', 'checkpoint'))
            table['checkpoint'] = teacher.get('checkpoint')
            teacher = teacher.get('type', 'frozen')
        table['teacher'] = as_choice(teacher, 'distillation.teacher', TEACHERS)
        if table.get('labels') == 'largest':
            table.setdefault('ignore_index', None)  # where labels are missing is a label, too
        return cls(**table)

    def compare(
        self, outputs: Sequence[Tensor], targets: Sequence[Tensor], samples: object
    ) -> Tensor:
        """The mean loss over all outputs of the tap, weighted.

        There are several where it runs several times, or gives several feature maps.

        Raises:
            ConfigError: when the outputs cannot be compared.
        """
        if [output.shape for output in outputs] != [target.shape for target in targets]:
            ours, theirs = ([tuple(t.shape) for t in side] for side in (outputs, targets))
            raise ConfigError(
                f'the output of {self.tap!r} in a sub-net is of another shape',
                where='distillation.tap',
                got=ours,
                allowed=f'{theirs}, as in the teacher',
                hint='name a module whose output has one shape in all sub-nets',
            )
        task = task_of_samples(samples)
        given = samples if isinstance(samples, Sequence) else ()
        labels = None if self.ignore_index is None or not given else task.label_maps(given)
        joints = self._joint_weights(task, given) if self.use_target_weight else None
        total = outputs[0].new_zeros((), dtype=torch.float32)
        for output, target in zip(outputs, targets, strict=True):
            if joints is not None:
                total = total + weighted_mse(output, target.detach(), joints)
                continue
            keep = None
            if labels is not None and output.dim() == 4:
                assert self.ignore_index is not None
                keep = kept_positions(labels, output.shape[2:], self.ignore_index)
            total = total + self._distance(output, target.detach(), keep)
        return self.weight * total / len(outputs)

    def _joint_weights(self, task: Task, samples: Sequence[object]) -> Tensor:
        weights = task.joint_weights(samples) if samples else None
        if weights is None:
            raise ConfigError(
                'the samples carry no keypoint weights, which the GenerateTarget of a top-down '
                'pose pipeline gives them',
                where='distillation.use_target_weight',
                got=True,
                hint='leave it out for other tasks',
            )
        return weights

    def _distance(self, output: Tensor, target: Tensor, keep: Tensor | None) -> Tensor:
        if self.loss == 'mse':
            return masked_mse(output, target, keep)
        if output.dim() < 2 or output.shape[1] < 2:
            raise ConfigError(
                f"'kl' compares classes, and {self.tap!r} gives less than two",
                where='distillation.loss',
                got=tuple(output.shape),
                allowed='two or more channels on axis 1',
                hint="use loss='mse'",
            )
        assert self.temperature is not None
        return soft_divergence(output, target, self.temperature, keep)


class FrozenTeacher:
    """A copy of the task model, in eval mode, that learns nothing and is saved nowhere.

    It is no submodule of anything: neither state dicts, nor optimizers, nor DDP see it.
    """

    def __init__(self, model: BaseModel, tap: str) -> None:
        self.model: nn.Module = copy.deepcopy(model)
        # One by one: some models of the ecosystem give nothing back.
        self.model.eval()
        self.model.requires_grad_(False)
        self.tap = tap

    def targets(self, inputs: Tensor, samples: object) -> list[Tensor]:
        """The outputs of the tap for a batch."""
        with torch.no_grad(), tapped(self.model, self.tap) as outputs:
            self.model(inputs, samples, mode='tensor')
        return outputs


def _check_positive(name: str, value: object, hint: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(
            where=f'distillation.{name}', got=value, allowed='a number > 0', hint=hint
        )


def without_labels(samples: object) -> object:
    """The same samples with what describes the images (sizes, paths), and no annotation."""
    if not isinstance(samples, Sequence):
        return samples
    return [type(sample)(metainfo=sample.metainfo) for sample in samples]
