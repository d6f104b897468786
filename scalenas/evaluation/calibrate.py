"""Batch-norm statistics of one sub-net, exact over fixed images; the model's own come back after.

Every image goes through the net once. Images are normalized on their way as if all were one batch,
whatever batches they come in: the mean and variance of each norm's inputs over all of them are
computed when all are there (see `meeting`), for images that are together in one batch as well as
for single images of different sizes. Under batches of one image a net would run under instance
norm, and the norms behind would get statistics that no deployment sees. Many or large images make
several such groups (`regroup.TOGETHER`), whose statistics are pooled by number of values.

The variance is stored unbiased, as BatchNorm stores it. Everything else (dropout, drop path, norms
that this sub-net does not run) stays in eval mode.

The ScaleNAS paper does not describe its calibration; the released code averages the biased
variances of eight batches of three augmented crops, each normalized by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.models.supernet import locate

from .pool import Norms, pooled_statistics
from .regroup import Batch, regrouped
from .supernet import live_norms


@contextmanager
def calibrated(model: nn.Module, arch: Any, batches: Iterable[Batch]) -> Iterator[None]:
    """Inside, `arch` is active in eval mode with its own statistics; on exit all is as before.

    `model` is a task model, or a wrapper of one, that contains one supernet. Running statistics,
    momentum, training flags and counters are restored bit by bit, also after an exception.

    Raises:
        EvaluationError: without batches, or when a norm sees a single value per channel.
    """
    path, supernet = locate(model)
    with (
        supernet.active(arch),
        eval_mode(model),
        recalibrated(live_norms(model, arch, path), partial(_tensor, model), regrouped(batches)),
    ):
        yield


def _tensor(model: nn.Module, batch: Batch) -> object:
    return model(**batch, mode='tensor')


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Every module in eval mode; each one's own flag comes back."""
    training = [module for module in model.modules() if module.training]
    try:
        # Set directly: `train()` of some backbones freezes parts or returns nothing.
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def recalibrated(
    norms: Norms, forward: Callable[[Any], object], groups: Iterable[Sequence[Any]]
) -> Iterator[None]:
    """Inside, `norms` are in eval mode with the statistics pooled over `forward` of all groups."""
    norms = [(name, norm) for name, norm in norms if norm.running_mean is not None]
    saved = [(norm, norm.momentum, norm.training, _buffers(norm)) for _, norm in norms]
    try:
        pooled_statistics(norms, forward, groups)
        yield
    finally:
        for norm, momentum, training, buffers in saved:
            norm.momentum, norm.training = momentum, training
            for buffer, old in buffers:
                buffer.copy_(old)


def _buffers(norm: _BatchNorm) -> list[tuple[Tensor, Tensor]]:
    return [(buffer, buffer.clone()) for buffer in norm.buffers(recurse=False)]
