#!/usr/bin/env python
"""Does a supernet order networks well? Its scores of sampled paths against their MACs, and
against the scores of networks that were trained alone. Give the same command again to continue.

With --alone, and without --archs, the networks are those of the CSV.

python tools/rank_study.py CONFIG CHECKPOINT --num 6000
python tools/rank_study.py CONFIG2 CHECKPOINT2 --archs work_dirs/NAME_ranks/paths.json
python tools/rank_study.py CONFIG CHECKPOINT --alone scores.csv
python tools/rank_study.py CONFIG CHECKPOINT --train CONFIG_OF_ONE_NETWORK --num-alone 6
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from scalenas.cli import main_of
from scalenas.config import DictAction
from scalenas.rank_study import RankJob


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='of the supernet, with `search` and `search_dataloader`')
    parser.add_argument('checkpoint', help='of the supernet')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/NAME_ranks')
    parser.add_argument('--num', type=int, default=200, help='paths (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the paths and of the bootstrap')
    parser.add_argument('--archs', metavar='JSON', help='the paths of another study instead')
    parser.add_argument('--alone', metavar='CSV', help='scores of networks (arch, score)')
    parser.add_argument('--train', metavar='CONFIG', help='train some of the paths alone by this')
    parser.add_argument('--num-alone', type=int, default=6, help='how many (default: %(default)s)')
    parser.add_argument('--train-options', nargs='+', default=[], help='--cfg-options of --train')
    parser.add_argument('--name', help='in table and figure (default: of the config)')
    parser.add_argument('--resamples', type=int, default=1000, help='of the bootstrap')
    parser.add_argument('--device', help='cpu, cuda or cuda:N (default: as training, a GPU if any)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    logging.getLogger('optuna').setLevel(logging.WARNING)
    job = RankJob.of(args)
    print(job.run())
    print(f'written: ranks.md, ranks.png, paths.json in {job.work}')


if __name__ == '__main__':
    main_of(main)
