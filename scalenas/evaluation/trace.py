"""What a built torch model costs, read off the operators that run: the check on the layer plan."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from scalenas.arch import Size
from scalenas.arch.strict import as_channels, as_size
from scalenas.complexity import Cost
from scalenas.errors import EvaluationError
from scalenas.tasks import task_of_model

from .operators import CONVOLUTIONS, formula_of, is_free


def trace(
    model: nn.Module,
    size: Size,
    in_channels: int = 3,
    skip: Collection[nn.Module] = (),
) -> Cost:
    """Cost of what an image of `size` runs through in `model`, without computing it.

    Multiply-adds of convolutions, linear layers and products of matrices, called as modules or as
    functions; parameters that are read, of a slice its part, once each; output values of
    convolutions. Modules inside `skip` run but are not counted.

    Raises:
        EvaluationError: for an operator that nobody knows how to count, a model that looks at
            values, which a run without values does not have, or one that takes no such images.
    """
    size, in_channels = as_size(size, 'size'), as_channels(in_channels, 'in_channels')
    scripted = [name for name, m in model.named_modules() if isinstance(m, torch.jit.ScriptModule)]
    if scripted:
        raise EvaluationError(
            'a scripted module does not show what it computes',
            where=f'cost of {scripted[0] or "the model"}',
            hint='count the module that it was made of',
        )
    weights = {id(p): nn.Parameter(p.to('meta'), p.requires_grad) for p in model.parameters()}
    twins = {id(b): b.to('meta') for b in model.buffers()}
    # A deep copy whose memo already holds all tensors: structure is copied, weights are not.
    memo: dict[int, Any] = {**weights, **twins}
    names = [name for outer in skip for name, module in model.named_modules() if module is outer]
    ghost = copy.deepcopy(model, memo)
    ghost.eval()  # of some backbones it returns None
    meter = _Meter({_storage(p): (p.numel(), name) for name, p in ghost.named_parameters()})
    for name in names:
        module = ghost.get_submodule(name)
        module.register_forward_pre_hook(meter.enter)
        module.register_forward_hook(meter.leave, always_call=True)
    for name, module in ghost.named_modules():
        module.register_forward_pre_hook(meter.named(name))
    kinds = (p.dtype for p in weights.values() if p.is_floating_point())
    image = torch.empty(1, in_channels, *size, device='meta', dtype=next(kinds, torch.float32))
    try:
        with torch.no_grad(), meter:
            if isinstance(ghost, BaseModel):
                task_of_model(ghost).raw_outputs(ghost, image)
            else:
                ghost(image)
    except RuntimeError as error:
        line = ' '.join(str(error).split())[:200]
        if 'meta' not in str(error).lower():
            raise EvaluationError(
                f'cannot be run: {line}',
                where=f'cost of {meter.place()}',
                hint=f'does it take images of {size} in {in_channels} channels?',
            ) from error
        raise EvaluationError(
            f'cannot be run without values: {line}',
            where=f'cost of {meter.place()}',
            hint='give the module in `skip`, or count it by itself',
        ) from None
    return meter.cost()


class _Meter(TorchDispatchMode):
    """Adds up every operator that runs while it is on."""

    def __init__(self, parameters: Mapping[int, tuple[int, str]]) -> None:
        super().__init__()
        self.skipping = 0
        self._macs = self._acts = 0
        self._parameters = parameters
        self._read: dict[int, dict[tuple[Any, ...], int]] = {}
        self._module = ''

    def enter(self, *_: Any) -> None:
        self.skipping += 1

    def leave(self, *_: Any) -> None:
        self.skipping -= 1

    def named(self, name: str) -> Any:
        """A hook that remembers which module was called last, for messages."""

        def called(module: nn.Module, _: Any) -> None:
            self._module = f'{name or "the model"} ({type(module).__name__})'

        return called

    def place(self) -> str:
        return self._module or 'the model'

    def cost(self) -> Cost:
        params = 0
        for storage, parts in self._read.items():
            # Parts that overlap, such as a kernel and its centre, are not more than the whole.
            params += min(self._parameters[storage][0], sum(parts.values()))
        return Cost(macs=self._macs, params=params, acts=self._acts)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.skipping and not func.is_view:
            self._note(args, kwargs)
        result = func(*args, **kwargs)
        if self.skipping:
            return result
        formula = formula_of(func)
        if formula is not None:
            self._macs += formula(*args, **kwargs, out_val=result) // 2
            if func.overloadpacket in CONVOLUTIONS:
                self._acts += result.numel()
        elif not is_free(func):
            name = func.overloadpacket._qualified_op_name
            raise EvaluationError(
                'is an operator that cannot be counted',
                where=f'cost of {self.place()}',
                got=name,
                allowed='convolutions, linear layers, products of matrices, attention, and what '
                'is free beside them',
                hint='give the module in `skip`, or its formula to '
                '`scalenas.evaluation.operators.MULTIPLYING`',
            )
        return result

    def _note(self, args: Any, kwargs: Any) -> None:
        """The parameters that an operator reads, of a view only its part."""
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor) and _storage(value) in self._parameters:
                part = (value.storage_offset(), tuple(sorted(value.shape)))
                self._read.setdefault(_storage(value), {})[part] = value.numel()


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
