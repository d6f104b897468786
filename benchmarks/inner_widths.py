#!/usr/bin/env python3
"""Are inner widths worth it: one space with and without them, on the scenes of hr_scenes.py.

    python benchmarks/inner_widths.py [--seeds 3] [--iterations 600] [--evaluations 150]
                                      [--pairs 2] [--work work_dirs/hr_scenes]

Both supernets start from one teacher, are distilled from it and trained alike, at the teacher's
learning rate, with which benchmarks/supernets.py saw them rank best. Both are searched by the
predictor with as many evaluations on the search split. Networks of both fronts are then scored on
the validation split, inside their supernets, and compared at equal MACs: the network of a front for
a number of MACs is its most expensive one within them, so no choice has seen that split. At last
pairs of these at equal MACs are trained alone. Seeds repeat all of it but the teacher. A second
start goes on. Prints tables and writes them to --out.

Inner widths are 0.5 and 1 of the channels: of branches of 8, 0.75 would be 8 again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hr_scenes import (
    ALONE,
    SEARCH,
    SUPERNET,
    TEACHER,
    appended,
    counter,
    data,
    read_rows,
    root,
    say,
    todo,
    trained,
)
from mmengine.config import Config
from scenes_ranks import interval
from scenes_training import Images, QuickEvaluator, Training, mean_iou, quiet

from scalenas.arch import HRArch
from scalenas.paths import file_digest
from scalenas.search import (
    ProgressLine,
    Record,
    SearchPlan,
    SearchStudy,
    front_of,
    hypervolume,
    run_search,
)
from scalenas.space import HRSpace, from_dict
from scalenas.staging import write_whole

SHARES: Mapping[str, tuple[float, ...]] = {'without': (1.0,), 'with': (0.5, 1.0)}
SPACE = 'model.architecture.backbone.space.inner_widths'
RATE = 'optim_wrapper.optimizer.lr'
OBJECTIVES = (('mIoU', 'max'), ('macs', 'min'))
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the MACs that both fronts have."""


class Point(NamedTuple):
    """A network of a front: its slot in the search, MACs, mIoU on search and validation split."""

    slot: int
    macs: float
    search: float
    validation: float


Front = Sequence[Point]


def config(file: Path, variant: str) -> Config:
    """A config of the recipe with the inner widths of a variant."""
    cfg = Config.fromfile(file)
    cfg.merge_from_dict({SPACE: list(SHARES[variant])})
    return cfg


def space(variant: str) -> HRSpace:
    """The space of a variant."""
    found = from_dict(config(TEACHER, variant).model.architecture.backbone.space.to_dict())
    assert isinstance(found, HRSpace)
    return found


def supernet(work: Path, folder: Path, variant: str, seed: int, iterations: int) -> Path:
    """Its checkpoint; the teacher, which has all channels, is the same for both."""
    teacher = trained(TEACHER, work)
    (folder / variant).mkdir(parents=True, exist_ok=True)
    schedulers = [dict(one) for one in Config.fromfile(SUPERNET).param_scheduler]
    schedulers[-1]['end'] = iterations
    changes = {
        RATE: Config.fromfile(TEACHER).optim_wrapper.optimizer.lr,
        SPACE: list(SHARES[variant]),
        'model.init_from.checkpoint': str(teacher),
        'model.sampler.seed': seed,
        'param_scheduler': schedulers,
        'train_cfg.max_iters': iterations,
    }
    return trained(SUPERNET, folder / variant, seed, **changes)


def searched(
    where: str,
    variant: str,
    seed: int,
    plan: SearchPlan,
    about: Mapping[str, object],
    evaluator: Callable[[], Callable[[Any], dict[str, float]]],
) -> list[Record]:
    """All networks that a search evaluated; `evaluator` is made when one is left to evaluate."""
    of = space(variant)
    algorithm = plan.build(of, counter())
    settings = {'algorithm': algorithm.settings(), 'space': of.to_dict(), 'seed': seed, **about}
    study = SearchStudy.open(where, f'{variant}_{seed}', plan.objectives, settings)
    made: list[Callable[[Any], dict[str, float]]] = []

    def evaluate(arch: Any) -> dict[str, float]:
        if not made:
            made.append(evaluator())
        return made[0](arch)

    progress = ProgressLine(plan.objectives, algorithm.num_total)
    return run_search(algorithm, study, evaluate, seed=seed, progress=progress)


