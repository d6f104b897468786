"""Every batch is looked at before it is trained on or scored; what cannot be loaded is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from scalenas.tasks import task_of, watch


class BatchHook(Hook):
    """Stops a run at the first batch that its task refuses, naming the file.

    Of a label that is no class a loss would end in an IndexError, on a GPU in an assertion of the
    device, and a metric would say nothing.
    """

    priority = 'VERY_HIGH'  # before anything looks at the batch

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        task = task_of(cfg)
        stages = ('train', 'val', 'test')
        self._checks = {stage: task.batch_check(cfg, f'{stage}_dataloader') for stage in stages}

    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, mode: str = 'train'
    ) -> None:
        """Raises DataError for a label that does not fit."""
        check = self._checks[mode]
        if check is not None and isinstance(data_batch, Mapping):
            check(data_batch)


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
