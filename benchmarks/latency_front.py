"""Searching for milliseconds instead of MACs: which front is better, measured on whole networks.

python benchmarks/latency_front.py CHECKPOINT --table table.json [--config CONFIG --runtime NAME]

For each seed a search for (metric, macs) and one for (metric, ms), of equal evaluations, from the
same supernet; `ms` is the column of a table of units (tools/benchmark.py --units). The networks of
all fronts are then timed whole, as they are deployed, in interleaved rounds, and both fronts are
compared by the hypervolume of (metric, measured ms), as a share of the corner that all networks of
the fronts span. All is kept in --work: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalenas.arch import Arch
from scalenas.cli import main_of
from scalenas.deploy import RuntimeStopwatch, candidate
from scalenas.deploy.nets import of_arch
from scalenas.latency import Cache, kendall, measure, split_half_tau
from scalenas.search import Record, hypervolume, run
from scalenas.search.pareto import front
from scalenas.staging import write_whole

CONFIG = 'configs/scalenas_seg/earth/search_w16_earth-96x96.py'
METRIC = 'mIoU'
AIMS = ('macs', 'ms')


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='of the supernet')
    parser.add_argument('--table', required=True, help='of tools/benchmark.py --units')
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--runtime', default='onnxruntime')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--evaluations', type=int, help="default: the config's")
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--work', default='work_dirs/latency_front')
    parser.add_argument('--out', default='benchmarks/results/latency_front.json')
    return parser.parse_args()


def searched(args: argparse.Namespace, seed: int, aim: str) -> Sequence[Record]:
    """The records of one search."""
    result = run(
        args.config,
        args.checkpoint,
        work_dir=Path(args.work) / f'{aim}_{seed}',
        seed=seed,
        num_evaluations=args.evaluations,
        cfg_options={
            'search.columns': {'ms': {'type': 'LatencyTable', 'file': args.table}},
            'search.objectives': ((METRIC, 'max'), (aim, 'min')),
        },
    )
    return result.records


def measured(args: argparse.Namespace, archs: Sequence[Arch], size: tuple[int, int]) -> Any:
    """Times of whole networks in common rounds."""
    stopwatch = RuntimeStopwatch(args.runtime, clock='processor')
    nets = [
        candidate(of_arch(str(n), arch), size, stopwatch, str(n)) for n, arch in enumerate(archs)
    ]
    cache = Cache(Path(args.work) / 'latency')
    return measure(nets, cache, args.rounds, say=lambda text: print(text, flush=True))


def main() -> None:
    """Search, measure, compare, write."""
    args = parse_args()
    studies = {(aim, s): searched(args, s, aim) for s in args.seeds for aim in AIMS}
    fronts = {key: _front(records, key[0]) for key, records in studies.items()}
    archs = list(dict.fromkeys(r.arch for records in fronts.values() for r in records))
    size = tuple(json.loads(Path(args.table).read_text())['about']['size'])
    times = measured(args, archs, size)
    medians = {
        arch: 1e3 * spread.median for arch, spread in zip(archs, times.spreads(), strict=True)
    }
    estimates = {r.arch: r.cost['ms'] for records in fronts.values() for r in records}
    points = {
        key: [(medians[r.arch], -r.metrics[METRIC]) for r in records]
        for key, records in fronts.items()
    }
    every = [p for part in points.values() for p in part]
    corner = tuple(max(p[n] for p in every) for n in (0, 1))
    best = tuple(min(p[n] for p in every) for n in (0, 1))
    whole = (corner[0] - best[0]) * (corner[1] - best[1])
    shares = {key: hypervolume(part, corner) / whole for key, part in points.items()}
    rows = []
    for seed in args.seeds:
        macs, ms = (points[aim, seed] for aim in AIMS)
        rows.append(
            {
                'seed': seed,
                'hypervolume macs': shares['macs', seed],
                'hypervolume ms': shares['ms', seed],
                'front macs': len(front(macs)),
                'front ms': len(front(ms)),
                'of macs dominated by ms': _dominated(macs, ms),
                'of ms dominated by macs': _dominated(ms, macs),
            }
        )
    about = {
        'command': f'python benchmarks/latency_front.py CHECKPOINT --runtime {args.runtime}',
        'evaluations': {f'{aim} {seed}': len(r) for (aim, seed), r in studies.items()},
        'networks timed': len(archs),
        'split-half tau': split_half_tau(times),
        'tau of table and measurement': kendall(
            [estimates[a] for a in archs], [medians[a] for a in archs]
        ),
        'median ratio of hypervolumes, ms / macs': statistics.median(
            row['hypervolume ms'] / row['hypervolume macs'] for row in rows
        ),
        'seeds': rows,
    }
    write_whole(args.out, json.dumps(about, indent=1, allow_nan=False) + '\n')
    print(json.dumps(about, indent=1))


def _front(records: Sequence[Record], aim: str) -> list[Record]:
    points = [(r.cost[aim], -r.metrics[METRIC]) for r in records]
    return [records[i] for i in front(points)]


def _dominated(
    these: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]
) -> float:
    """The share of `these` that one of the others dominates."""
    worse = [any(o[0] <= p[0] and o[1] <= p[1] and o != p for o in others) for p in these]
    return sum(worse) / len(worse)


if __name__ == '__main__':
    main_of(main)
