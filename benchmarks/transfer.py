#!/usr/bin/env python3
"""A net that was searched for segmentation, moved to pose: its weights against random ones.

    python3.11 tools/bootstrap.py demo                # or any other export of an HRNet-style net
    python tools/get_demo_data.py people
    python benchmarks/transfer.py work_dirs/demo/exported/best.pth [--seeds 3] [--iterations 200]

The net replaces the supernet of the config
configs/scalenas_pose/people/teacher_w16_1xb16-400_people-128x96.py, as `scalenas transfer` does it;
both starts train alike, shortened, with mmengine's Runner, and are scored on the test frames by
mmpose's own metrics, with the flip test. A second start goes on, training by training. Prints a
table and writes it to --out.

Source: ScaleNAS (Cheng et al. 2020), section 4: one search for several tasks.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import torch
from hr_scenes import appended, read_rows, say, todo
from mmengine.config import Config
from mmengine.runner import Runner
from scenes_ranks import interval
from scenes_training import quiet

from scalenas.export.transfer import Source, transfer
from scalenas.paths import file_digest
from scalenas.space import from_dict
from scalenas.staging import write_whole

CONFIG = (
    Path(__file__).resolve().parents[1]
    / 'configs/scalenas_pose/people/teacher_w16_1xb16-400_people-128x96.py'
)
WARM_UP = 50
"""Iterations, as in the config."""
STARTS = ('exported', 'random')
METRICS = ('coco/AP', 'PCK')


def alone(iterations: int) -> Config:
    """The config, of the largest net of its space by itself."""
    cfg = Config.fromfile(CONFIG)
    supernet = cfg.model
    cfg.model = {'_scope_': supernet['_scope_'], **supernet.architecture}
    # Any net of one map: `transfer` puts the exported one in its place.
    cfg.model.backbone = {
        'type': 'scalenas.ScaleHRNet',
        'arch': from_dict(cfg.model.backbone.space.to_dict()).largest().to_dict(),
        'norm_cfg': cfg.model.backbone.norm_cfg,
    }
    cfg.train_cfg = {'type': 'IterBasedTrainLoop', 'max_iters': iterations}
    cfg.param_scheduler[-1].end = iterations
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = {'type': 'TestLoop'}
    for name in ('train_dataloader', 'test_dataloader'):
        cfg[name].num_workers, cfg[name].persistent_workers = 0, False
    cfg.custom_hooks = [{'type': 'scalenas.InvalidLossHook'}]
    return cfg


def moved(weights: Path, work: Path, iterations: int) -> Path:
    """The config of the exported net in the pose task, with its weights."""
    recipe = work / 'pose.py'
    alone(iterations).dump(recipe)
    (written,) = transfer_files(weights, work, recipe)
    return written


def transfer_files(weights: Path, work: Path, recipe: Path) -> list[Path]:
    """The configs that `transfer` writes."""
    files = transfer(Source.from_file(weights), ['pose'], work, recipe, force=True)
    return [file for file in files if file.suffix == '.py']


def start_from(written: Path, start: str, seed: int) -> Config:
    """The config of a run: what `transfer` wrote, or the same without its weights."""
    cfg = Config.fromfile(written)
    if start == 'random':
        cfg.model.backbone.init_cfg = None
    cfg.randomness = {'seed': seed}
    cfg.work_dir = str(written.parent / f'{start}_{seed}')
    cfg.experiment_name = f'{written.stem}_{start}_{seed}'
    cfg.default_hooks = {**cfg.default_hooks, 'checkpoint': None}
    return cfg


def scored(cfg: Config) -> dict[str, float]:
    """The metrics on the test frames after the training, in percent."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    found = runner.test()
    return {name: 100 * float(found[name]) for name in METRICS}


def train(args: argparse.Namespace) -> Path:
    """Both starts with a seed, then the next seed; the scores as a CSV."""
    file: Path = args.work / f'scores_{args.iterations}_{file_digest(args.weights)[:8]}.csv'
    done = {(row['start'], int(row['seed'])) for row in read_rows(file)}
    jobs = [(start, seed) for seed in range(args.seeds) for start in STARTS]
    left = [job for job in jobs if job not in done]
    say(f'trainings: {len(jobs) - len(left)} of {len(jobs)} there')
    if not left:
        return file
    written = moved(args.weights, args.work, args.iterations)
    for start, seed in todo(left, 'trainings'):
        found = scored(start_from(written, start, seed))
        appended(file, {'start': start, 'seed': seed, **found})
    return file


def report(file: Path, seeds: int) -> tuple[str, dict[str, Any]]:
    """Markdown, and the same as plain data; of the seeds that both starts have."""
    scores = {(row['start'], int(row['seed'])): row for row in read_rows(file)}
    whole = [seed for seed in range(seeds) if all((start, seed) in scores for start in STARTS)]
    if len(whole) < 2:
        return f'{len(scores)} of {len(STARTS) * seeds} trainings: no two seeds', {}
    lines = ['| backbone weights | ' + ' | '.join(METRICS) + ' |', '|---' * 3 + '|']
    found: dict[str, Any] = {'seeds': whole}
    for start in STARTS:
        cells = []
        for metric in METRICS:
            own = [float(scores[start, seed][metric]) for seed in whole]
            found.setdefault(start, {})[metric] = own
            cells.append(f'{statistics.mean(own):.1f} ± {statistics.stdev(own):.1f}')
        lines.append(f'| {start} | {" | ".join(cells)} |')
    cells = []
    for metric in METRICS:
        pairs = zip(*(found[start][metric] for start in STARTS), strict=True)
        mean, low, high = interval([exported - random for exported, random in pairs])
        found.setdefault('difference', {})[metric] = [mean, low, high]
        cells.append(f'{mean:+.1f} [{low:+.1f}, {high:+.1f}]')
    lines.append(f'| difference, 95 % interval over {len(whole)} seeds | {" | ".join(cells)} |')
    return '\n'.join(lines), found


def main() -> None:
    """Train what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('weights', type=Path, help='NAME.pth of tools/export.py')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--iterations', type=int, default=200)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/transfer'))
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results/transfer.json')
    args = parser.parse_args()
    if args.iterations <= WARM_UP:
        parser.error(f'argument --iterations: more than the {WARM_UP} of the warm-up')
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    text, found = report(train(args), args.seeds)
    print(text)
    if found:
        about = {'iterations': args.iterations, 'weights': file_digest(args.weights)}
        write_whole(
            args.out, json.dumps({**about, **found, 'table': text.splitlines()}, indent=1) + '\n'
        )


if __name__ == '__main__':
    main()
