#!/usr/bin/env python3
"""Fast against compound and single-axis scaling: nets of equal MACs from one base, trained alone.

    python tools/get_demo_data.py digits
    python benchmarks/scaled_nets.py [--factor 4] [--seeds 3] [--iterations 200] [--rounds 15]

Each strategy scales a small MBConv net as far as `factor` times its MACs allow. All train by
configs/scalenas_cls/digits/alone_scalenet_1xb64-600_digits-28x28.py, shortened, and are scored on
the 1,000 validation digits. Then their training steps are timed in rounds, all nets of a round in a
random order, by the processor's clock; only ratios within a round are reported. A second start goes
on, training by training and round by round. Prints a table and writes it to --out.

Source: Fast and accurate model scaling (Dollár et al. 2021), figures 6 and 7.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from digits_training import Digits, accuracy
from hr_scenes import appended, read_rows, say, todo
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from paired import spread
from scenes_ranks import interval
from scenes_training import Training, built, quiet

from scalenas.arch import MBConvArch, from_dict, rounding
from scalenas.complexity import Budget, Cost, Counter
from scalenas.scaling import grow
from scalenas.staging import write_whole

CONFIG = (
    Path(__file__).resolve().parents[1]
    / 'configs/scalenas_cls/digits/alone_scalenet_1xb64-600_digits-28x28.py'
)
WARM_UP = 50
"""Iterations, as in the config."""
STRATEGIES = ('fast', 'compound', 'width', 'depth', 'resolution')
REFERENCE = 'compound'
"""Whose accuracy and time the others are compared with."""
BASE: dict[str, Any] = {
    'family': 'mbconv',
    'resolution': 14,
    'stem': 8,
    'conv_out': 32,
    'stages': [
        {'width': 8, 'depth': 1, 'kernel': 3, 'expand': 1, 'se': False},
        {'width': 12, 'depth': 2, 'kernel': 3, 'expand': 3, 'se': False, 'stride': 2},
        {'width': 16, 'depth': 2, 'kernel': 3, 'expand': 3, 'se': False, 'stride': 2},
    ],
}
"""Half the side of the digits: four times the MACs by resolution alone is their own side."""


@dataclass(frozen=True)
class Net:
    """The base, or what a strategy made of it."""

    arch: MBConvArch
    cost: Cost


def nets(factor: float) -> dict[str, Net]:
    """By strategy; the base first. None has more than `factor` times its MACs."""
    base, count = from_dict(BASE), Counter(None)
    assert isinstance(base, MBConvArch)
    budget = Budget(macs=(None, factor * count(base)['macs']))
    found = {'base': Net(base, count(base))}
    for strategy in STRATEGIES:
        # Widths in steps of one: in steps of eight nets this narrow would keep theirs.
        scaled, _ = grow(base, strategy, budget=budget, rule=rounding('nearest'))
        found[strategy] = Net(scaled.arch, count(scaled.arch))
    return found


def configured(arch: MBConvArch, iterations: int) -> Config:
    """The config of a training of a net."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.arch = arch.to_dict()
    cfg.model.head.in_channels = arch.conv_out
    cfg.train_cfg.max_iters = iterations
    cfg.param_scheduler[-1].end = iterations
    return cfg


def train(args: argparse.Namespace) -> Path:
    """Each net with each seed, seed by seed; accuracies as a CSV."""
    file: Path = args.work / f'accuracy_{args.factor:g}_{args.iterations}.csv'
    done = {(row['net'], int(row['seed'])) for row in read_rows(file)}
    compared = nets(args.factor)
    jobs = [(name, seed) for seed in range(args.seeds) for name in compared]
    left = [job for job in jobs if job not in done]
    say(f'trainings: {len(jobs) - len(left)} of {len(jobs)} there')
    if not left:
        return file
    root = Path(Config.fromfile(CONFIG).data_root)
    training, validation = (Digits.read(root, name) for name in ('training', 'validation'))
    for name, seed in todo(left, 'trainings'):
        model = Training(configured(compared[name].arch, args.iterations), seed).run(training)
        images = validation.prepared(model)
        score = accuracy(model, images.pixels, images.labels)
        appended(file, {'net': name, 'seed': seed, 'accuracy': score})
    return file