def scored(
    folder: Path, checkpoint: Path, variant: str, seed: int, evaluations: int
) -> list[tuple[Point, HRArch]]:
    """The front of a search, with its scores on the validation split, by rising MACs."""
    plan = SearchPlan.from_dict(
        {'algorithm': {'type': 'predictor', 'num_total': evaluations}, 'objectives': OBJECTIVES}
    )
    cfg = config(SEARCH, variant)
    records = searched(
        str(folder / f'search{evaluations}.db'),
        variant,
        seed,
        plan,
        {'checkpoint': file_digest(checkpoint)},
        lambda: QuickEvaluator.from_config(cfg, checkpoint, 'cpu'),
    )
    found = sorted(front_of(records, plan.objectives), key=lambda record: record.cost['macs'])
    file = folder / f'validation{evaluations}.csv'
    scores = {
        int(row['slot']): float(row['mIoU'])
        for row in read_rows(file)
        if (row['variant'], int(row['seed'])) == (variant, seed)
    }
    left = [record for record in found if record.slot not in scores]
    if left:
        cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
        evaluate = QuickEvaluator.from_config(cfg, checkpoint, 'cpu', split='test')
        for record in todo(left, f'front {variant}, seed {seed}'):
            scores[record.slot] = evaluate(record.arch)['mIoU']
            row = {'variant': variant, 'seed': seed, 'slot': record.slot}
            appended(file, {**row, 'mIoU': scores[record.slot]})
    rows = []
    for record in found:
        assert isinstance(record.arch, HRArch)
        values = record.cost['macs'], record.metrics['mIoU'], scores[record.slot]
        rows.append((Point(record.slot, *values), record.arch))
    return rows


def within(front: Front, macs: float) -> Point:
    """The network of a front for so many MACs: the most expensive, which is the best by search."""
    return max((point for point in front if point.macs <= macs), key=lambda point: point.macs)


def common(fronts: Sequence[Front]) -> tuple[float, float]:
    """The MACs from which, and up to which, all fronts have networks."""
    low = max(min(point.macs for point in front) for front in fronts)
    high = min(max(point.macs for point in front) for front in fronts)
    if low >= high:
        raise SystemExit(f'no common MACs: from {low:.0f} to {high:.0f}; take more evaluations')
    return low, high


def dominated(front: Front, split: str, low: float, high: float) -> float:
    """Hypervolume from `low` to `high` MACs above a mIoU of 0, for each of these MACs: in mIoU."""
    points = [(max(point.macs, low), -float(getattr(point, split))) for point in front]
    return hypervolume(points, (high, 0.0)) / (high - low)


def chosen(front: Front, low: float, high: float) -> float:
    """The mean mIoU on the validation split of `within`, over all numbers of MACs."""
    steps = [low, *sorted(p.macs for p in front if low < p.macs < high), high]
    areas = [(b - a) * within(front, a).validation for a, b in itertools.pairwise(steps)]
    return sum(areas) / (high - low)


def compared(fronts: Mapping[str, Front]) -> dict[str, dict[str, float]]:
    """What two fronts of a seed are worth, by variant: each value in percent of mIoU."""
    low, high = common(list(fronts.values()))
    found = {}
    for variant, front in fronts.items():
        row = {
            'hypervolume, search split': dominated(front, 'search', low, high),
            'hypervolume, validation split': dominated(front, 'validation', low, high),
            'chosen by search, validation split': chosen(front, low, high),
        }
        for place in PLACES:
            macs = low + place * (high - low)
            row[f'the same at {place:.0%} of the common MACs'] = within(front, macs).validation
        found[variant] = row
    return found


def pair_macs(fronts: Mapping[str, Front], pairs: int) -> list[float]:
    """MACs at equal distances inside those that both fronts have."""
    low, high = common(list(fronts.values()))
    return [low + (i + 1) / (pairs + 1) * (high - low) for i in range(pairs)]


def alone(
    file: Path, found: Mapping[str, list[tuple[Point, HRArch]]], seed: int, pairs: int
) -> list[dict[str, Any]]:
    """Networks of both fronts at equal MACs, trained alone: pairs with their scores."""
    fronts = {variant: [point for point, _ in rows] for variant, rows in found.items()}
    archs = {(v, point.slot): arch for v, rows in found.items() for point, arch in rows}
    rows = []
    for macs in pair_macs(fronts, pairs):
        two = {variant: within(front, macs) for variant, front in fronts.items()}
        rows.append({'seed': seed, 'most': macs, 'points': two, 'scores': {}})
    scores = {
        (row['variant'], int(row['slot'])): float(row['mIoU'])
        for row in read_rows(file)
        if int(row['seed']) == seed
    }
    wanted = dict.fromkeys((v, p.slot) for row in rows for v, p in row['points'].items())
    left = [key for key in wanted if key not in scores]
    if left:
        training, validation = (Images.read(root(), name) for name in ('training', 'validation'))
    for variant, slot in todo(left, f'alone, seed {seed}'):
        cfg = Config.fromfile(ALONE)
        cfg.model.backbone.arch = archs[variant, slot].to_dict()
        model = Training(cfg, seed).run(training)
        images = validation.prepared(model)
        score = mean_iou(model, images.pixels, images.labels)
        appended(file, {'variant': variant, 'seed': seed, 'slot': slot, 'mIoU': score})
        scores[variant, slot] = score
    for row in rows:
        row['scores'] = {v: scores[v, point.slot] for v, point in row['points'].items()}
    return rows


