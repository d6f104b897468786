"""Running a part again in the backward pass, for what it kept would take too much memory.

The second run is to give the same maps and to leave nothing behind. Batch norms would move their
running statistics twice, and what a part runs as (training flags, and so dropout) may have changed
between forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recomputed(root: nn.Module, run: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What `run(*args, **options)` gives; it is run again backwards, with `root` as it is now.

    `root` holds all modules that `run` runs.
    """
    flags = [(module, module.training) for module in root.modules()]

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _again(flags)

    return checkpoint(run, *args, use_reentrant=False, context_fn=contexts, **options)


@contextmanager
def _again(flags: list[tuple[nn.Module, bool]]) -> Iterator[None]:
    """Inside, modules have these training flags, and what they learn of the batch is not kept."""
    before = [(module, module.training) for module, _ in flags]
    # Norms write into copies. Without any they would save other tensors for backward, which is
    # an error; and a momentum of 0 would make NaN of a batch that is infinite.
    kept = [(module, dict(module._buffers)) for module, training in flags if training]
    try:
        for module, training in flags:
            module.training = training
        for module, buffers in kept:
            module._buffers.update({k: b.clone() for k, b in buffers.items() if b is not None})
        yield
    finally:
        for module, buffers in kept:
            module._buffers.update(buffers)
        for module, training in before:
            module.training = training