def clock(args: argparse.Namespace) -> Path:
    """Seconds of a training step of each net, round by round, as a CSV."""
    file: Path = args.work / f'seconds_{args.factor:g}.csv'
    there = len(read_rows(file))
    say(f'rounds: {min(there, args.rounds)} of {args.rounds} there')
    if there >= args.rounds:
        return file
    root = Path(Config.fromfile(CONFIG).data_root)
    training = Digits.read(root, 'training')
    steps = {}
    for name, net in nets(args.factor).items():
        cfg = configured(net.arch, args.iterations)
        model = built(cfg, 0).train()
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
        data = training.prepared(model)
        x, y = data.batch(cfg.train_dataloader.batch_size, 0, 0)
        steps[name] = model, optimizer, x, data.samples(y)
        _seconds(*steps[name])
    for number in todo(list(range(there, args.rounds)), 'rounds'):
        names = list(steps)
        random.Random(number).shuffle(names)
        found = {name: _seconds(*steps[name]) for name in names}
        appended(file, {name: found[name] for name in steps})
    return file


def _seconds(model: Any, optimizer: Any, x: torch.Tensor, samples: list[Any]) -> float:
    start = time.process_time()
    loss, _ = model.parse_losses(model(x, samples, mode='loss'))
    optimizer.update_params(loss)
    return time.process_time() - start


def report(
    compared: Mapping[str, Net], accuracies: Path, seconds: Path, seeds: int
) -> tuple[str, dict[str, Any]]:
    """Markdown, and the same as plain data; of the seeds that all nets have."""
    scores = {(r['net'], int(r['seed'])): float(r['accuracy']) for r in read_rows(accuracies)}
    whole = [seed for seed in range(seeds) if all((name, seed) in scores for name in compared)]
    if len(whole) < 2:
        return f'{len(scores)} of {len(compared) * seeds} trainings: no two seeds', {}
    rounds = read_rows(seconds)
    lines = [
        f'| scaled by | MACs | params | activations | top-1 | minus {REFERENCE}, 95 % interval | '
        f'training step, of {REFERENCE} |',
        '|---' * 7 + '|',
    ]
    rows = []
    for name, net in compared.items():
        own = [scores[name, seed] for seed in whole]
        apart = [score - scores[REFERENCE, seed] for score, seed in zip(own, whole, strict=True)]
        mean, low, high = interval(apart)
        ratio = spread([float(row[name]) / float(row[REFERENCE]) for row in rounds])
        first = name == REFERENCE
        shown = '' if first else f'{mean:+.1f} [{low:+.1f}, {high:+.1f}]'
        took = f'{ratio["median"]:.2f}'
        if not first:
            took += f' [{ratio["q25"]:.2f}, {ratio["q75"]:.2f}]'
        lines.append(
            f'| {name} | {net.cost["macs"] / 1e6:.3f} M | {net.cost["params"] / 1e3:.1f} k | '
            f'{net.cost["acts"] / 1e3:.1f} k | '
            f'{statistics.mean(own):.1f} ± {statistics.stdev(own):.1f} | {shown} | {took} |'
        )
        cost = {key: int(net.cost[key]) for key in ('macs', 'params', 'acts')}
        rows.append(
            {'net': name, 'arch': net.arch.to_dict(), **cost, 'accuracy': own, 'step': ratio}
            | {'difference': mean, 'interval': [low, high]}
        )
    return '\n'.join(lines), {'nets': rows, 'seeds': whole}


def main() -> None:
    """Train and time what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--factor', type=float, default=4.0)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--iterations', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/scaled_nets'))
    parser.add_argument(
        '--out', type=Path, default=Path(__file__).parent / 'results/scaled_nets.json'
    )
    args = parser.parse_args()
    if args.iterations <= WARM_UP:
        parser.error(f'argument --iterations: more than the {WARM_UP} of the warm-up')
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    text, found = report(nets(args.factor), train(args), clock(args), args.seeds)
    print(text)
    if found:
        given = {key: getattr(args, key) for key in ('factor', 'iterations', 'rounds')}
        write_whole(
            args.out, json.dumps({**given, **found, 'table': text.splitlines()}, indent=1) + '\n'
        )


if __name__ == '__main__':
    main()