def mean_and_spread(values: Sequence[float]) -> str:
    """With the standard deviation, where there are several."""
    if len(values) == 1:
        return f'{values[0]:.2f}'
    return f'{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}'


def difference(values: list[float]) -> str:
    """The mean, with Student's 95 % interval."""
    if len(values) == 1:
        return f'{values[0]:+.2f}'
    return '{:+.2f} [{:+.2f}, {:+.2f}]'.format(*interval(values))


def report(
    fronts: Mapping[int, Mapping[str, Front]], pairs: Sequence[Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Markdown, and the same as plain data."""
    seeds = [compared(one) for one in fronts.values()]
    lines = [
        '| mIoU | without | with | difference |',
        '|---' * 4 + '|',
    ]
    table = {}
    for name in seeds[0]['with']:
        without, inner = ([seed[variant][name] for seed in seeds] for variant in SHARES)
        apart = [b - a for a, b in zip(without, inner, strict=True)]
        table[name] = {'without': without, 'with': inner, 'difference': apart}
        cells = (name, mean_and_spread(without), mean_and_spread(inner), difference(apart))
        lines.append(f'| {" | ".join(cells)} |')
    lines += [
        '',
        '| seed | front | networks | cheapest, MACs | mIoU | most expensive, MACs | mIoU |',
    ]
    lines.append('|---' * 7 + '|')
    for seed, one in fronts.items():
        for variant, front in one.items():
            first, last = front[0], front[-1]
            ends = [f'{p.macs / 1e6:.2f} M | {p.validation:.1f}' for p in (first, last)]
            lines.append(f'| {seed} | {variant} | {len(front)} | {" | ".join(ends)} |')
    found = {
        'compared': table,
        'fronts': {
            seed: {variant: [p._asdict() for p in front] for variant, front in one.items()}
            for seed, one in fronts.items()
        },
        'alone': [
            {**row, 'points': {v: p._asdict() for v, p in row['points'].items()}} for row in pairs
        ],
    }
    if pairs:
        lines += [
            '',
            '| seed | at most | without, MACs | alone | with, MACs | alone | difference |',
        ]
        lines.append('|---' * 7 + '|')
        for row in pairs:
            cells = [
                f'{row["points"][v].macs / 1e6:.2f} M | {row["scores"][v]:.2f}' for v in SHARES
            ]
            apart = row['scores']['with'] - row['scores']['without']
            both = [str(row['seed']), f'{row["most"] / 1e6:.2f} M', *cells, f'{apart:+.2f}']
            lines.append(f'| {" | ".join(both)} |')
        per_seed = [
            statistics.mean(r['scores']['with'] - r['scores']['without'] for r in rows)
            for rows in ([r for r in pairs if r['seed'] == seed] for seed in fronts)
            if rows
        ]
        found['alone, difference by seed'] = per_seed
        lines += ['', f'Alone, mean of {len(pairs)} pairs: {difference(per_seed)} (over seeds)']
    found['table'] = lines
    return '\n'.join(lines), found


def main() -> None:
    """Train and search what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--iterations', type=int, default=600, help='of each supernet')
    parser.add_argument('--evaluations', type=int, default=150)
    parser.add_argument('--pairs', type=int, default=2, help='of each seed, trained alone')
    parser.add_argument('--work', type=Path, default=Path('work_dirs/hr_scenes'))
    parser.add_argument(
        '--out', type=Path, default=Path(__file__).parent / 'results/inner_widths.json'
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    data(args)
    found: dict[int, dict[str, list[tuple[Point, HRArch]]]] = {}
    folder = args.work / f'inner_widths_{args.iterations}'
    for seed in range(args.seeds):
        found[seed] = {}
        for variant in SHARES:
            checkpoint = supernet(args.work, folder, variant, seed, args.iterations)
            found[seed][variant] = scored(folder, checkpoint, variant, seed, args.evaluations)
        say(f'seed {seed}: both fronts are there')
    pairs: list[dict[str, Any]] = []
    file = folder / f'alone{args.evaluations}.csv'
    for seed, one in found.items():
        pairs += alone(file, one, seed, args.pairs)
        fronts = {s: {v: [p for p, _ in rows] for v, rows in f.items()} for s, f in found.items()}
        text, written = report(fronts, pairs)
        write_whole(args.out, json.dumps(written, indent=1) + '\n')
    print(text)


if __name__ == '__main__':
    main()
