"""Search a trained supernet. Give the same command again to continue, or to add a worker."""

import argparse
import logging

from scalenas.cli import add_budget, add_cfg_options, budget_of
from scalenas.errors import UserError
from scalenas.search import ALGORITHMS, as_wait


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='of the supernet, with `search` and `search_dataloader`')
    parser.add_argument('checkpoint', help='of the supernet')
    parser.add_argument('--work-dir', help='default: work_dirs/ and the name of the config')
    parser.add_argument('--algorithm', choices=tuple(ALGORITHMS), help="default: the config's")
    parser.add_argument('--storage', help='.db or .journal file, or URL (default: in the work dir)')
    parser.add_argument('--storage-wait', type=float, help='seconds, if it is away (default: 1800)')
    parser.add_argument('--study-name', help='default: names of the config and the algorithm')
    for name, text in (('--num-evaluations', 'in all; more continue a search'), ('--seed', None)):
        parser.add_argument(name, type=int, help=text)
    add_budget(parser, 'what a whole model may cost')
    parser.add_argument('--device', help='cpu, cuda or cuda:N (default: as training, a GPU if any)')
    parser.add_argument('--report-only', action='store_true', help='write the tables and figure')
    add_cfg_options(parser, {})
    return parser


def main(args: argparse.Namespace) -> None:
    """Search, or write the report of what was searched."""
    wait = as_wait(args.storage_wait)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    from scalenas.searching import read, run

    where = {
        'work_dir': args.work_dir,
        'algorithm': args.algorithm,
        'storage': args.storage,
        'study_name': args.study_name,
        'cfg_options': args.cfg_options,
    }
    if args.report_only:
        for name in ('num_evaluations', 'seed', 'device', 'max', 'min'):
            if getattr(args, name) not in (None, []):
                option = f'--{name.replace("_", "-")}'
                raise UserError('nothing is evaluated', where=f'{option} with --report-only')
        read(args.config, **where)
        return
    result = run(
        args.config,
        args.checkpoint,
        num_evaluations=args.num_evaluations,
        seed=args.seed,
        budget=budget_of(args),
        storage_wait=wait,
        device=args.device,
        **where,
    )
    print(f'{len(result)} networks evaluated; the front is in {result.folder}')
