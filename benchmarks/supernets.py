#!/usr/bin/env python3
"""Which supernets rank: samplers, distillation, start and learning rate, on the scenes benchmark.

    python benchmarks/supernets.py [--seeds 3] [--only NAME ...] [--work work_dirs/hr_scenes]

One command, which goes on where it stopped. Every supernet has the config of the benchmark but for
what its name says, and runs as many sub-nets in all: a sandwich, which runs four in a step, has a
quarter of the steps. It evaluates the networks that `benchmarks/hr_scenes.py` trained alone, and
prints Kendall's tau against their scores, the scores of the smallest and the largest network, the
minutes of the training, and what differs from the recipe, paired by seed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from hr_scenes import SEARCH, SUPERNET, TEACHER, appended, networks, read_rows, say, space, trained
from mmengine.config import Config
from scenes_training import QuickEvaluator, quiet
from searched_against_scaled import interval

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
    """The recipe, and all samplers with and without the teacher and its weights; more rates."""
    rates = [Variant('grouped', True, True, rate) for rate in (0.3, 0.1, 1.0, 3.0)]
    rates += [Variant('grouped', False, True, 1.0)]
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


class Seen(NamedTuple):
    """Of one supernet: Kendall's tau with networks alone, scores in percent, and minutes."""

    tau: float
    mean: float
    smallest: float
    largest: float
    minutes: float


def seen(args: argparse.Namespace) -> tuple[int, dict[str, dict[int, Seen]]]:
    """How many networks were trained alone; what was seen by variant and seed."""
    scores: dict[int, list[float]] = {}
    for row in read_rows(args.work / 'alone.csv'):
        scores.setdefault(int(row['slot']), []).append(float(row['mIoU']))
    slots = sorted(scores)
    alone = [statistics.mean(scores[slot]) for slot in slots]
    found: dict[str, dict[int, Seen]] = {}
    for row in read_rows(args.work / 'supernets.csv'):
        shown = [float(row[f'net{slot}']) for slot in slots]
        tau = rank_study(shown, alone).kendall.value
        one = Seen(tau, statistics.mean(shown), shown[0], shown[-1], float(row['seconds']) / 60)
        found.setdefault(row['variant'], {})[int(row['seed'])] = one
    return len(slots), found


def summary(args: argparse.Namespace) -> str:
    """As Markdown: a row for each variant, with the mean and the range over its seeds."""
    count, found = seen(args)
    names = (f'tau against {count} networks alone', 'their mean mIoU', 'smallest', 'largest')
    lines = [f'| supernet | seeds | {" | ".join(names)} | minutes |', '|---' * 7 + '|']
    for name, seeds in sorted(found.items(), key=lambda item: -_mean_tau(item[1])):
        cells = [spread_text(values) for values in zip(*seeds.values(), strict=True)]
        lines.append(f'| {name} | {len(seeds)} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _mean_tau(seeds: dict[int, Seen]) -> float:
    return statistics.mean(one.tau for one in seeds.values())


def compared(args: argparse.Namespace) -> str:
    """As Markdown: variants minus the recipe, paired by seed, of those with two seeds or more."""
    _, found = seen(args)
    recipe = variants()[0].name
    lines = [f'| minus {recipe} | seeds | tau | mean mIoU |', '|---' * 4 + '|']
    for name, seeds in found.items():
        common = sorted(set(seeds) & set(found.get(recipe, {})))
        if name == recipe or len(common) < 2:
            continue
        cells = []
        for field in ('tau', 'mean'):
            apart = [getattr(seeds[s], field) - getattr(found[recipe][s], field) for s in common]
            cells.append('{:+.2f} [{:+.2f}, {:+.2f}]'.format(*interval(apart)))
        lines.append(f'| {name} | {len(common)} | {" | ".join(cells)} |')
    return '\n'.join(lines) if len(lines) > 2 else ''


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
    if text := compared(args):
        print(f'\nDifferences with 95 % intervals (Student, over seeds):\n\n{text}')


if __name__ == '__main__':
    main()
