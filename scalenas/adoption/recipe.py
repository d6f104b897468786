"""The recipe of a stock config for one process: iterations, images of a step, learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scalenas.errors import ConfigError

from .code import Code

TIMES = ('begin', 'end', 'milestones', 'T_max', 'step_size', 'total_iters')
"""Arguments of schedulers that are points or spans of time."""

SHORT = 0.05
"""A span below this share of a training is a warm-up, which does not shrink with it."""


@dataclass(frozen=True)
class Recipe:
    """Of `iters` iterations with `batch` images each; the stock one has `images` in a step.

    `total` are the iterations of the stock recipe, `epochs` its epochs, where it counts those.
    """

    iters: int
    batch: int
    images: int
    total: int
    epochs: int | None

    @classmethod
    def of(cls, cfg: Mapping[str, Any], images: int, count: int, iters: int | None) -> Recipe:
        """Of a config that trains with `images` a step, over `count` images.

        Raises:
            ConfigError: for a config that says neither iterations nor epochs.
        """
        train, batch = cfg['train_cfg'], int(cfg['train_dataloader']['batch_size'])
        epochs, total = train.get('max_epochs'), train.get('max_iters')
        if not isinstance(epochs or total, int):
            raise ConfigError(
                where='train_cfg', got=dict(train), allowed='max_iters, or max_epochs'
            )
        if epochs:
            total = epochs * math.ceil(count / images)
            own = epochs * math.ceil(count / batch)
        else:
            own = total
        return cls(iters or own, batch, images, int(total), epochs)

    def schedulers(self, given: Any) -> list[dict[str, Any]]:
        """Those of a config by iterations, as parts of `max_iters`."""
        listed = given if isinstance(given, list | tuple) else [given] if given else []
        return [self._scheduler(part) for part in listed]

    def _scheduler(self, part: Mapping[str, Any]) -> dict[str, Any]:
        by_epoch = part.get('by_epoch', True)
        result = {k: v for k, v in part.items() if k not in ('convert_to_iter_based', '_scope_')}
        for key in TIMES:
            value = part.get(key)
            if isinstance(value, list | tuple):
                result[key] = [self._time(item, by_epoch) for item in value]
            elif isinstance(value, int | float) and math.isfinite(value):
                result[key] = self._time(value, by_epoch)
        return {**result, 'by_epoch': False}

    def _time(self, value: float, by_epoch: bool) -> Code | int:
        """A point of time as an expression of `max_iters`."""
        whole = self.epochs or self.total if by_epoch else self.total
        if value == 0:
            return 0
        share = value / whole
        if share == 1.0 and (by_epoch or not self.epochs):
            return Code('max_iters')
        # Beside epochs, what is counted in iterations is a warm-up.
        if not by_epoch and (share < SHORT or self.epochs):
            return Code(f'max(1, min({value}, max_iters // 10))')
        return Code(f'max(1, round({share:.4g} * max_iters))')
