"""A training step of several sub-nets: one backward for all, or one for each of them.

One backward for all needs nothing beyond mmengine, and keeps what every sub-net's backward needs
until the end. One for each keeps that of one sub-net at a time. The gradients are the same.

Source: BigNAS (Yu et al. 2020), section 3.1, "sandwich rule".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from scalenas.errors import ConfigError
from scalenas.registry import MODEL_WRAPPERS


class Step:
    """The sub-nets of one iteration, which of them the next forward runs, what the teacher gave.

    Not a container that DDP knows: it would hand a copy to the model.
    """

    def __init__(self, archs: Sequence[Any]) -> None:
        self.archs = tuple(archs)
        self.runs: Sequence[int] = range(len(self.archs))
        self.targets: list[Tensor] | None = None

    @property
    def ends(self) -> bool:
        """True when the next forward runs the last sub-net."""
        return self.runs[-1] == len(self.archs) - 1


def train_one_by_one(
    core: Any, model: nn.Module, data: Any, optim_wrapper: OptimWrapper
) -> dict[str, Tensor]:
    """Forward and backward of each sub-net in turn, then one update; the losses, for the log.

    `model` is the SuperNet `core`, or the DDP around it. Gradients of several processes are
    exchanged in the last backward, for all sub-nets: DDP is asked not to in the others.
    """
    step: Step = core.new_step()
    logs: dict[str, Tensor] = {}
    total = torch.zeros(())
    # mmengine counts backwards to know when to update, but here a step has several.
    count = optim_wrapper._inner_count
    for k in range(len(step.archs)):
        step.runs = (k,)
        with _unsynced(model, not step.ends), optim_wrapper.optim_context(model):
            if k == 0:
                data = core.data_preprocessor(data, True)
            losses = model(**data, mode='loss', step=step)
        loss, values = core.parse_losses(losses)
        if step.ends:
            optim_wrapper.update_params(loss)
        else:
            optim_wrapper.backward(optim_wrapper.scale_loss(loss))
            optim_wrapper._inner_count = count
        logs |= {name: value.detach() for name, value in values.items() if name != 'loss'}
        total = total.to(loss.device) + loss.detach()
        del losses, loss, values  # they hold the graph that the next sub-net must not find
    return {'loss': total, **logs}


def _unsynced(model: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    if wanted and isinstance(model, nn.parallel.DistributedDataParallel):
        context: AbstractContextManager[None] = model.no_sync()
        return context
    return nullcontext()


@MODEL_WRAPPERS.register_module()
class SuperNetDDP(MMDistributedDataParallel):
    """DDP around a SuperNet whose sub-nets have a backward each (`backward='each'`).

    Needs `find_unused_parameters=True`, unless `inactive='decay'`: the last sub-net of a step, in
    whose backward the gradients are exchanged, need not use all that the others used.

    Raises:
        ConfigError: around another model.
    """

    def __init__(self, module: BaseModel, **options: Any) -> None:
        if not hasattr(module, 'new_step'):
            raise ConfigError(
                where='model_wrapper_cfg: scalenas.SuperNetDDP',
                got=type(module).__name__,
                allowed='a model of type scalenas.SuperNet',
                hint='leave model_wrapper_cfg out',
            )
        super().__init__(module, **options)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """As SuperNet.train_step."""
        if self.module.backward == 'each':
            return train_one_by_one(self.module, self, data, optim_wrapper)
        result: dict[str, Tensor] = super().train_step(data, optim_wrapper)
        return result
