"""SuperNet: any task model with a supernet as backbone, trained one sampled sub-net at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Literal

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from scalenas import sampling
from scalenas.arch.strict import as_choice, as_flag
from scalenas.errors import ConfigError, TrainingError
from scalenas.models import SuperLinear, Supernet, is_supernet, locate
from scalenas.registry import MODELS

from .checks import check_head
from .compiling import UnitCompiler
from .distillation import Distillation, FrozenTeacher, without_labels
from .regularization import half_squares, keep_no_statistics, without_dropout
from .start import Start
from .step import Step, train_one_by_one
from .tap import LOGITS, check_tap, tapped


@MODELS.register_module()
class SuperNet(BaseModel):
    """Wraps a task model; each training step runs the sub-nets that the sampler names.

    The preprocessor, losses, metrics and prediction are the task model's. Losses of the second,
    third ... sub-net of a step are named `net1.`, `net2.` ...; the distillation loss is `loss_kd`,
    and a loss that the task model calls `loss` is `loss_task`.

    `backward`: with 'summed' all sub-nets of a step run inside one `forward(mode='loss')` and
    their losses are summed, so mmengine's `train_step` and its MMDistributedDataParallel work as
    they are. With 'each' every sub-net has a backward of its own before the one update: the same
    gradients in less memory; several processes then need `scalenas.SuperNetDDP`.

    `inactive` says what an optimizer does to weights that no sub-net of the step used. 'skip':
    nothing, their gradient is None. 'decay': their gradient is zero, so that momentum and weight
    decay still move them, as with PyTorch 1.1 in the authors' code. Both hold with and without
    DDP; 'skip' needs `find_unused_parameters=True` there, 'decay' does not.

    `init_from` is the checkpoint of another SuperNet of the same space, usually the teacher:
    a path, or `dict(checkpoint=..., made_by='the command that makes it')`.

    `dropout`: of 'all' sub-nets, or of the 'largest' alone. `child_decay` adds to the loss of
    every other sub-net `child_decay / 2` times the squares of the kernels it uses: with the
    optimizer's weight decay, which acts once a step on all weights as on those of the largest
    net, every sub-net then is decayed. 0 is BigNAS. `track_norms=False`: batch norms keep no
    running statistics while training.

    `compile_units`: blocks, and whatever else sub-nets are made of, run compiled in training; True,
    or options of torch.compile such as `dict(backend=...)`. `channels_last`: weights and images lie
    in memory with the channels last, which convolutions of many devices prefer; checkpoints do not
    tell. Neither changes what is computed, but for the rounding.

    Source: ScaleNAS (Cheng et al. 2020), sections 3.3 and 3.4; BigNAS (Yu et al. 2020), 3.1.

    Raises:
        UserError: for values that are not allowed, or exclude each other.
    """

    def __init__(
        self,
        architecture: dict[str, Any],
        sampler: Mapping[str, Any],
        distillation: Mapping[str, Any] | None = None,
        inactive: Literal['skip', 'decay'] = 'skip',
        init_from: str | Mapping[str, Any] | None = None,
        backward: Literal['summed', 'each'] = 'summed',
        dropout: Literal['all', 'largest'] = 'all',
        child_decay: float = 0.0,
        track_norms: bool = True,
        compile_units: bool | Mapping[str, Any] = False,
        channels_last: bool = False,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(architecture, Mapping):
            raise ConfigError(
                where='model.architecture', got=architecture, allowed='a task model, dict(type=...)'
            )
        if data_preprocessor is not None:
            architecture = {'data_preprocessor': data_preprocessor, **architecture}
        model = MODELS.build(architecture)
        super().__init__(model.data_preprocessor, init_cfg)
        self.architecture: BaseModel = model
        self._backbone_name = locate(model, 'model.architecture')[0]
        check_head(model, self.backbone)
        self.inactive = as_choice(inactive, 'inactive', ('skip', 'decay'))
        self.sampler = sampling.from_dict(sampler, self.backbone.space)
        self.start = Start.from_config(init_from)
        self.backward = as_choice(backward, 'backward', ('summed', 'each'))
        self.dropout = as_choice(dropout, 'dropout', ('all', 'largest'))
        self.child_decay = _decay(child_decay)
        self._check_largest()
        self.track_norms = as_flag(track_norms, 'model.track_norms')
        if not self.track_norms:
            keep_no_statistics(model)
        self._compiler = UnitCompiler.from_config(compile_units, self.backbone)
        self.channels_last = as_flag(channels_last, 'model.channels_last')
        self.distillation = None if distillation is None else Distillation.from_dict(distillation)
        # Kept in a tuple: as an attribute it would become a submodule.
        self._teacher: tuple[FrozenTeacher, ...] = ()
        self.message_hub: MessageHub | None = None
        """That of the run, which counts its iterations; None: the one that was made last."""
        if self.distillation is not None:
            self._check_distillation(self.distillation)
        if self.channels_last:
            self.to(memory_format=torch.channels_last)

    @property
    def backbone(self) -> Supernet[Any]:
        """The supernet inside the task model."""
        backbone = self.architecture.get_submodule(self._backbone_name)
        assert is_supernet(backbone)
        return backbone

    @property
    def compiles(self) -> bool:
        """True when its units run compiled in training."""
        return self._compiler is not None

    def active(self, arch: Any) -> AbstractContextManager[Supernet[Any]]:
        """While open, the task model runs with this sub-net."""
        return self.backbone.active(arch)

    def init_weights(self) -> None:
        """Initialize, then load `init_from` and set the frozen teacher up."""
        if self.channels_last:
            # Random numbers fill memory in its order: the same seed gives the same weights.
            self.to(memory_format=torch.contiguous_format)
        super().init_weights()
        if self.channels_last:
            self.to(memory_format=torch.channels_last)
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

    def new_step(self) -> Step:
        """The sub-nets of the current iteration."""
        return Step(self.sampler.archs(_current_iteration(self.message_hub)))

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One update from all sub-nets of the iteration; the losses, for the log."""
        if self.backward == 'each':
            return train_one_by_one(self, self, data, optim_wrapper)
        logs: dict[str, Tensor] = super().train_step(data, optim_wrapper)
        return logs

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[Any] | None = None,
        mode: str = 'tensor',
        step: Step | None = None,
    ) -> Any:
        """As the task model's; in mode 'loss' over the sub-nets of the current iteration.

        `step` names those that run; by default all.
        """
        if self.channels_last and isinstance(inputs, Tensor) and inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if mode != 'loss':
            return self.architecture(inputs, data_samples, mode=mode)
        step = step or self.new_step()
        if step.targets is None:
            for teacher in self._ready_teacher():
                step.targets = teacher.targets(inputs, data_samples)
        losses: dict[str, Any] = {}
        for k in step.runs:
            for name, value in self._losses_of(step, k, inputs, data_samples).items():
                # mmengine logs the total as 'loss', which mmpretrain's only loss would hide.
                own = 'loss_task' if name == 'loss' else name
                losses[f'net{k}.{own}' if k else own] = value
        if self.inactive == 'decay' and step.ends:
            # A zero that depends on every weight gives each a zero gradient, under DDP too. Heads
            # count: a child that sees no labels does not run the auxiliary ones.
            used = [p.sum() for p in self.architecture.parameters() if p.requires_grad]
            losses['loss_inactive'] = 0.0 * torch.stack(used).sum()
        return losses

    def _losses_of(self, step: Step, k: int, inputs: Tensor, samples: Any) -> dict[str, Any]:
        arch, wanted = step.archs[k], self.distillation
        largest = k == 0 and self.sampler.largest_first
        blind = wanted is not None and wanted.labels == 'largest' and not largest
        losses: dict[str, Any] = {}
        with ExitStack() as stack:
            backbone = stack.enter_context(self.active(arch))
            if self._compiler is not None:
                stack.enter_context(self._compiler.running(backbone))
            if self.dropout == 'largest' and not largest:
                stack.enter_context(without_dropout(self.architecture))
            if wanted is not None:
                outputs = stack.enter_context(tapped(self.architecture, wanted.tap))
            if blind:
                self.architecture(inputs, without_labels(samples), mode='tensor')
            else:
                losses.update(self.architecture(inputs, samples, mode='loss'))
            if self.child_decay and not largest:
                losses['loss_decay'] = self.child_decay * half_squares(self._weights_of(arch))
        if wanted is not None and not outputs:
            raise ConfigError(
                'did not run in a training step',
                where='distillation.tap',
                got=wanted.tap,
                hint=LOGITS,
            )
        if wanted is not None and step.targets is not None:
            losses['loss_kd'] = wanted.compare(outputs, step.targets, samples)
        elif wanted is not None:
            # In place: the first net of the step, the largest, teaches those after it.
            step.targets = [output.detach() for output in outputs]
        return losses

    def _weights_of(self, arch: Any) -> list[Tensor]:
        """All that a sub-net runs: its parts of the supernet, and everything around that."""
        backbone = self.backbone
        own = dict(backbone.named_parameters())
        parts = [part.of(own) for part in backbone.slices(arch).values() if part.key in own]
        seen = {id(p) for p in own.values()}
        for module in self.architecture.modules():
            if isinstance(module, SuperLinear):
                parts.append(module.weight[:, : backbone.out_channels[-1]])
                seen.add(id(module.weight))
        return [*parts, *(p for p in self.architecture.parameters() if id(p) not in seen)]

    def _ready_teacher(self) -> tuple[FrozenTeacher, ...]:
        wanted = self.distillation
        if wanted is not None and wanted.teacher == 'frozen' and not self._teacher:
            raise TrainingError(
                'the frozen teacher has no weights yet', hint='call init_weights() first'
            )
        return self._teacher

    def _check_largest(self) -> None:
        """What treats the largest net apart needs a sampler that trains it in every step."""
        if self.sampler.largest_first:
            return
        if self.dropout == 'largest':
            raise _needs_the_largest('model.dropout', self.dropout)
        if self.child_decay:
            raise _needs_the_largest('model.child_decay', self.child_decay)

    def _check_distillation(self, wanted: Distillation) -> None:
        check_tap(self.architecture, wanted.tap)
        if wanted.teacher == 'inplace' and not self.sampler.largest_first:
            raise _needs_the_largest('distillation.teacher', wanted.teacher)
        if wanted.teacher == 'frozen' and wanted.checkpoint is None and self.start is None:
            raise ConfigError(
                'needs trained weights',
                where='distillation.teacher',
                got=wanted.teacher,
                hint='give model.init_from, or model.distillation.teacher.checkpoint',
            )

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        """Moves the teacher along with the model (`to`, `cuda`, `half` ... all end here)."""
        for teacher in self._teacher:
            teacher.model._apply(fn, recurse)
        result: nn.Module = super()._apply(fn, recurse)
        return result


def _needs_the_largest(where: str, got: object) -> ConfigError:
    return ConfigError(
        'needs a sampler that trains the largest net in every step',
        where=where,
        got=got,
        hint="set model.sampler=dict(type='sandwich'), or another such",
    )


def _decay(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(
            where='model.child_decay', got=value, allowed='a number from 0 to below 1'
        )
    return float(value)


def _current_iteration(hub: MessageHub | None) -> int:
    iteration = (hub or MessageHub.get_current_instance()).get_info('iter')
    if iteration is None:
        raise TrainingError(
            'the number of the iteration is not known',
            where='MessageHub: iter',
            hint='train with a Runner of mmengine, or say it: '
            "MessageHub.get_current_instance().update_info('iter', i)",
        )
    return int(iteration)
