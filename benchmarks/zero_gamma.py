#!/usr/bin/env python3
"""The learning rate from which a single-stage model explodes, with zero-gamma and without.

    python tools/get_demo_data.py digits
    python benchmarks/zero_gamma.py [--seeds 3] [--iterations 60] [--batch 32]

Every run is configs/scalenas_cls/digits/supernet_bignas-ablation_1xb64-400_digits-28x28.py at a
multiple of its rate, shortened, and with the smallest and the largest net alone in a step. It
explodes where a loss or a weight is not finite, or where the largest net, calibrated, is no better
than twice chance on the 1,000 validation digits. The multiple goes up by factors of four until a
run explodes, and the last gap is halved: the edge is known to a factor of two. A second start goes
on, run by run. Prints tables and writes them to --out.

Source: BigNAS (Yu et al. 2020), section 3.1 and figure 4.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from digits_training import CLASSES, Digits, accuracy
from hr_scenes import appended, read_rows, say
from mmengine.config import Config
from scenes_ranks import interval
from scenes_training import Training, quiet

from scalenas.evaluation.calibrate import calibrated
from scalenas.models.weights import first_broken
from scalenas.staging import write_whole

CONFIG = (
    Path(__file__).resolve().parents[1]
    / 'configs/scalenas_cls/digits/supernet_bignas-ablation_1xb64-400_digits-28x28.py'
)
ARMS = {'zero-gamma': True, 'no zero-gamma': False}
LADDER = (2, 4, 6, 8, 10, 12)
"""Multiples of the rate that are tried in turn, as powers of two; if the first explodes, less."""
CALIBRATION = 500
"""Training digits, evenly spread, as in the config."""


def next_power(exploded: Mapping[int, bool]) -> int | None:
    """The next multiple of the rate to try, as a power of two; None where the edge is known.

    `exploded` says of each power that was tried whether the training exploded.
    """
    bad = [power for power, is_bad in exploded.items() if is_bad]
    for power in LADDER:
        if bad and power >= min(bad):
            break
        if power not in exploded:
            return power
    good = [power for power in exploded if not bad or power < min(bad)]
    if bad and not good:
        return min(bad) - (LADDER[1] - LADDER[0])
    if bad and min(bad) - max(good) > 1:
        return (min(bad) + max(good)) // 2
    return None


def edge(exploded: Mapping[int, bool]) -> float:
    """The largest power of two below the first explosion; infinite where nothing exploded."""
    bad = [power for power, is_bad in exploded.items() if is_bad]
    if not bad:
        return math.inf
    return float(max(power for power in exploded if power < min(bad)))


def train(cfg: Config, seed: int, split: Digits, validation: Digits) -> dict[str, Any]:
    """Whether it exploded, and the accuracy of the smallest and the largest net in percent."""
    broken = {'exploded': 1, 'smallest': 0.0, 'largest': 0.0}
    try:
        model = Training(cfg, seed).run(split)
    except FloatingPointError:
        return broken
    if first_broken(model.state_dict()) is not None:
        return broken
    images, seen = (one.prepared(model.architecture) for one in (validation, split))
    step = max(1, len(seen.pixels) // CALIBRATION)
    batches = [{'inputs': seen.pixels[::step], 'data_samples': None}]
    found: dict[str, Any] = {}
    space = model.backbone.space
    for name, arch in (('smallest', space.smallest()), ('largest', space.largest())):
        with calibrated(model, arch, batches):
            found[name] = accuracy(model.architecture, images.pixels, images.labels)
    return {'exploded': int(found['largest'] < 200 / CLASSES), **found}


def configured(args: argparse.Namespace, arm: str, power: int, seed: int) -> Config:
    """The config of a run."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.architecture.backbone.zero_init_residual = ARMS[arm]
    cfg.model.sampler.seed, cfg.model.sampler.num_random = seed, 0
    cfg.optim_wrapper.optimizer.lr *= 2**power
    cfg.train_cfg.max_iters = args.iterations
    cfg.train_dataloader.batch_size = args.batch
    return cfg


def runs_of(file: Path) -> dict[tuple[str, int], dict[int, dict[str, float]]]:
    """(arm, seed) -> power -> what the run gave."""
    found: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    for row in read_rows(file):
        values = {key: float(row[key]) for key in ('exploded', 'smallest', 'largest')}
        found.setdefault((row['arm'], int(row['seed'])), {})[int(row['power'])] = values
    return found


