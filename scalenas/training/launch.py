"""From a config to a running Runner, for any package of the ecosystem."""

from __future__ import annotations

import argparse
from collections.abc import Sized
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner, TestLoop, ValLoop
from torch import nn

from scalenas.config import (
    check_hints,
    check_monitors,
    check_values,
    clear_errors,
    in_loop,
    read_config,
)
from scalenas.errors import ConfigError, DataError
from scalenas.paths import writable_folder
from scalenas.sampling import FixedSampler, SandwichSampler
from scalenas.tasks import check_data, check_metrics, metric_names

from .checks import check_averaging, check_pretrained
from .fused import use_fused
from .hooks import BatchHook, GroundTruthHook, WeightsHook, unwrapped, watch_loaders
from .integrity import IntegrityHook
from .options import TO_TEST, TO_TRAIN, test_config, train_config
from .recompute import RecomputeHook, check_recomputed, recomputed_names
from .resume import resumable_checkpoint
from .saving import by_epoch, doubts, save_whole
from .supernet import SuperNet

LATER = ('default_hooks', 'custom_hooks', 'train_dataloader', 'val_dataloader', 'test_dataloader')
"""Parts that may fail at any time: a hook when its turn comes, a data set at one image."""

SUPERNET_DDP = 'scalenas.SuperNetDDP'


def train(args: argparse.Namespace) -> Runner:
    """Train as tools/train.py is asked to.

    Raises:
        UserError: one line, when the config, the data or a checkpoint does not allow it.
    """
    cfg = train_config(args, read_config(args.config, args.cfg_options, TO_TRAIN))
    loaders = ('train_dataloader',) if args.no_validate else ('train_dataloader', 'val_dataloader')
    runner = build_runner(cfg, loaders)
    for line in doubts(cfg):
        runner.logger.warning(line)
    steps = FirstSteps()
    runner.register_hook(steps)
    with clear_errors(cfg, steps.are_open):
        build_train_loader(runner)
        runner.train()
    return runner


def build_train_loader(runner: Runner) -> None:
    """Build the dataloader of a training, which must not be empty, before the training does.

    An InfiniteSampler looks for the first index of an empty dataset for ever.

    Raises:
        DataError: when there is nothing to train on.
    """
    seeds = runner._randomness_cfg.get('diff_rank_seed', False)
    loader = runner.build_dataloader(
        runner._train_dataloader, seed=runner.seed, diff_rank_seed=seeds
    )
    count = len(loader.dataset) if isinstance(loader.dataset, Sized) else None
    if count == 0 or (by_epoch(runner.cfg.train_cfg) and not len(loader)):
        raise DataError(
            f'gives {count} images: not one batch to train on',
            where='train_dataloader.dataset',
            hint='see drop_last' if count else 'look at data_root, ann_file, filter_cfg, indices',
        )
    runner._train_dataloader = loader


class FirstSteps(Hook):
    """Notes that a run has trained, and validated, once.

    What its parts cannot do together, such as a head of other channels than the backbone's, shows
    then; what fails later is not the config's fault.
    """

    priority = 'LOWEST'  # schedules and logs belong to the step

    def __init__(self) -> None:
        self.trained = self.validated = False

    def after_train_iter(self, *_: Any, **__: Any) -> None:
        """A step was made."""
        self.trained = True

    def after_val(self, *_: Any, **__: Any) -> None:
        """A validation was made."""
        self.validated = True

    def are_open(self, error: BaseException, place: str) -> bool:
        """Whether the config may explain an error that came now from this place."""
        if isinstance(error, torch.OutOfMemoryError) or place.startswith(LATER):
            return True
        validates = in_loop(error, ValLoop) or in_loop(error, TestLoop)
        return not (self.validated if validates else self.trained)


def test(args: argparse.Namespace) -> dict[str, Any]:
    """Test as tools/test.py is asked to; the metrics.

    Raises:
        UserError: one line, when the config, the data or the checkpoint does not allow it.
    """
    cfg = test_config(args, read_config(args.config, args.cfg_options, TO_TEST))
    for folder in (args.out, args.show_dir):
        if folder is not None:
            writable_folder(folder)
    runner = build_runner(cfg, ('test_dataloader',))
    with clear_errors(cfg):
        metrics: dict[str, Any] = runner.test()
    return metrics


def build_runner(cfg: Config, loaders: tuple[str, ...]) -> Runner:
    """The Runner of a config, after its data and checkpoint were found to be usable."""
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        _meet_on_cpu(cfg)
    _give_each_a_backward(cfg)
    check_values(cfg)
    use_fused(cfg)
    check_hints(cfg)
    check_metrics(cfg)
    if 'train_dataloader' in loaders:
        check_monitors(cfg, metric_names(cfg))
        check_averaging(cfg)
        save_whole(cfg)
    check_data(cfg, (*loaders, *_calibrated_by(cfg, loaders)))
    path = resumable_checkpoint(cfg)
    writable_folder(cfg.work_dir)
    with clear_errors(cfg):
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    watch_loaders(runner)
    runner.register_hook(BatchHook(cfg))
    check_statistics(cfg, unwrapped(runner), loaders)
    if 'train_dataloader' in loaders:
        check_parallel(cfg, unwrapped(runner))
        check_pretrained(unwrapped(runner))
        check_recomputed(cfg, unwrapped(runner))
        if names := recomputed_names(cfg):
            runner.register_hook(RecomputeHook(names))
    runner.register_hook(IntegrityHook())
    runner.register_hook(GroundTruthHook())
    if path is not None:
        exact = cfg.get('resume', False) or 'train_dataloader' not in loaders
        runner.register_hook(WeightsHook(path, exact))
    return runner


