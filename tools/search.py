#!/usr/bin/env python
"""Search a trained supernet. Give the same command again to continue, or to add a worker."""

import argparse
import logging

from scalenas.cli import add_budget, budget_of, main_of
from scalenas.config import DictAction, read_config
from scalenas.search import ALGORITHMS, Places, ProgressLine, SearchPlan, as_wait, run_search


def parse_args() -> argparse.Namespace:
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
    parser.add_argument('--report-only', action='store_true', help='write the tables and picture')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    wait = as_wait(args.storage_wait)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    logging.getLogger('optuna').setLevel(logging.ERROR)  # the study tells it in one line
    from scalenas.visualization.search_report import SearchReport

    cfg = read_config(args.config, args.cfg_options)
    asked = SearchPlan.from_dict(cfg.get('search'))
    plan = asked.with_(args.algorithm, args.num_evaluations, args.seed, budget_of(args))
    work = cfg.get('work_dir') if args.work_dir is None else args.work_dir
    given = (args.config, work, args.storage, args.study_name)
    places = Places.of(*given, plan.algorithm, asked.algorithm)
    report = SearchReport(places, plan.objectives)
    if args.report_only:
        report(places.read(plan.objectives).records())
        return
    from scalenas.evaluation import SubnetEvaluator

    places.check()
    evaluator = SubnetEvaluator.from_config(cfg, args.checkpoint, args.device)
    search = plan.build(evaluator.space, evaluator.counter(plan.size))
    report.search = search
    settings = plan.settings(search, args.checkpoint, cfg)
    report.study = study = places.open(plan.objectives, settings, wait)
    with ProgressLine(plan.objectives, search.num_total) as line:
        run_search(
            search,
            study,
            plan.scored(evaluator),
            seed=plan.seed,
            progress=line,
            after=report.on_the_way,
        )
    # Once more: an alternating search notes its last iteration when it is asked for more.
    report(study.records())
    print(f'{len(study.records())} networks evaluated; the front is in {places.report}')


if __name__ == '__main__':
    main_of(main)
