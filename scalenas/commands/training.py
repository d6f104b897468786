"""`scalenas train`, `test` and `search`: what works on a supernet, or any model of OpenMMLab."""

from __future__ import annotations

import argparse
import logging
import shlex
from pathlib import Path
from typing import Any

from scalenas.cli import add_budget, add_cfg_options, budget_of
from scalenas.errors import UserError

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')

SEARCH = """Search a trained supernet. Give the same command again to continue, or to add a worker.

scalenas search CONFIG CHECKPOINT
scalenas search WORK_DIR --num-evaluations 400     continues the search there
"""

READ = ('config', 'work_dir', 'algorithm', 'storage', 'study_name', 'cfg_options')
"""Arguments of `scalenas.search.read`."""


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


def search_parser() -> argparse.ArgumentParser:
    """The command line of `scalenas search`."""
    from scalenas.search import ALGORITHMS

    parser = argparse.ArgumentParser(
        description=SEARCH, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'config',
        help='of the supernet, with `search` and `search_dataloader`; or the work dir of a search '
        'that is to go on, which knows the rest',
    )
    parser.add_argument('checkpoint', nargs='?', help='of the supernet')
    parser.add_argument('--work-dir', help='default: work_dirs/ and the name of the config')
    parser.add_argument('--algorithm', choices=tuple(ALGORITHMS), help="default: the config's")
    parser.add_argument('--storage', help='.db or .journal file, or URL (default: in the work dir)')
    parser.add_argument('--storage-wait', type=float, help='seconds, if it is away (default: 1800)')
    parser.add_argument('--study-name', help='default: names of the config and the algorithm')
    of_workers = "'async': no worker waits for another one (default: the config's)"
    parser.add_argument('--mode', choices=('sync', 'async'), help=of_workers)
    for name, text in (('--num-evaluations', 'in all; more continue a search'), ('--seed', None)):
        parser.add_argument(name, type=int, help=text)
    add_budget(parser, 'what a whole model may cost')
    parser.add_argument('--device', help='cpu, cuda or cuda:N (default: as training, a GPU if any)')
    parser.add_argument('--report-only', action='store_true', help='write the tables and figure')
    add_cfg_options(parser, {})
    return parser


def search(args: argparse.Namespace) -> None:
    """Search, or write the report of what was searched."""
    from scalenas.search import as_wait

    wait = as_wait(args.storage_wait)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    from scalenas.searching import read, run

    call = call_of(args)
    if args.report_only:
        for name in ('num_evaluations', 'seed', 'mode', 'device', 'max', 'min'):
            if getattr(args, name) not in (None, []):
                option = f'--{name.replace("_", "-")}'
                raise UserError('nothing is evaluated', where=f'{option} with --report-only')
        read(**{name: call.get(name) for name in READ})
        return
    result = run(**call, storage_wait=wait, device=args.device)
    print(f'{len(result)} networks evaluated; the front is in {result.folder}')
    print(f'take one out: {args.form.format("export")} {shlex.quote(str(result.folder))}')


def call_of(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `scalenas.search.run`: those given, and those of the search that goes on.

    Raises:
        UserError: when the folder holds no search, or the options are those of another.
    """
    from scalenas.search import Start

    names = ('checkpoint', 'num_evaluations', 'seed', 'mode', *READ[1:])
    given = {name: getattr(args, name) for name in names}
    given = {name: value for name, value in given.items() if value not in (None, {})}
    if budget := budget_of(args):
        given['budget'] = budget
    if Path(args.config).is_dir():
        for name in ('work_dir', 'algorithm', 'study_name', 'mode'):
            if name in given:
                option = f'--{name.replace("_", "-")}'
                hint = 'give the config and the checkpoint instead of the work dir'
                raise UserError('begins another search', where=option, got=given[name], hint=hint)
        known = Start.of_report(args.config).call(args.config)
        options = {**known['cfg_options'], **given.pop('cfg_options', {})}
        return {**known, **given, 'cfg_options': options}
    if args.checkpoint is None and not args.report_only:
        hint = 'only the work dir of a search knows its own'
        raise UserError('is needed with a config', where='CHECKPOINT', hint=hint)
    return {'config': args.config, **given}
