"""`scalenas train` and `scalenas test`: what configs of any package of OpenMMLab describe."""

from __future__ import annotations

import argparse

from scalenas.cli import add_cfg_options

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def train_parser() -> argparse.ArgumentParser:
    """The command line of `scalenas train`."""
    parser = argparse.ArgumentParser(description='Train what a config describes')
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from the last checkpoint in the work dir, or from the one given',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument('--no-validate', action='store_true', help='train without validating')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size (auto_scale_lr.base_batch_size)',
    )
    _add_common(parser)
    return parser


def test_parser() -> argparse.ArgumentParser:
    """The command line of `scalenas test`."""
    parser = argparse.ArgumentParser(description='Test a checkpoint of what a config describes')
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path of the checkpoint')
    parser.add_argument('--out', help='folder for the predictions (as the metric writes them)')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='folder for painted predictions')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds per shown image')
    parser.add_argument('--tta', action='store_true', help='test time augmentation')
    parser.add_argument(
        '--arch',
        help="sub-net of a supernet: a zoo name, a YAML file, 'smallest' or 'largest'",
    )
    _add_common(parser)
    return parser


def train(args: argparse.Namespace) -> None:
    """Train."""
    from scalenas.training import launch

    launch.train(args)


def test(args: argparse.Namespace) -> None:
    """Test."""
    from scalenas.training import launch

    launch.test(args)


def _add_common(parser: argparse.ArgumentParser) -> None:
    """The options that all tools of the ecosystem have."""
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    add_cfg_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='job launcher')
    # torch.distributed.launch passes either spelling; torchrun sets LOCAL_RANK itself.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