def _calibrated_by(cfg: Config, loaders: tuple[str, ...]) -> tuple[str, ...]:
    """The dataloader whose images calibrate the sub-nets that are validated, if any are."""
    loops = [cfg.get(f'{s}_cfg') or {} for s in ('val', 'test') if f'{s}_dataloader' in loaders]
    used = any(
        str(loop.get('type')).endswith('SubnetValLoop') and not loop.get('calibration_dataloader')
        for loop in loops
    )
    return ('calibration_dataloader',) if used else ()


def check_statistics(cfg: Config, model: nn.Module, loaders: tuple[str, ...]) -> None:
    """Pass unless batch norms without statistics would be validated as they are.

    Raises:
        ConfigError: says which loop to take.
    """
    if not isinstance(model, SuperNet) or model.track_norms:
        return
    for stage in ('val', 'test'):
        kind = str((cfg.get(f'{stage}_cfg') or {}).get('type', ''))
        if f'{stage}_dataloader' in loaders and not kind.endswith('SubnetValLoop'):
            raise ConfigError(
                'with model.track_norms=False batch norms have no statistics of their own',
                where=f'{cfg.filename}: {stage}_cfg.type',
                got=kind or None,
                allowed="'scalenas.SubnetValLoop', which calibrates each sub-net",
            )


def check_parallel(cfg: Config, model: nn.Module) -> None:
    """Pass unless DDP would wait for gradients that the sub-nets of a step need not make.

    `model` is the one built from the config, without a wrapper.

    Raises:
        ConfigError: says which variable to set.
    """
    if cfg.launcher == 'none' or not isinstance(model, SuperNet) or model.inactive == 'decay':
        return
    # mmengine reads the variable only where no wrapper is described.
    wrapper = cfg.get('model_wrapper_cfg')
    if (cfg if wrapper is None else wrapper).get('find_unused_parameters', False):
        return
    at = cfg.filename if wrapper is None else f'{cfg.filename}: model_wrapper_cfg'
    needed: dict[str, Any] = {
        'where': f'{at}: find_unused_parameters',
        'got': False,
        'allowed': "True for several processes with model.inactive='skip'",
        'hint': "or set model.inactive='decay'",
    }
    backbone = model.backbone
    if model.backward == 'each':
        raise ConfigError(
            "with model.backward='each' the last sub-net of a step need not use all weights",
            **needed,
        )
    used = {id(p) for arch in _surely_run(model) for _, p in backbone.active_parameters(arch)}
    learned = [(name, p) for name, p in backbone.named_parameters() if p.requires_grad]
    idle = [name for name, p in learned if id(p) not in used]
    if idle:
        raise ConfigError(
            f'a step need not use {len(idle)} of {len(learned)} weights of the supernet, such as '
            f'{idle[0]!r}',
            **needed,
        )


def _surely_run(model: SuperNet) -> tuple[Any, ...]:
    """Archs that every step trains, whatever is drawn."""
    sampler: Any = model.sampler
    if isinstance(sampler, SandwichSampler):
        return (model.backbone.space.largest(), model.backbone.space.smallest())
    return (sampler.arch,) if isinstance(sampler, FixedSampler) else ()


def _give_each_a_backward(cfg: Config) -> None:
    """Several processes need a wrapper that knows of it: mmengine's would train as 'summed'."""
    if cfg.launcher == 'none' or cfg.model.get('backward', 'summed') != 'each':
        return
    wrapper = cfg.get('model_wrapper_cfg') or {}
    if wrapper.get('type', SUPERNET_DDP) not in (SUPERNET_DDP, 'MMDistributedDataParallel'):
        raise ConfigError(
            where=f'{cfg.filename}: model_wrapper_cfg.type',
            got=wrapper['type'],
            allowed=f"{SUPERNET_DDP!r} for model.backward='each'",
            hint='leave the type out',
        )
    cfg.model_wrapper_cfg = {
        'broadcast_buffers': False,
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
        **wrapper,
        'type': SUPERNET_DDP,
    }


def _meet_on_cpu(cfg: Config) -> None:
    """Make a torchrun without GPUs work: mmengine's own start-up asks for CUDA devices."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = {
        'type': 'MMDistributedDataParallel',
        'broadcast_buffers': False,
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
        **(cfg.get('model_wrapper_cfg') or {}),
        'device_ids': None,
    }
