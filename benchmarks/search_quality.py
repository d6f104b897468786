#!/usr/bin/env python3
"""What each search algorithm finds with how many evaluations: hypervolume, over seeds.

    python benchmarks/search_quality.py [--on synthetic] [--seeds 10] [--only predictor paper]
    python benchmarks/search_quality.py --report docs/search
    python benchmarks/search_quality.py --on bottleneck

Needs no torch. Every run of an algorithm is a file in --out, and is not run again: the same command
goes on where it was stopped, or makes more seeds. Then a table, and with --report a figure.

--on synthetic: a made accuracy over the space scalenas_w32 at 1024x2048, see `Synthetic`
of search_problems.py.
--on hr_scenes: the table of scalenas.benchmarks. Where it does not hold the whole space, what an
algorithm proposes becomes the network of the table that differs in the fewest genes and was not
asked for yet, and the predictor chooses among the networks of the table. All have 400 evaluations
at most, and the paper's evolution half of them at first, a tenth of these as parents.
--on bottleneck: a made accuracy of another shape over the space bignas, see `Bottleneck` of
search_problems.py, by which nothing of the predictor was chosen. The paper's evolution needs
fusions, which this space has not.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from search_algorithms import WAYS, Way
from search_problems import WORLDS, World

from scalenas.arch import Arch
from scalenas.search import Record
from scalenas.search.gene_matrix import GeneMatrix
from scalenas.staging import write_whole

SHOWN = (60, 100, 200, 500, 1000, 2000)
POINTS = (10, 20, 30, 40, 50, 60, 80, 100, 130, 160, 200, 300, 400, 500, 700, 1000, 1400, 2000)


class Nearest:
    """Turns a network into the one of a table that differs in the fewest genes."""

    def __init__(self, world: World) -> None:
        self._matrix = GeneMatrix(world.space)
        self._archs = list(world.pool)
        self._rows = self._matrix.rows(self._archs)
        self._free = np.ones(len(self._archs), bool)

    def __call__(self, arch: Arch) -> Arch | None:
        """A network that was not given yet; the first of equally near ones; None: no more."""
        if not self._free.any():
            return None
        apart = (self._rows != self._matrix.rows([arch])).sum(axis=1)
        found = int(np.where(self._free, apart, np.iinfo(apart.dtype).max).argmin())
        self._free[found] = False
        return self._archs[found]


def run(world: World, way: Way, seed: int) -> dict[str, Any]:
    """Pairs of (macs, metric) in the order of evaluation; seconds that proposing took; whether the
    search ended before, for it found no other network.
    """
    most = min(way.most, world.most, len(world.pool) or way.most)
    search = way.make(world, most)
    nearest = Nearest(world) if world.pool else None
    records: list[Record] = []
    index, seconds, ended = 0, 0.0, False
    while len(records) < most and not ended:
        start = time.process_time()
        batch = search.generation(index, records, random.Random(f'{seed}/{index}'))
        seconds += time.process_time() - start
        found = [nearest(arch) if nearest else arch for arch in batch]
        known = [arch for arch in found if arch is not None]
        ended = not known
        records += [
            Record(
                len(records) + i, arch, world.count(arch), {world.metric: world.score(arch)}, index
            )
            for i, arch in enumerate(known)
        ]
        index += 1
    points = [[record.cost['macs'], record.metrics[world.metric]] for record in records]
    return {'points': points, 'seconds': seconds, 'generations': index, 'ended': ended}


def volumes(world: World, runs: Sequence[Mapping[str, Any]], at: int) -> list[float] | None:
    """Of each run after so many evaluations; None where they have fewer.

    A search that found nothing more to ask keeps what it has.
    """
    if not runs or any(len(run['points']) < at and not run.get('ended') for run in runs):
        return None
    return [world.volume([tuple(p) for p in found['points'][:at]]) for found in runs]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the quantiles at 10 and 90 percent."""
    low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
    return middle, low, high


