"""Every batch is looked at before it is trained on or scored; what cannot be loaded is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from scalenas.tasks import check_batch, label_rule, task_model, watch


class BatchHook(Hook):
    """Stops a run at the first segmentation label that does not fit, naming its file.

    The loss would end in an IndexError, on a GPU in an assertion of the device; a metric would say
    nothing. Does nothing for other tasks.
    """

    priority = 'VERY_HIGH'  # before anything looks at the batch

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        self._rules = {
            stage: label_rule(cfg, f'{stage}_dataloader') for stage in ('train', 'val', 'test')
        }
        about = task_model(cfg)[1].get('data_preprocessor') or cfg.get('data_preprocessor') or {}
        self._size = about.get('size')

    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, mode: str = 'train'
    ) -> None:
        """Raises DataError for a label that does not fit."""
        rule = self._rules[mode]
        if rule is not None and isinstance(data_batch, Mapping):
            check_batch(data_batch, rule, f'{mode}_dataloader', self._size)


def watch_loaders(runner: Runner) -> None:
    """Names the file that a data set of the run cannot load, whichever worker meets it.

    Loops build their dataloaders late, and training starts its workers at once.
    """
    build = runner.build_dataloader

    def watched(*args: Any, **kwargs: Any) -> Any:
        loader = build(*args, **kwargs)
        watch(loader.dataset)
        return loader

    vars(runner)['build_dataloader'] = watched