def study(args: argparse.Namespace) -> Path:
    """Both arms of a seed, then the next seed; the runs as a CSV."""
    file: Path = args.work / f'runs_{args.iterations}_{args.batch}.csv'
    root = Path(Config.fromfile(CONFIG).data_root)
    split, validation = (Digits.read(root, name) for name in ('training', 'validation'))
    for seed in range(args.seeds):
        for arm in ARMS:
            while True:
                done = runs_of(file).get((arm, seed), {})
                power = next_power({p: bool(run['exploded']) for p, run in done.items()})
                if power is None:
                    break
                say(f'seed {seed} of {args.seeds}, {arm}: {2**power} times the rate')
                found = train(configured(args, arm, power, seed), seed, split, validation)
                appended(file, {'arm': arm, 'seed': seed, 'power': power, **found})
    return file


def report(file: Path) -> tuple[str, dict[str, Any]]:
    """Markdown, and the same as plain data; of the seeds that both arms have."""
    found = runs_of(file)
    edges: dict[str, dict[int, float]] = {arm: {} for arm in ARMS}
    for (arm, seed), runs in found.items():
        exploded = {power: bool(run['exploded']) for power, run in runs.items()}
        if next_power(exploded) is None:
            edges[arm][seed] = edge(exploded)
    with_it, without = (edges[arm] for arm in ARMS)
    seeds = sorted(with_it.keys() & without.keys())
    powers = sorted({power for runs in found.values() for power in runs})
    lines = [
        '| times the rate | ' + ' | '.join(f'{arm}: smallest, largest' for arm in ARMS) + ' |',
        '|---' * (1 + len(ARMS)) + '|',
    ]
    for power in powers:
        cells = []
        for arm in ARMS:
            tried = [found[arm, s][power] for s in seeds if power in found[arm, s]]
            cells.append(_cell(tried))
        lines.append(f'| {2**power} | {" | ".join(cells)} |')
    apart = [with_it[seed] - without[seed] for seed in seeds]
    result = {
        'runs': [
            {'arm': arm, 'seed': seed, 'power': power, **run}
            for (arm, seed), runs in found.items()
            for power, run in sorted(runs.items())
        ],
        'edges': {arm: [_finite(edges[arm][seed]) for seed in seeds] for arm in ARMS},
        'seeds': seeds,
    }
    if len(seeds) > 1 and all(math.isfinite(one) for one in apart):
        mean, low, high = interval(apart)
        result |= {'mean': mean, 'interval': [low, high]}
        lines.append('')
        for arm in ARMS:
            shown = ', '.join(f'{2 ** edges[arm][seed]:g}' for seed in seeds)
            lines.append(f'Largest multiple that trains, {arm}, by seed: {shown}.')
        lines.append(
            f'Edge with zero-gamma over edge without: {2**mean:.2f}, 95 % interval '
            f'[{2**low:.2f}, {2**high:.2f}] (Student, of the logarithms, {len(seeds)} seeds).'
        )
    return '\n'.join(lines), result


def _finite(power: float) -> float | None:
    return power if math.isfinite(power) else None


def _cell(runs: list[dict[str, float]]) -> str:
    good = [run for run in runs if not run['exploded']]
    if not runs:
        return ''
    if not good:
        return f'{len(runs)} of {len(runs)} explode'
    shown = ', '.join(f'{statistics.mean(r[n] for r in good):.1f}' for n in ('smallest', 'largest'))
    bad, plural = len(runs) - len(good), 's' if len(good) > 1 else ''
    return f'{shown} ({len(good)} seed{plural}' + (f', {bad} explode)' if bad else ')')


def main() -> None:
    """Train what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--iterations', type=int, default=60)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/zero_gamma'))
    parser.add_argument(
        '--out', type=Path, default=Path(__file__).parent / 'results/zero_gamma.json'
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    text, found = report(study(args))
    print(text)
    about = {'iterations': args.iterations, 'batch': args.batch}
    write_whole(
        args.out, json.dumps({**about, **found, 'table': text.splitlines()}, indent=1) + '\n'
    )


if __name__ == '__main__':
    main()