def table(world: World, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Rows of Markdown: volumes after so many evaluations, and who needs how many for a goal."""
    shown = sorted({*(n for n in SHOWN if n < world.most), world.most})
    head = ['algorithm', 'seeds', *(f'{n:,}' for n in shown), 'reaches the goal after']
    lines = [f'| {" | ".join(head)} |', '|---' * len(head) + '|']
    last = volumes(world, found.get(world.goal, ()), world.most)
    goal = spread(last)[0] if last else None
    for name, runs in found.items():
        cells = []
        for n in shown:
            values = volumes(world, runs, n)
            cells.append(
                '{:.3f} ({:.3f} to {:.3f})'.format(*spread(values)) if values is not None else ''
            )
        reached = [
            n
            for n in POINTS
            if goal is not None
            and (v := volumes(world, runs, n)) is not None
            and spread(v)[0] >= goal
        ]
        cells.append(f'{reached[0]:,}' if reached else '')
        lines.append(f'| {" | ".join([WAYS[name].words, str(len(runs)), *cells])} |')
    if world.known:
        lines.append(f'| all {len(world.known):,} networks | | {world.volume(world.known):.3f} |')
    lines.append('')
    for name, runs in found.items():
        per = [run['seconds'] / max(1, run['generations']) for run in runs]
        lines.append(f'{name}: {np.median(per):.2f} s of this processor a generation')
    return lines


def raw(
    world: World, found: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, dict[str, list[float]]]:
    """Algorithm -> evaluations -> the volume of each seed."""
    known = {
        name: {str(n): volumes(world, runs, n) for n in (*POINTS, world.most)}
        for name, runs in found.items()
    }
    return {
        name: {n: [round(v, 6) for v in values] for n, values in rows.items() if values}
        for name, rows in known.items()
    }


def draw(world: World, found: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Medians with bands from 10 to 90 percent of the seeds."""
    import matplotlib as mpl

    mpl.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout='constrained')
    for name, runs in found.items():
        known = [(n, v) for n in POINTS if (v := volumes(world, runs, n)) is not None]
        if not known:
            continue
        x = [n for n, _ in known]
        middle, low, high = zip(*(spread(v) for _, v in known), strict=True)
        (line,) = axes.plot(x, middle, label=f'{WAYS[name].words} ({len(runs)} seeds)')
        axes.fill_between(x, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
    axes.set(xscale='log', xlabel='networks evaluated', ylabel='part of the box dominated')
    ticks = sorted({*(n for n in (10, 30, *SHOWN) if n < world.most), world.most})
    axes.set_xticks(ticks, [f'{n:,}' for n in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--on', choices=tuple(WORLDS), default='synthetic')
    parser.add_argument('--only', nargs='+', choices=tuple(WAYS), help='default: all of the set')
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/search_quality'))
    parser.add_argument('--report', type=Path, help='folder for the figure')
    parser.add_argument('--raw', type=Path, help='JSON to which the volumes of all runs are added')
    args = parser.parse_args()
    world = WORLDS[args.on]()
    ways = args.only or list(world.ways)
    for seed in range(args.seeds):
        for name in ways:
            path = args.out / args.on / f'{name}-{seed}.json'
            if path.is_file():
                continue
            found = run(world, WAYS[name], seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(found))
            volume = world.volume([tuple(p) for p in found['points']])
            print(f'{name} {seed}: {volume:.4f}, {found["seconds"]:.1f} s of proposing', flush=True)
    files = {name: sorted((args.out / args.on).glob(f'{name}-*.json')) for name in ways}
    results = {name: [json.loads(p.read_text()) for p in found] for name, found in files.items()}
    results = {name: runs for name, runs in results.items() if runs}
    print('\n'.join(table(world, results)))
    if args.raw:
        kept = json.loads(args.raw.read_text()) if args.raw.is_file() else {}
        kept[args.on] = {**kept.get(args.on, {}), **raw(world, results)}
        write_whole(args.raw, json.dumps(kept, indent=1) + '\n')
    if args.report:
        draw(world, results, args.report / f'{args.on}.png')


if __name__ == '__main__':
    main()
