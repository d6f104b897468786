"""What a built torch model costs, read off the layers that run: the check on the layer plan."""

from __future__ import annotations

import copy
from collections.abc import Collection
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from scalenas.arch import Size
from scalenas.complexity import Cost

from .errors import EvaluationError
from .raw import raw_outputs

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


def trace(
    model: nn.Module,
    size: Size,
    in_channels: int = 3,
    skip: Collection[nn.Module] = (),
) -> Cost:
    """Cost of the layers of `model` that an image of `size` runs through, without computing it.

    Multiply-adds of convolutions and linear layers; parameters of everything that runs, once
    each; output values of convolutions. Modules inside `skip` run but are not counted.

    Raises:
        EvaluationError: for a module with parameters of its own that nobody knows how to count.
    """
    skipped = {id(inner) for outer in skip for inner in outer.modules()}
    weights = {id(p): nn.Parameter(p.to('meta'), p.requires_grad) for p in model.parameters()}
    twins = {id(b): b.to('meta') for b in model.buffers()}
    # A deep copy whose memo already holds all tensors: structure is copied, weights are not.
    memo: dict[int, Any] = {**weights, **twins}
    names = {name: id(module) not in skipped for name, module in model.named_modules()}
    ghost = copy.deepcopy(model, memo)
    found: list[Cost] = []
    known: set[int] = set()
    for name, module in ghost.named_modules():
        if names[name]:
            module.register_forward_hook(partial(_count, name, found, known))
    image = torch.empty(1, in_channels, *size, device='meta')
    # In a line of its own: HRNet of mmdet and of mmpretrain gives None back.
    ghost.eval()
    with torch.no_grad():
        if isinstance(ghost, BaseModel):
            raw_outputs(ghost, image)
        else:
            ghost(image)
    return sum(found, Cost())


def _count(
    name: str,
    found: list[Cost],
    known: set[int],
    module: nn.Module,
    inputs: tuple[Any, ...],
    output: Any,
) -> None:
    own = [p for p in module.parameters(recurse=False) if id(p) not in known]
    known.update(id(p) for p in own)
    params = sum(p.numel() for p in own)
    macs = acts = 0
    if isinstance(module, _ConvNd):
        moved = inputs[0] if isinstance(module, _ConvTransposeNd) else output
        macs = moved.numel() * module.weight[0].numel()
        acts = output.numel()
    elif isinstance(module, nn.Linear):
        macs = output.numel() * module.in_features
    elif params and not isinstance(module, _NORMS):
        raise EvaluationError(
            f'cost: {name or "the model"} ({type(module).__name__}) has {params} parameters, and '
            'only convolutions, linear layers and norms can be counted'
        )
    found.append(Cost(macs, params, acts))
