"""From a config to a running Runner, for any package of the ecosystem."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from scalenas.config import ConfigError, check_data, clear_errors, read_config

from .hooks import WeightsHook
from .options import TO_TEST, TO_TRAIN, test_config, train_config
from .resume import usable_checkpoint


def train(args: argparse.Namespace) -> Runner:
    """Train as tools/train.py is asked to.

    Raises:
        UserError: one line, when the config, the data or a checkpoint does not allow it.
    """
    cfg = train_config(args, read_config(args.config, args.cfg_options, TO_TRAIN))
    loaders = ('train_dataloader',) if args.no_validate else ('train_dataloader', 'val_dataloader')
    runner = build_runner(cfg, loaders)
    with clear_errors(cfg):
        runner.train()
    return runner


def test(args: argparse.Namespace) -> dict[str, Any]:
    """Test as tools/test.py is asked to; the metrics.

    Raises:
        UserError: one line, when the config, the data or the checkpoint does not allow it.
    """
    cfg = test_config(args, read_config(args.config, args.cfg_options, TO_TEST))
    runner = build_runner(cfg, ('test_dataloader',))
    with clear_errors(cfg):
        metrics: dict[str, Any] = runner.test()
    return metrics


def build_runner(cfg: Config, loaders: tuple[str, ...]) -> Runner:
    """The Runner of a config, after its data and checkpoint were found to be usable."""
    check_parallel(cfg)
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        _meet_on_cpu(cfg)
    check_data(cfg, loaders)
    path = usable_checkpoint(cfg)
    with clear_errors(cfg):
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    if path is not None:
        exact = cfg.get('resume', False) or 'train_dataloader' not in loaders
        runner.register_hook(WeightsHook(path, exact))
    return runner


def check_parallel(cfg: Config) -> None:
    """Pass unless DDP would wait for gradients that a sampled sub-net does not make.

    Raises:
        ConfigError: says which variable to set.
    """
    model = cfg.model
    if cfg.launcher == 'none' or model.get('type') != 'scalenas.SuperNet':
        return
    wrapper = cfg.get('model_wrapper_cfg') or {}
    finds = wrapper.get('find_unused_parameters', cfg.get('find_unused_parameters', False))
    all_used = model.get('inactive') == 'decay' or model.sampler.get('type') in (
        'sandwich',
        'fixed',
    )
    if not finds and not all_used:
        raise ConfigError(
            f"{cfg.filename}: several processes, one sub-net a step and inactive='skip' need "
            "find_unused_parameters = True (or model.inactive='decay')"
        )


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
