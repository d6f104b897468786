"""Validation of several sub-nets of a supernet, each with its own batch-norm statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, ValLoop
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader

from scalenas.arch.strict import as_flag
from scalenas.config.monitors import DEFAULT_ARCHS
from scalenas.errors import EvaluationError
from scalenas.models.finite import watched
from scalenas.models.supernet import supernet_of
from scalenas.registry import LOOPS
from scalenas.tasks import task_of

from .batches import FixedBatches, build_loader
from .calibrate import calibrated
from .precision import full_precision, unrounded
from .supernet import chosen_archs


@LOOPS.register_module()
class SubnetValLoop(ValLoop):
    """Validates (as `val_cfg`) or tests (as `test_cfg`) sub-nets: metrics `largest/mIoU`, ...

    `val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))`. An arch is
    'smallest', 'largest', a name of the zoo, the path of a YAML file, or an arch as a dict.
    `calibration_dataloader` is by default the config's variable of that name.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader[Any] | dict[str, Any],
        evaluator: Evaluator | dict[str, Any] | list[Any],
        archs: Sequence[object] = DEFAULT_ARCHS,
        calibration_dataloader: dict[str, Any] | None = None,
        fp16: bool = False,
    ) -> None:
        fp16 = as_flag(fp16, 'SubnetValLoop.fp16')
        super().__init__(runner, dataloader, evaluator, fp16)
        unrounded(self.evaluator)
        model = runner.model
        self._model: Any = model.module if is_model_wrapper(model) else model
        self.archs = chosen_archs(archs, supernet_of(self._model).space)
        if not self.archs:
            raise EvaluationError(where='SubnetValLoop.archs', got=archs, allowed='one or more')
        cfg = {'default_scope': runner.cfg.get('default_scope')}
        name = 'calibration_dataloader'
        given = calibration_dataloader
        cfg[name] = runner.cfg.get(name) if given is None else given
        check = task_of(runner.cfg).batch_check(runner.cfg, name)
        self._calibration = FixedBatches(
            build_loader(cfg, name), self._model.data_preprocessor, check=check
        )

    def run(self) -> dict[str, float]:
        """Metrics of all sub-nets; the model's own statistics and active sub-net come back."""
        stage = 'test' if getattr(self.runner, '_test_loop', None) is self else 'val'
        call = self.runner.call_hook
        call(f'before_{stage}')
        call(f'before_{stage}_epoch')
        metrics: dict[str, float] = {}
        for name, arch in self.archs.items():
            with autocast(enabled=self.fp16), calibrated(self._model, arch, self._calibration):
                values = self._validate(stage)
            metrics.update({f'{name}/{key}': value for key, value in values.items()})
        call(f'after_{stage}_epoch', metrics=metrics)
        call(f'after_{stage}')
        return metrics

    @torch.no_grad()
    def _validate(self, stage: str) -> dict[str, float]:
        broken: str | None = None
        with watched(self._model) as watch:
            for i, batch in enumerate(self.dataloader):
                self.runner.call_hook(f'before_{stage}_iter', batch_idx=i, data_batch=batch)
                outputs = self._model.val_step(batch)
                if stage == 'test':
                    watch.check(EvaluationError)
                broken = broken or watch.broken()
                self.evaluator.process(data_samples=outputs, data_batch=batch)
                self.runner.call_hook(
                    f'after_{stage}_iter', batch_idx=i, data_batch=batch, outputs=outputs
                )
        metrics = full_precision(self.evaluator.evaluate(len(self.dataloader.dataset)))
        if broken is None:
            return metrics
        # The training may still get there; a number would make this checkpoint the best.
        self.runner.logger.warning(
            f'model.{broken}: gives values that are not finite, so this sub-net has no score'
        )
        return dict.fromkeys(metrics, math.nan)
