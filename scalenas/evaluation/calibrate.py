"""Batch-norm statistics of one sub-net, exact over fixed images; the model's own come back after.

Every image goes through the net once. Images are normalized on their way as if all were one batch,
whatever batches they come in: the mean and variance of each norm's inputs over all of them are
computed when all are there (see `meeting`), for images that are together in one batch as well as
for single images of different sizes. Under batches of one image a net would run under instance
norm, and the norms behind would get statistics that no deployment sees. Many or large images make
several such groups (`TOGETHER`), whose statistics are pooled by number of values.

The variance is stored unbiased, as BatchNorm stores it. Everything else (dropout, drop path, norms
that this sub-net does not run) stays in eval mode.

The ScaleNAS paper does not describe its calibration; the released code averages the biased
variances of eight batches of three augmented crops, each normalized by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.models.supernet import located

from .pool import Norms, pooled_statistics
from .prefix import Forward, PrefixCache
from .supernet import active_norms

Batch = Mapping[str, Any]
"""Arguments of a task model's forward, preprocessed: `inputs` (N, C, H, W), `data_samples`."""

TOGETHER = 32_000_000
"""Pixels of the images that share statistics on their way through a net: 15 of 1024x2048, 651 of
256x192. Their maps are all kept at the same time: up to 350 bytes a pixel in HRNet-W48."""

AT_ONCE = 4_000_000
"""Pixels of one forward; the others of the same group are other forwards."""


def regrouped(
    batches: Iterable[Batch], together: int = TOGETHER, at_once: int = AT_ONCE
) -> Iterator[list[Batch]]:
    """Groups of batches: the same ones for the same images, whichever batches these come in.

    A group has at least `together` pixels; what is left at the end is a group of its own, or part
    of the last one where it is less than half. Neighbours of one size make one batch of up to
    `at_once` pixels. A batch whose inputs are no tensor of images is left as it is.
    """
    held: list[Batch] = []
    group = _Group(at_once)
    for batch in batches:
        size = _num_images(batch)
        if size is None:
            group.add_whole(batch)
        start = 0
        while size is not None and start < size:
            stop = min(size, start + ceil((together - group.pixels) / _pixels(batch)))
            group.add(batch, start, stop)
            start = stop
            if group.pixels >= together:
                if held:
                    yield held
                held, group = group.batches(), _Group(at_once)
    if held and group.pixels < together / 2:
        yield [*held, *group.batches()]
        return
    for rest in (held, group.batches()):
        if rest:
            yield rest


@dataclass
class _Group:
    """What goes through a net together; parts of batches are copied only where they are joined."""

    at_once: int
    pixels: int = 0
    _done: list[Batch] = field(default_factory=list)
    _parts: list[tuple[Batch, int, int]] = field(default_factory=list)
    _room: int = 0

    def add(self, batch: Batch, start: int, stop: int) -> None:
        """The images from `start` up to `stop` of a batch."""
        each = _pixels(batch)
        self.pixels += each * (stop - start)
        while start < stop:
            if self._parts and not (self._room and _alike(self._parts[-1][0], batch)):
                self._close()
            if not self._parts:
                self._room = max(1, self.at_once // each)
            end = min(stop, start + self._room)
            self._parts.append((batch, start, end))
            self._room -= end - start
            start = end

    def add_whole(self, batch: Batch) -> None:
        """A batch that has no images one by one."""
        self._close()
        self._done.append(batch)

    def batches(self) -> list[Batch]:
        """All of them."""
        self._close()
        return self._done

    def _close(self) -> None:
        if self._parts:
            self._done.append(_joined(self._parts))
            self._parts = []


def _num_images(batch: Batch) -> int | None:
    """How many images a batch has; None where it cannot be taken apart."""
    inputs = batch.get('inputs')
    if not isinstance(inputs, Tensor) or inputs.dim() < 3 or not inputs.numel():
        return None
    rest = [value for key, value in batch.items() if key != 'inputs' and value is not None]
    lists = all(isinstance(value, Sequence) and len(value) == len(inputs) for value in rest)
    return len(inputs) if lists else None


def _pixels(batch: Batch) -> int:
    """Of each image."""
    return prod(batch['inputs'].shape[2:])


def _alike(one: Batch, other: Batch) -> bool:
    """True where images of both may be in one batch."""
    kinds = [{key: value is None for key, value in batch.items()} for batch in (one, other)]
    same = one['inputs'].shape[1:] == other['inputs'].shape[1:]
    return same and one['inputs'].dtype == other['inputs'].dtype and kinds[0] == kinds[1]


def _joined(parts: Sequence[tuple[Batch, int, int]]) -> Batch:
    first, start, stop = parts[0]
    if len(parts) == 1 and stop - start == len(first['inputs']):
        return first
    merged: dict[str, Any] = {}
    for key, value in first.items():
        pieces = [batch[key][begin:end] for batch, begin, end in parts if value is not None]
        if value is None:
            merged[key] = None
        elif key == 'inputs':
            merged[key] = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
        else:
            merged[key] = [item for piece in pieces for item in piece]
    return merged


@contextmanager
def calibrated(
    model: nn.Module, arch: Any, batches: Iterable[Batch], cache: PrefixCache | None = None
) -> Iterator[None]:
    """Inside, `arch` is active in eval mode with its own statistics; on exit all is as before.

    `model` is a task model, or a wrapper of one, that contains one supernet. Running statistics,
    momentum, training flags and counters are restored bit by bit, also after an exception. With a
    `cache` the beginning of the forward, which all networks share, is computed for the first one.

    Raises:
        EvaluationError: without batches, or when a norm sees a single value per channel.
    """
    # A walk through a large supernet takes as long as a layer.
    members = dict(model.named_modules())
    _, supernet = located(model, members)
    forward, groups = partial(_tensor, model), partial(regrouped, batches)

    def statistics(norms: Norms) -> None:
        if cache is None:
            pooled_statistics(norms, forward, groups())
        else:
            cache.statistics(norms, forward, groups)

    norms = active_norms(model, arch, members)
    with supernet.active(arch), eval_mode(members.values()), _given(norms, statistics):
        yield


def _tensor(model: nn.Module, batch: Batch) -> object:
    return model(**batch, mode='tensor')


@contextmanager
def eval_mode(modules: Iterable[nn.Module]) -> Iterator[None]:
    """These modules in eval mode; each one's own flag comes back."""
    training = [module for module in modules if module.training]
    try:
        # Set directly: `train()` of some backbones freezes parts or returns nothing.
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def recalibrated(norms: Norms, forward: Forward, groups: Iterable[Sequence[Any]]) -> Iterator[None]:
    """Inside, `norms` are in eval mode with the statistics pooled over `forward` of all groups."""
    with _given(norms, partial(pooled_statistics, forward=forward, groups=groups)):
        yield


@contextmanager
def _given(norms: Norms, statistics: Callable[[Norms], None]) -> Iterator[None]:
    """Inside, `norms` have what `statistics` writes into those that keep any."""
    norms = [(name, norm) for name, norm in norms if norm.running_mean is not None]
    saved = [(norm, norm.momentum, norm.training, _buffers(norm)) for _, norm in norms]
    try:
        statistics(norms)
        yield
    finally:
        for norm, momentum, training, buffers in saved:
            norm.momentum, norm.training = momentum, training
            for buffer, old in buffers:
                buffer.copy_(old)


def _buffers(norm: _BatchNorm) -> list[tuple[Tensor, Tensor]]:
    return [(buffer, buffer.clone()) for buffer in norm.buffers(recurse=False)]
