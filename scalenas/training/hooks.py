"""Hooks: the space goes into checkpoints; unusable weights, losses and batches stop a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn

from scalenas.arch import dump
from scalenas.errors import CheckpointError, TrainingError
from scalenas.models.checkpoint import (
    check_space,
    check_state,
    check_values,
    check_weights,
    misfits,
)
from scalenas.models.weights import first_broken
from scalenas.registry import HOOKS
from scalenas.staging import write_whole
from scalenas.tasks import fit_truth, task_of, watch
from scalenas.version import __version__

from .fused import make_ready
from .supernet import SuperNet


@HOOKS.register_module()
class SpaceHook(Hook):
    """Writes the space into `meta['scalenas']` of every checkpoint; refuses those of another.

    Does nothing for a model that is no SuperNet, so that one runtime file serves all configs.
    """

    def before_train(self, runner: Runner) -> None:
        """Tells a SuperNet which run it belongs to: its sub-nets follow that run's iteration."""
        model = unwrapped(runner)
        if isinstance(model, SuperNet):
            model.message_hub = runner.message_hub
        make_ready(runner.optim_wrapper)

    def after_train(self, runner: Runner) -> None:
        """Whoever trains it next says which iteration it is."""
        model = unwrapped(runner)
        if isinstance(model, SuperNet):
            model.message_hub = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the space, the supernet over it, and the version of the package."""
        model = unwrapped(runner)
        if isinstance(model, SuperNet):
            if model.channels_last:
                state = checkpoint['state_dict']
                state.update({key: value.contiguous() for key, value in state.items()})
            checkpoint['meta']['scalenas'] = {
                'space': model.backbone.space.to_dict(),
                'supernet': model.backbone.sharing(),
                'version': __version__,
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Raises CheckpointError when the checkpoint names another space, or none."""
        model = unwrapped(runner)
        if isinstance(model, SuperNet):
            path = runner._load_from or 'the checkpoint to resume from'
            check_space(checkpoint, model.backbone.space, path)


class GroundTruthHook(Hook):
    """Has COCO's metrics score the images that are shown, before the first iteration."""

    def before_run(self, runner: Runner) -> None:
        """Raises DataError when their files cannot score them."""
        for stage in ('val', 'test'):
            loop = getattr(runner, f'_{stage}_loop')
            if isinstance(loop, BaseLoop) and hasattr(loop, 'evaluator'):
                fit_truth(loop.evaluator.metrics, loop.dataloader, f'{stage}_evaluator')


class WeightsHook(Hook):
    """Refuses a checkpoint that does not fit the model: mmengine would load what happens to fit.

    With `exact` every weight must be there, and no other. Without it (training from other weights,
    such as those of a net with another head) at least one must fit, and what does not is logged.
    """

    priority = 'LOW'  # after SpaceHook, which can say more

    def __init__(self, path: str, exact: bool) -> None:
        self.path = path
        self.exact = exact

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Raises CheckpointError when the weights do not fit."""
        state = checkpoint.get('state_dict', checkpoint)
        check_state(state, self.path)  # a remote file was not read before
        given = {key.removeprefix('module.'): value for key, value in state.items()}
        # Checkpoints of PyTorch before 0.4.1 do not count batches, and nothing needs the count.
        own = {
            key: value
            for key, value in unwrapped(runner).state_dict().items()
            if key in given or not key.endswith('.num_batches_tracked')
        }
        if self.exact:
            check_weights(own, given, self.path)
            return
        if not any(_fits(key, value, own) for key, value in given.items()):
            raise CheckpointError(
                f'none of its {len(given)} weights fits the model',
                where=self.path,
                hint='load_from starts from weights of the same kind of net',
            )
        check_values(own, given, self.path)
        if wrong := misfits(own, given):
            runner.logger.warning(f'{self.path}: not all of it is used: {wrong}')


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stops the run at the first loss that is not finite, naming the iteration and the sub-net.

    Checkpoints written before stay as they are; none is written after, nor one with weights that
    are not finite, as the last update may have made them. The archs of a supernet's step are
    written into the work dir. With `interval` > 1 a check is cheaper on a GPU, but the named
    iteration may be later than the first bad one.
    """

    priority = 'ABOVE_NORMAL'  # before the checkpoint hook could save broken weights

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Raises TrainingError for a loss that is NaN or infinite."""
        if not outputs or not self.every_n_train_iters(runner, self.interval):
            return
        if bool(torch.isfinite(torch.as_tensor(outputs['loss']))):
            return
        values = {
            k: float(torch.as_tensor(v).detach())
            for k, v in outputs.items()
            if k != 'loss' and 'loss' in k
        }
        parts = ', '.join(f'{k}={v:.4g}' for k, v in values.items())
        raise _diverged(runner, f'the loss is not finite ({parts})', got=float(outputs['loss']))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Raises TrainingError for weights that are NaN or infinite, before they are written."""
        broken = first_broken(checkpoint['state_dict'])
        if broken is not None:
            raise _diverged(
                runner, 'weights are not finite, this one first, and are not saved', got=broken
            )


def _diverged(runner: Runner, problem: str, got: object) -> TrainingError:
    return TrainingError(
        f'{problem}{_trained_archs(runner)}',
        where=f'iteration {runner.iter}',
        got=got,
        hint=f'lower the learning rate, or resume from the last checkpoint in {runner.work_dir}',
    )


def _fits(key: str, value: Any, own: Mapping[str, Any]) -> bool:
    """True for a tensor that the model has under this name, and in this shape."""
    return key in own and getattr(own[key], 'shape', 0) == getattr(value, 'shape', None)


def _trained_archs(runner: Runner) -> str:
    model = unwrapped(runner)
    if not isinstance(model, SuperNet):
        return ''
    texts = []
    for k, arch in enumerate(model.sampler.archs(runner.iter)):
        path = Path(runner.work_dir) / f'invalid_loss_iter_{runner.iter}_net{k}.yaml'
        write_whole(path, dump(arch))
        texts.append(f'{arch.summary}, {path}')
    return f'; sub-net of the step: {"; ".join(texts)}'


def unwrapped(runner: Runner) -> nn.Module:
    """The model of a runner itself, without what DDP or test time augmentation put around it."""
    model: Any = runner.model
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    inner: nn.Module = model
    return inner


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
