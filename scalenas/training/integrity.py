"""What a run is watched for: weights, outputs and a meta that nobody could use afterwards."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from scalenas.errors import CheckpointError, TrainingError
from scalenas.models.checkpoint import check_meta
from scalenas.models.finite import OutputWatch
from scalenas.models.weights import first_broken
from scalenas.training.hooks import unwrapped


class IntegrityHook(Hook):
    """Refuses weights that are not finite before a training, and a score of what is not finite.

    In a test that is an error. In the validations of a training, which may get better, every
    metric is NaN: no checkpoint is the best by it.
    """

    priority = 'VERY_HIGH'  # before hooks that look at metrics

    def __init__(self) -> None:
        self._watch: OutputWatch | None = None
        self._broken: str | None = None

    def before_train(self, runner: Runner) -> None:
        """Raises when the model cannot be trained from these weights, or not be read again."""
        broken = first_broken(unwrapped(runner).state_dict())
        if broken is not None:
            raise TrainingError(
                'is not finite before the first iteration',
                where=f'model.{broken}',
                hint='look at init_cfg, init_from and load_from',
            )
        meta = getattr(runner.train_dataloader.dataset, 'metainfo', None)
        try:
            check_meta(meta, 'train_dataloader.dataset.metainfo')
        except CheckpointError as error:
            raise TrainingError(
                f'checkpoints of this training could not be read again: {error.problem}',
                where=error.where,
                got=error.got,
                allowed=error.allowed,
                hint=error.hint,
            ) from None

    def before_val_epoch(self, runner: Runner) -> None:
        """Begins to watch."""
        self._begin(runner)

    def before_test_epoch(self, runner: Runner) -> None:
        """Begins to watch."""
        self._begin(runner)

    def after_val_iter(self, runner: Runner, batch_idx: int, **_: Any) -> None:
        """Looks at the outputs of a batch."""
        if self._watch is not None:
            self._broken = self._broken or self._watch.broken()

    def after_test_iter(self, runner: Runner, batch_idx: int, **_: Any) -> None:
        """Raises TrainingError for outputs that are not finite."""
        if self._watch is not None:
            self._watch.check(TrainingError)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Makes all metrics NaN where an output was not finite."""
        self._end()
        if self._broken is None or not metrics:
            return
        runner.logger.warning(
            f'model.{self._broken}: gives values that are not finite, so this validation has no '
            'score: its metrics are NaN'
        )
        metrics.update(dict.fromkeys(metrics, math.nan))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Watches no longer."""
        self._end()

    def _begin(self, runner: Runner) -> None:
        self._end()
        self._watch, self._broken = OutputWatch(runner.model), None

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.remove()
        self._watch = None
