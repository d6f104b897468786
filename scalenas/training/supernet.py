"""SuperNet: any task model with a supernet as backbone, trained one sampled sub-net at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas import sampling
from scalenas.arch.strict import as_choice
from scalenas.config import ConfigError
from scalenas.models import Supernet, is_supernet, supernet_types
from scalenas.registry import MODELS

from .distillation import Distillation, FrozenTeacher
from .errors import TrainingError
from .start import Start
from .tap import check_tap, tapped


@MODELS.register_module()
class SuperNet(BaseModel):
    """Wraps a task model; each training step runs the sub-nets that the sampler names.

    The preprocessor, losses, metrics and prediction are the task model's. All sub-nets of a step
    run inside one `forward(mode='loss')` and their losses are summed, so mmengine's `train_step`
    and its MMDistributedDataParallel work as they are. Losses of the second, third ... sub-net
    are named `net1.`, `net2.` ...; the distillation loss is `loss_kd`.

    `inactive` says what an optimizer does to weights that no sub-net of the step used. 'skip':
    nothing, their gradient is None. 'decay': their gradient is zero, so that momentum and weight
    decay still move them, as with PyTorch 1.1 in the authors' code. Both hold with and without
    DDP; 'skip' needs `find_unused_parameters=True` there, 'decay' does not.

    `init_from` is the checkpoint of another SuperNet of the same space, usually the teacher:
    a path, or `dict(checkpoint=..., made_by='the command that makes it')`.

    Source: ScaleNAS (Cheng et al. 2020), sections 3.3 and 3.4.
    """

    def __init__(
        self,
        architecture: dict[str, Any],
        sampler: Mapping[str, Any],
        distillation: Mapping[str, Any] | None = None,
        inactive: Literal['skip', 'decay'] = 'skip',
        init_from: str | Mapping[str, Any] | None = None,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        if data_preprocessor is not None:
            architecture = {'data_preprocessor': data_preprocessor, **architecture}
        model = MODELS.build(architecture)
        super().__init__(model.data_preprocessor, init_cfg)
        self.architecture: BaseModel = model
        self._backbone_name = _find_backbone(model)
        self.inactive = as_choice(inactive, 'inactive', ('skip', 'decay'))
        self.sampler = sampling.from_dict(sampler, self.backbone.space)
        self.start = Start.from_config(init_from)
        self.distillation = None if distillation is None else Distillation.from_dict(distillation)
        # Kept in a tuple: as an attribute it would become a submodule.
        self._teacher: tuple[FrozenTeacher, ...] = ()
        if self.distillation is not None:
            self._check_distillation(self.distillation)

    @property
    def backbone(self) -> Supernet:
        """The supernet inside the task model."""
        found = self.architecture.get_submodule(self._backbone_name)
        assert is_supernet(found)
        return found

    def active(self, arch: Any) -> AbstractContextManager[Supernet]:
        """While open, the task model runs with this sub-net."""
        return self.backbone.active(arch)

    def init_weights(self) -> None:
        """Initialize, then load `init_from` and set the frozen teacher up."""
        super().init_weights()
        if self.start is not None:
            self.start.load_into(self, self.backbone.space)
        wanted = self.distillation
        if wanted is not None and wanted.teacher == 'frozen':
            teacher = FrozenTeacher(self.architecture, wanted.tap)
            if wanted.checkpoint is not None:
                Start(wanted.checkpoint, 'distillation.teacher.checkpoint').load_into(
                    teacher.model, self.backbone.space, 'architecture.'
                )
            self._teacher = (teacher,)

    def forward(
        self, inputs: Tensor, data_samples: list[Any] | None = None, mode: str = 'tensor'
    ) -> Any:
        """As the task model's; in mode 'loss' over the sub-nets of the current iteration."""
        if mode != 'loss':
            return self.architecture(inputs, data_samples, mode=mode)
        archs = self.sampler.archs(_current_iteration())
        targets = [t.targets(inputs, data_samples) for t in self._ready_teacher()]
        losses: dict[str, Any] = {}
        for k, arch in enumerate(archs):
            for name, value in self._losses_of(arch, inputs, data_samples, targets).items():
                losses[f'net{k}.{name}' if k else name] = value
        if self.inactive == 'decay':
            # A zero that depends on every weight gives each a zero gradient, under DDP too.
            used = [p.sum() for p in self.backbone.parameters() if p.requires_grad]
            losses['loss_inactive'] = 0.0 * torch.stack(used).sum()
        return losses

    def _losses_of(
        self, arch: Any, inputs: Tensor, samples: Any, targets: list[list[Tensor]]
    ) -> dict[str, Any]:
        wanted = self.distillation
        if wanted is None:
            with self.active(arch):
                return self.architecture(inputs, samples, mode='loss')
        with self.active(arch), tapped(self.architecture, wanted.tap) as outputs:
            losses = dict(self.architecture(inputs, samples, mode='loss'))
        if not outputs:
            raise ConfigError(
                f'distillation.tap: {wanted.tap!r} did not run in a training step; '
                'name a layer that computes the logits, such as decode_head.conv_seg'
            )
        if targets:
            losses['loss_kd'] = wanted.loss(outputs, targets[0], samples)
        else:
            # In place: the first net of the step, the largest, teaches those after it.
            targets.append([output.detach() for output in outputs])
        return losses

    def _ready_teacher(self) -> tuple[FrozenTeacher, ...]:
        wanted = self.distillation
        if wanted is not None and wanted.teacher == 'frozen' and not self._teacher:
            raise TrainingError('the frozen teacher has no weights yet: call init_weights() first')
        return self._teacher

    def _check_distillation(self, wanted: Distillation) -> None:
        check_tap(self.architecture, wanted.tap)
        if wanted.teacher == 'inplace' and not self.sampler.largest_first:
            raise ConfigError(
                "distillation.teacher: 'inplace' needs a sampler that trains the largest net in "
                "every step, such as dict(type='sandwich'); use a frozen teacher otherwise"
            )
        if wanted.teacher == 'frozen' and wanted.checkpoint is None and self.start is None:
            raise ConfigError(
                'distillation.teacher: a frozen teacher needs trained weights; give '
                'model.init_from, or model.distillation.teacher.checkpoint'
            )

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        """Moves the teacher along with the model (`to`, `cuda`, `half` ... all end here)."""
        for teacher in self._teacher:
            teacher.model._apply(fn, recurse)
        return super()._apply(fn, recurse)


def _find_backbone(model: nn.Module) -> str:
    names = [name for name, m in model.named_modules() if is_supernet(m)]
    if len(names) != 1:
        raise ConfigError(
            'model.architecture: expected exactly one supernet inside, such as '
            f'backbone=dict(type={supernet_types()}), found {len(names)}'
        )
    return names[0]


def _current_iteration() -> int:
    iteration = MessageHub.get_current_instance().get_info('iter')
    if iteration is None:
        raise TrainingError(
            'which iteration is it? Train with a Runner of mmengine, or say it yourself: '
            "MessageHub.get_current_instance().update_info('iter', i)"
        )
    return int(iteration)
