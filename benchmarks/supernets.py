#!/usr/bin/env python3
"""Which supernets rank: samplers, distillation, start and learning rate, on the scenes benchmark.

    python benchmarks/supernets.py [--seeds 3] [--only NAME ...] [--work work_dirs/hr_scenes]

One command, which goes on where it stopped. Every supernet has the config of the benchmark but for
what its name says, and runs as many sub-nets in all: a sandwich, which runs four in a step, has a
quarter of the steps. It evaluates the networks that `benchmarks/hr_scenes.py` trained alone, and
prints Kendall's tau against their scores, the scores of the smallest and the largest network, and
the minutes of the training.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from hr_scenes import SEARCH, SUPERNET, TEACHER, appended, networks, read_rows, say, space, trained
from mmengine.config import Config
from scenes_training import QuickEvaluator, quiet

from scalenas.search import rank_study

SAMPLERS: dict[str, dict[str, Any]] = {
    'grouped': {'type': 'grouped'},
    'released': {'type': 'grouped', 'released': True},
    'sandwich': {'type': 'sandwich', 'num_random': 2},
    'uniform': {'type': 'uniform'},
}


@dataclass(frozen=True)
class Variant:
    """One supernet; `rate` is its learning rate in those of the teacher."""

    sampler: str
    distilled: bool
    started: bool
    rate: float

    @property
    def name(self) -> str:
        """For files and tables."""
        return '-'.join(
            (
                self.sampler,
                'kd' if self.distilled else 'labels',
                'start' if self.started else 'noise',
                f'{self.rate:g}',
            )
        )

    def changes(self, teacher: Path, seed: int) -> dict[str, Any]:
        """What its config has in the place of the recipe's."""
        cfg, slow = Config.fromfile(SUPERNET), Config.fromfile(TEACHER)
        iterations = cfg.train_cfg.max_iters // (4 if self.sampler == 'sandwich' else 1)
        distillation: dict[str, Any] | None = None
        if self.distilled:
            frozen = {'type': 'frozen', 'checkpoint': str(teacher)}
            distillation = {'_delete_': True, **cfg.model.distillation, 'teacher': frozen}
        schedulers = [dict(one) for one in cfg.param_scheduler]
        schedulers[-1]['end'] = iterations
        return {
            'model.sampler': {'_delete_': True, **SAMPLERS[self.sampler], 'seed': seed},
            'model.distillation': distillation,
            'model.init_from': {'checkpoint': str(teacher)} if self.started else None,
            'optim_wrapper.optimizer.lr': slow.optim_wrapper.optimizer.lr * self.rate,
            'param_scheduler': schedulers,
            'train_cfg.max_iters': iterations,
        }


def variants() -> list[Variant]:
    """The recipe, and all samplers with and without the teacher and its weights; two more rates."""
    rates = [Variant('grouped', True, True, rate) for rate in (0.3, 0.1, 1.0)]
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
        checkpoint = trained(SUPERNET, work, seed, **variant.changes(teacher, seed))
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


def summary(args: argparse.Namespace) -> str:
    """As Markdown: a row for each variant, with the mean and the range over its seeds."""
    scores: dict[int, list[float]] = {}
    for row in read_rows(args.work / 'alone.csv'):
        scores.setdefault(int(row['slot']), []).append(float(row['mIoU']))
    slots = sorted(scores)
    alone = [sum(scores[slot]) / len(scores[slot]) for slot in slots]
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for row in read_rows(args.work / 'supernets.csv'):
        shown = [float(row[f'net{slot}']) for slot in slots]
        tau = rank_study(shown, alone).kendall.value
        ends = (float(row[f'net{slot}']) for slot in (slots[0], slots[-1]))
        found.setdefault(row['variant'], []).append((tau, *ends, float(row['seconds']) / 60))
    head = f'tau against {len(slots)} networks alone'
    lines = [f'| supernet | seeds | {head} | smallest, mIoU | largest, mIoU | minutes |']
    lines.append('|---' * 6 + '|')
    for name, rows in sorted(found.items(), key=lambda item: -sum(r[0] for r in item[1])):
        cells = [spread_text(values) for values in zip(*rows, strict=True)]
        lines.append(f'| {name} | {len(rows)} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def spread_text(values: tuple[float, ...]) -> str:
    """The mean, with the least and the most of several seeds."""
    mean = sum(values) / len(values)
    digits = 2 if max(values) < 10 else 1
    if len(values) == 1:
        return f'{mean:.{digits}f}'
    return f'{mean:.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [variant.name for variant in variants()]
    parser.add_argument('--only', nargs='+', choices=names, metavar='NAME', help=', '.join(names))
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/hr_scenes'))
    args = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    study(args)
    print(summary(args))


if __name__ == '__main__':
    main()
