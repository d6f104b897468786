#!/usr/bin/env python
"""Search a trained supernet. Give the same command again to continue, or to add a worker."""

import argparse
import logging
from pathlib import Path

from mmengine.config import DictAction

from scalenas.cli import main_of
from scalenas.search import ALGORITHMS, ProgressLine, SearchPlan, SearchStudy, run_search


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='of the supernet, with `search` and `search_dataloader`')
    parser.add_argument('checkpoint', help='of the supernet')
    parser.add_argument('--work-dir', help='default: work_dirs/ and the name of the config')
    parser.add_argument('--algorithm', choices=tuple(ALGORITHMS), help="default: the config's")
    parser.add_argument('--storage', help='.db or .journal file, or URL (default: in the work dir)')
    parser.add_argument('--study-name', help='default: names of the config and the algorithm')
    for name, text in (('--num-evaluations', 'in all; more continue a search'), ('--seed', None)):
        parser.add_argument(name, type=int, help=text)
    for bound in ('--max-macs', '--max-params', '--max-acts'):
        parser.add_argument(bound, type=float, help='of the whole model, e.g. 2e9')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--report-only', action='store_true', help='write the tables and picture')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    logging.getLogger('optuna').setLevel(logging.WARNING)
    from scalenas.config import read_config
    from scalenas.visualization.search_report import SearchReport

    cfg = read_config(args.config, args.cfg_options)
    bounds = {name: getattr(args, name) for name in ('max_macs', 'max_params', 'max_acts')}
    asked = SearchPlan.from_dict(cfg.get('search'))
    plan = asked.with_(args.algorithm, args.num_evaluations, args.seed, **bounds)
    stem = Path(args.config).stem
    work_dir = Path(args.work_dir or cfg.get('work_dir') or f'work_dirs/{stem}')
    where = args.storage or str(work_dir / 'study.db')
    name = args.study_name or f'{stem}_{plan.algorithm}'
    beside = args.study_name or (plan.algorithm if plan.algorithm != asked.algorithm else '')
    report = SearchReport(work_dir / beside, plan.objective, where, f'{stem}_random', name)
    if args.report_only:
        report(SearchStudy.read(where, name).records())
        return
    from scalenas.evaluation import SubnetEvaluator

    evaluator = SubnetEvaluator.from_config(cfg, args.checkpoint, args.device)
    search = plan.build(evaluator.space, evaluator.counter(plan.size))
    data = {key: cfg[key] for key in ('search_dataloader', 'calibration_dataloader')}
    settings = plan.settings(search, args.checkpoint, data)
    study = SearchStudy.open(where, name, plan.objective, settings)
    with ProgressLine(plan.objective, search.num_total) as line:
        run_search(search, study, evaluator, seed=plan.seed, progress=line, after=report)
    print(f'{len(study.records())} networks evaluated; the front is in {report.folder}')


if __name__ == '__main__':
    main_of(main)
