"""The proof: the exported network computes what the sub-net computes in its supernet."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from scalenas.deploy.graph import flat
from scalenas.tasks import task_of_model

TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Difference:
    """Largest absolute differences of raw outputs: as deployed, and in float64.

    In float64 it is relative to the largest output; more than `TOLERANCE` there is another
    function, not rounding. In float32 it is 0 wherever the same kernels run in the same order.
    """

    single: float
    double: float
    images: int

    @property
    def equal(self) -> bool:
        """True for the same function."""
        return self.double <= TOLERANCE

    def __str__(self) -> str:
        return (
            f'max difference {self.single:.3g} in float32, {self.double:.3g} (relative) in '
            f'float64, over {self.images} images'
        )


@torch.no_grad()
def difference(
    supernet: nn.Module,
    exported: nn.Module,
    batches: Iterable[Mapping[str, Any]],
    num_batches: int = 2,
    exact: nn.Module | None = None,
) -> Difference:
    """Compares both models, as they stand, on the first of `batches`.

    `exact` is `exported` in float64, where its weights were rounded after something was computed.
    """
    single = double = 0.0
    images = 0
    for batch in itertools.islice(batches, num_batches):
        pair = [flat(_raw(m, batch)) for m in (supernet, exported)]
        single = max(single, _largest(*pair))
        pair = [_in_double(m, batch) for m in (supernet, exact or exported)]
        scale = max(1.0, *(float(t.abs().max()) for t in pair[0]))
        double = max(double, _largest(*pair) / scale)
        images += len(batch['inputs'])
    return Difference(single, double, images)


class _Raw(nn.Module):
    """A task model as a function from a batch to raw outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Any]) -> Any:
        """Raw outputs of a preprocessed batch."""
        return _raw(self.model, batch)


def _raw(model: nn.Module, batch: Mapping[str, Any]) -> Any:
    task = task_of_model(model)
    return task.raw_outputs(model, batch['inputs'], batch.get('data_samples'))


def _in_double(model: nn.Module, batch: Mapping[str, Any]) -> list[Tensor]:
    raw = _Raw(model)
    tensors = dict([*raw.named_parameters(), *raw.named_buffers()])
    tensors = {k: v.double() if v.is_floating_point() else v for k, v in tensors.items()}
    return flat(functional_call(raw, tensors, ({**batch, 'inputs': batch['inputs'].double()},)))


def _largest(one: list[Tensor], other: list[Tensor]) -> float:
    if [t.shape for t in one] != [t.shape for t in other]:
        return float('inf')
    apart = [float((a - b).abs().max()) for a, b in zip(one, other, strict=True)]
    # Python's max forgets a nan that is not the first.
    return float('inf') if any(map(math.isnan, apart)) else max(apart)
