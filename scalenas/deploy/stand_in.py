"""A graph in place of a task model's layers, so that the task's own evaluator scores it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.errors import ExportError
from scalenas.tasks import task_of_model

Call = Callable[[Tensor], Sequence[Tensor]]
"""One normalized image (1, C, H, W) on the CPU -> raw outputs, in their order."""


@contextmanager
def standing_in(model: Any, call: Call, images: Tensor) -> Iterator[None]:
    """Inside, raw outputs of `model` come from a graph, and what follows from the model.

    Args:
        call: what computes them instead.
        images: a batch, for which torch shows how raw outputs are nested.

    Raises:
        ExportError: for a model that does not take features and heads apart.
    """
    task = task_of_model(model)
    head = task.graph_head(model)
    module = getattr(model, head) if head else None
    if not hasattr(model, 'extract_feat') or isinstance(module, nn.ModuleList):
        raise ExportError(
            'its metric needs a model with `extract_feat` and one head',
            where='--int8',
            got=type(model).__name__,
        )
    with torch.no_grad():
        nested = task.graph(model, images[:1], 'raw')
    (structure,) = nested.values()

    def features(inputs: Tensor, *_: Any, **__: Any) -> Any:
        # One by one: a graph need not take several.
        rows = [call(inputs[i : i + 1].cpu()) for i in range(len(inputs))]
        joined = [torch.cat(list(parts)) for parts in zip(*rows, strict=True)]
        return _nested(structure, iter([part.to(inputs.device) for part in joined]))

    model.extract_feat = features
    if module is not None:
        module.forward = lambda maps, *_, **__: maps
    try:
        yield
    finally:
        del model.extract_feat
        if module is not None:
            del module.forward


def _nested(structure: Any, tensors: Iterator[Tensor]) -> Any:
    """The next tensors in the place of those of `structure`."""
    if isinstance(structure, Tensor):
        return next(tensors)
    if isinstance(structure, dict):
        return {key: _nested(value, tensors) for key, value in structure.items()}
    return type(structure)(_nested(part, tensors) for part in structure)
