"""How much autograd keeps for a backward pass, at its highest: exact on any device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class _Kept:
    """A tensor that waits for its backward; what it weighs is counted until autograd lets go."""

    def __init__(self, tensor: Tensor, count: Callable[[Tensor, int], None]) -> None:
        self.tensor, self._count = tensor, count
        count(tensor, 1)

    def __del__(self) -> None:
        self._count(self.tensor, -1)


@contextmanager
def kept_for_backward(model: nn.Module) -> Iterator[Callable[[], int]]:
    """Inside, counts the bytes of distinct tensors kept for backward passes, without weights.

    Gives a function that returns the most that were kept at a time.
    """
    owned = {p.untyped_storage().data_ptr() for p in model.parameters()}
    holders: dict[int, int] = {}
    held = [0, 0]  # now, at most

    def count(tensor: Tensor, change: int) -> None:
        storage = tensor.untyped_storage()
        key = storage.data_ptr()
        if key in owned:
            return
        before = holders.get(key, 0)
        holders[key] = before + change
        if 0 in (before, before + change):
            held[0] += change * storage.nbytes()
            held[1] = max(held)

    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: _Kept(tensor, count), lambda kept: kept.tensor
    ):
        yield lambda: held[1]
