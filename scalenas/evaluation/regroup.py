"""Calibration images, put together anew: what goes through a net together is not up to batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor

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
    found: dict[str, Any] = {}
    for key, value in first.items():
        pieces = [batch[key][begin:end] for batch, begin, end in parts if value is not None]
        if value is None:
            found[key] = None
        elif key == 'inputs':
            found[key] = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
        else:
            found[key] = [item for piece in pieces for item in piece]
    return found
