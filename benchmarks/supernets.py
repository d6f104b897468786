#!/usr/bin/env python3
"""Which supernets rank: samplers, distillation, start and learning rate, on the scenes benchmark.

    python benchmarks/supernets.py [--seeds 3] [--only NAME ...] [--work work_dirs/hr_scenes]

One command, which goes on where it stopped. Every supernet has the config of the benchmark but for
what its name says, and runs as many sub-nets in all: a sandwich, which runs four in a step, has a
quarter of the steps. It evaluates the networks that `benchmarks/hr_scenes.py` trained alone, and
prints Kendall's tau against their scores, the scores of the smallest and the largest network, the
minutes of the training, and differences of supernets that differ in one thing, paired by seed. The
scores go to --out, from which `benchmarks/scenes_ranks.py` prints the same tables.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from hr_scenes import SEARCH, SUPERNET, TEACHER, appended, networks, read_rows, say, space, trained
from mmengine.config import Config
from scenes_ranks import RECIPE, RESULTS, Variant, differences, reference, summary, supernets
from scenes_training import QuickEvaluator, quiet

from scalenas.benchmarks.table import Alone
from scalenas.staging import write_whole

SAMPLERS: dict[str, dict[str, Any]] = {
    'grouped': {'type': 'grouped'},
    'released': {'type': 'grouped', 'released': True},
    'sandwich': {'type': 'sandwich', 'num_random': 2},
    'uniform': {'type': 'uniform'},
}


def changes(one: Variant, teacher: Path, seed: int) -> dict[str, Any]:
    """What the config of a supernet has in the place of the recipe's; all that a name says."""
    cfg, slow = Config.fromfile(SUPERNET), Config.fromfile(TEACHER)
    iterations = cfg.train_cfg.max_iters // (4 if one.sampler == 'sandwich' else 1)
    distillation: dict[str, Any] | None = None
    if one.distilled:
        frozen = {'type': 'frozen', 'checkpoint': str(teacher)}
        asked = {'teacher': frozen, 'weight': one.weight}
        distillation = {'_delete_': True, **cfg.model.distillation, **asked}
    schedulers = [dict(each) for each in cfg.param_scheduler]
    schedulers[-1]['end'] = iterations
    return {
        'model.sampler': {'_delete_': True, **SAMPLERS[one.sampler], 'seed': seed},
        'model.distillation': distillation,
        'model.init_from': {'checkpoint': str(teacher)} if one.started else None,
        'optim_wrapper.optimizer.lr': slow.optim_wrapper.optimizer.lr * one.rate,
        'param_scheduler': schedulers,
        'train_cfg.max_iters': iterations,
    }


def variants() -> list[Variant]:
    """The recipe, more rates, and all samplers with and without the teacher and its weights."""
    rates = [replace(RECIPE, rate=rate) for rate in (1.0, 0.3, 0.1, 3.0)]
    rates += [replace(RECIPE, distilled=False), replace(RECIPE, weight=0.1)]
    rest = [
        Variant(sampler, distilled, started, 0.3 if started else 1.0)
        for distilled in (True, False)
        for started in (True, False)
        for sampler in SAMPLERS
    ]
    return list(dict.fromkeys([*rates, *rest]))


def study(args: argparse.Namespace) -> None:
    """Supernet after supernet; all variants with one seed before the next seed."""
    archs = networks(space())
    alone = read_rows(args.work / 'alone.csv')
    slots = sorted({int(row['slot']) for row in alone})
    if len(slots) < 3:
        raise SystemExit('first: python benchmarks/hr_scenes.py --only data supernet alone')
    teacher = trained(TEACHER, args.work)
    file = args.work / 'supernets.csv'
    done = {(row['variant'], int(row['seed'])) for row in read_rows(file)}
    wanted = [v for v in variants() if not args.only or v.name in args.only]
    left = [(v, seed) for seed in range(args.seeds) for v in wanted if (v.name, seed) not in done]
    start = time.monotonic()
    for number, (variant, seed) in enumerate(left):
        began = time.monotonic()
        work = args.work / variant.name
        work.mkdir(exist_ok=True)
        checkpoint = trained(SUPERNET, work, seed, **changes(variant, teacher, seed))
        seconds = time.monotonic() - began
        evaluator = QuickEvaluator.from_config(Config.fromfile(SEARCH), checkpoint)
        row: dict[str, object] = {'variant': variant.name, 'seed': seed, 'seconds': seconds}
        for slot in dict.fromkeys((0, len(archs) - 1, *slots)):
            row[f'net{slot}'] = evaluator(archs[slot])['mIoU']
        appended(file, row)
        checkpoint.unlink()
        ahead = (time.monotonic() - start) / (number + 1) * (len(left) - number - 1)
        say(
            f'{variant.name}, seed {seed}: done; {len(left) - number - 1} to do, {ahead:.0f} s left'
        )


def report(args: argparse.Namespace) -> str:
    """The tables of what was trained; writes the lines to --out."""
    of = space()
    archs = networks(of)
    seeds: dict[int, dict[int, dict[str, float]]] = {}
    for row in read_rows(args.work / 'alone.csv'):
        slot, seed = int(row.pop('slot')), int(row.pop('seed'))
        seeds.setdefault(slot, {})[seed] = {name: float(value) for name, value in row.items()}
    alone = [Alone(archs[slot], seeds[slot]) for slot in sorted(seeds)]
    write_whole(args.out, (args.work / 'supernets.csv').read_text())
    found = supernets(read_rows(args.out))
    against = reference(of, archs, alone)
    ends = (0, len(archs) - 1)
    return f'{summary(found, against, ends)}\n\n{differences(found, against)}'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [variant.name for variant in variants()]
    parser.add_argument('--only', nargs='+', choices=names, metavar='NAME', help=', '.join(names))
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/hr_scenes'))
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    study(args)
    print(report(args))


if __name__ == '__main__':
    main()
