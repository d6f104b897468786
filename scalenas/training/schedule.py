"""The learning rate of BigNAS: an exponential decay that turns constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler

from scalenas.errors import ConfigError
from scalenas.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class ExponentialLRWithFloor(_ParamScheduler):
    """lr(t) = lr(begin) * max(floor, gamma ** (t / period)), t counted from `begin`.

    As mmengine's own it multiplies the rate by the step's ratio, so that a warm-up may run at the
    same time or before, and it resumes from its state dict.

    Args:
        gamma: factor per period.
        period: epochs (`by_epoch`) or iterations; need not be whole.
        floor: the share of the initial rate at which it turns constant; 0 for never.
        staircase: t / period is rounded down: the rate falls once a period, as in the code of
            EfficientNet, whose settings BigNAS takes over. False: it falls in every step.

    Raises:
        ConfigError: for values that make no such schedule.

    Source: BigNAS (Yu et al. 2020), section 3.1, "convergence behavior", and section 4.2: 0.97
    every 2.4 epochs, constant from 5% of the initial rate on.
    """

    def __init__(
        self,
        optimizer: Any,
        gamma: float = 0.97,
        period: float = 2.4,
        floor: float = 0.05,
        staircase: bool = True,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        rules: list[tuple[str, Any, str, Callable[[float], bool]]] = [
            ('gamma', gamma, 'a number between 0 and 1', lambda x: 0 < x < 1),
            ('period', period, 'a number above 0', lambda x: x > 0),
            ('floor', floor, 'a number from 0 to below 1', lambda x: 0 <= x < 1),
        ]
        for name, value, allowed, right in rules:
            if isinstance(value, bool) or not isinstance(value, int | float) or not right(value):
                raise ConfigError(where=f'param_scheduler.{name}', got=value, allowed=allowed)
        self.gamma, self.period, self.floor, self.staircase = gamma, period, floor, staircase
        super().__init__(optimizer, 'lr', begin, end, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        period: float = 2.4,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **options: Any,
    ) -> Self:
        """The same schedule in iterations, `epoch_length` of them an epoch."""
        assert by_epoch, 'what counts iterations needs no conversion'
        assert epoch_length, epoch_length
        options |= {'period': period * epoch_length, 'begin': int(begin * epoch_length)}
        options |= {'end': int(end * epoch_length) if end != INF else end, 'by_epoch': False}
        return cls(*args, **options)

    def factor(self, step: int) -> float:
        """The share of the initial rate at a step."""
        # A whole number of periods must not be rounded below itself: 12 / 2.4 is exactly 5 steps.
        periods = math.floor(step / self.period + 1e-9) if self.staircase else step / self.period
        return float(max(self.floor, self.gamma**periods))

    def _get_value(self) -> list[float]:
        before = self.factor(self.last_step - 1) if self.last_step > 0 else 0.0
        # Without a floor a long decay ends in a rate of exactly zero, and stays there.
        ratio = self.factor(self.last_step) / before if before else 1.0
        return [group[self.param_name] * ratio for group in self.optimizer.param_groups]
