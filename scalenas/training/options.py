"""What the command line options of training and testing do to a config."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.registry import METRICS

from scalenas.config.parts import accepted
from scalenas.errors import ConfigError
from scalenas.tasks import task_of

TO_TRAIN = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
TO_TEST = ('model', 'test_dataloader', 'test_cfg', 'test_evaluator')
STARTED_BY = {
    'pytorch': ('RANK', 'tools/dist_train.sh or torchrun'),
    'slurm': ('SLURM_PROCID', 'tools/slurm_train.sh or srun'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpirun'),
}
"""Launcher -> a variable that it sets, and the command that starts it."""


def train_config(args: argparse.Namespace, cfg: Config) -> Config:
    """The config with the options of tools/train.py applied."""
    _common(args, cfg)
    if args.amp:
        _use_amp(cfg)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ConfigError(
                f'{cfg.filename} has no auto_scale_lr.base_batch_size, the batch size that its '
                'learning rate is meant for',
                where='--auto-scale-lr',
            )
        cfg.auto_scale_lr.enable = True
    if args.resume == 'auto':
        # With nothing to resume yet the run starts as the config says, from its load_from, too.
        if (Path(cfg.work_dir) / 'last_checkpoint').exists():
            # With a load_from, mmengine would resume from that and forget what was trained.
            cfg.resume, cfg.load_from = True, None
    elif args.resume is not None:
        cfg.resume, cfg.load_from = True, args.resume
    return cfg


def test_config(args: argparse.Namespace, cfg: Config) -> Config:
    """The config with the options of tools/test.py applied."""
    _common(args, cfg)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        hook = cfg.get('default_hooks', {}).get('visualization')
        if hook is None:
            raise ConfigError(
                f'{cfg.filename} has no default_hooks.visualization to draw with', where='--show'
            )
        task_of(cfg).draw(hook, args.show_dir)
        if args.show:
            hook.update(show=True, wait_time=args.wait_time)
        if args.show_dir:
            cfg.visualizer.save_dir = args.show_dir
    if args.tta:
        if cfg.model.type == 'scalenas.SuperNet':
            raise ConfigError(
                'a supernet has none',
                where='--tta',
                hint='export the sub-net with tools/export.py and test that',
            )
        for name in ('tta_model', 'tta_pipeline'):
            if name not in cfg:
                raise ConfigError(f'{cfg.filename} has no {name}', where='--tta')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    if args.out is not None:
        evaluators = cfg.test_evaluator
        for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
            evaluator.update(_output(evaluator, args.out, cfg.get('default_scope')))
    if args.arch is not None:
        if cfg.model.type != 'scalenas.SuperNet':
            raise ConfigError(
                where=f'--arch: {cfg.filename}: model.type',
                got=cfg.model.type,
                allowed="'scalenas.SuperNet'",
                hint='leave --arch out, or give the config of the supernet',
            )
        cfg.test_cfg = ConfigDict(type='scalenas.SubnetValLoop', archs=[args.arch])
    _check_files(args, cfg)
    return cfg


def _output(evaluator: ConfigDict, folder: str, scope: str | None) -> dict[str, object]:
    """What makes a metric keep predictions in `folder`."""
    kind = str(evaluator.get('type')).split('.')[-1]
    with METRICS.switch_scope_and_registry(scope) as registry:
        metric = registry.get(str(evaluator.get('type')))
    # One that nobody registered is diagnosed when it is built.
    known = None if metric is None else accepted(metric)
    if known is not None and 'outfile_prefix' in known:
        return {'outfile_prefix': str(Path(folder) / 'predictions')}
    if known is not None and 'output_dir' not in known:
        raise ConfigError(f'{kind} keeps no predictions', where='--out', hint='leave it out')
    return {'output_dir': folder, 'keep_results': True}


def _check_files(args: argparse.Namespace, cfg: Config) -> None:
    """Predictions of several sub-nets would lie in files of the same names."""
    loop = cfg.test_cfg
    count = len(loop.get('archs', ('smallest', 'largest')))
    if str(loop.get('type')).split('.')[-1] != 'SubnetValLoop' or count == 1:
        return
    for option, folder in (('--out', args.out), ('--show-dir', args.show_dir)):
        if folder is not None:
            raise ConfigError(
                f'{cfg.filename} tests {count} sub-nets, which would overwrite the files of one '
                'another',
                where=option,
                got=folder,
                hint='name one with --arch',
            )


def _common(args: argparse.Namespace, cfg: Config) -> None:
    variable, command = STARTED_BY.get(args.launcher, (None, ''))
    if variable is not None and variable not in os.environ:
        raise ConfigError(
            f'{variable} is not set',
            where='--launcher',
            got=args.launcher,
            hint=f'start it with {command}, or leave --launcher out',
        )
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)


def _use_amp(cfg: Config) -> None:
    if get_device() == 'cpu':
        raise ConfigError(
            'needs a GPU, and none is to be seen here', where='--amp', hint='leave it out'
        )
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ConfigError(where='--amp: optim_wrapper.type', got=kind, allowed="'OptimWrapper'")
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
