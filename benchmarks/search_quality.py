#!/usr/bin/env python3
"""What each search algorithm finds with how many evaluations: hypervolume, over seeds.

    python benchmarks/search_quality.py [--on synthetic] [--seeds 10] [--only predictor paper]
    python benchmarks/search_quality.py --report docs/search
    python benchmarks/search_quality.py --on bottleneck

Needs no torch. Every run of an algorithm is a file in --out, and is not run again: the same command
goes on where it was stopped, or makes more seeds. Then a table, and with --report a figure.

--on synthetic: a made accuracy over the space scalenas_w32 at 1024x2048, see `Synthetic`.
--on hr_scenes: the table of scalenas.benchmarks. Where it does not hold the whole space, what an
algorithm proposes becomes the network of the table that differs in the fewest genes and was not
asked for yet, and the predictor chooses among the networks of the table. All have 400 evaluations
at most, and the paper's evolution half of them at first, a tenth of these as parents.
--on bottleneck: a made accuracy of another shape over the space bignas, see `Bottleneck`, by which
nothing of the predictor was chosen. The paper's evolution needs fusions, which this space has not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from scalenas.arch import Arch, HRArch, MBConvArch
from scalenas.complexity import Cost, Counter
from scalenas.search import (
    NSGA2,
    AbstractSearch,
    Objectives,
    OptunaSearch,
    PredictorSearch,
    RandomSearch,
    Record,
    TopologyEvolution,
    hypervolume,
)
from scalenas.search.gene_matrix import GeneMatrix
from scalenas.space import AbstractSpace, named
from scalenas.staging import write_whole

SHOWN = (60, 100, 200, 500, 1000, 2000)
POINTS = (10, 20, 30, 40, 50, 60, 80, 100, 130, 160, 200, 300, 400, 500, 700, 1000, 1400, 2000)


class Synthetic:
    """A made accuracy of HRNet-style networks, in percent; the same for the same arguments.

    The sum of
    - 70, and 4 (1 - exp(-3 s)), where s goes with the MACs from 0 (smallest) to 1 (largest): size
      helps, less and less;
    - for each branch of each module 0.3 w (1 - exp(-(d - 2) / 2)), d its depth, w drawn evenly from
      0.4 to 1.6, times 1, 0.8, 0.6, 0.4 for the finest to the coarsest branch;
    - for each branch of each module 0.6 tanh(g / 1.5), g the sum over its fusions, all steps, of
      w D / 5: D is the depth of the branch that is added, so depth and fusions depend on each
      other, and what is fused into one branch saturates. w is normal: mean 0.5 for the next
      coarser branch, 0.25 for coarser ones, 0.15 for finer ones; a deviation of 0.25 that all
      fusions of two branches in a stage share, and one of 0.25 that is each fusion's own;
    - noise of standard deviation 0.1, drawn by network: asking again gives the same.
    """

    def __init__(self, space: AbstractSpace[Any], count: Callable[[Arch], Cost], seed: int = 0):
        rng = random.Random(f'synthetic/{seed}')
        self._seed, self._count = seed, count
        self._least, self._most = (count(a)['macs'] for a in (space.smallest(), space.largest()))
        self._weights: dict[tuple[int, ...], float] = {}
        shared: dict[tuple[int, int, int], float] = {}
        for name in space.genes:
            stage, module, *place = name.split('.')
            key = (int(stage[1:]), int(module[1:]))
            if place[1] == 'depth':
                branch = int(place[0][1:])
                scale = (1.0, 0.8, 0.6, 0.4)[branch]
                self._weights[(*key, branch)] = scale * (0.4 + 1.2 * rng.random())
                continue
            i, k = map(int, place[1][1:].split('<-'))
            mean = 0.5 if k == i + 1 else 0.25 if k > i else 0.15
            pair = shared.setdefault((key[0], i, k), mean + 0.25 * rng.gauss(0, 1))
            self._weights[(*key, int(place[0][1:]), i, k)] = pair + 0.25 * rng.gauss(0, 1)

    def __call__(self, arch: Arch) -> float:
        """Of a network of the space."""
        assert isinstance(arch, HRArch)
        size = (self._count(arch)['macs'] - self._least) / (self._most - self._least)
        value = 70.0 + 4.0 * (1.0 - math.exp(-3.0 * size))
        for s, stage in enumerate(arch.stages, 2):
            for m, module in enumerate(stage.modules):
                fused = [0.0] * len(module.depths)
                for t, rows in enumerate(module.fusions):
                    for i, sources in enumerate(rows):
                        for k in sources:
                            fused[i] += self._weights[s, m, t, i, k] * module.depths[k] / 5
                for b, depth in enumerate(module.depths):
                    value += 0.3 * self._weights[s, m, b] * (1.0 - math.exp(-(depth - 2) / 2))
                    value += 0.6 * math.tanh(fused[b] / 1.5)
        return value + noise(self._seed, arch)


class Bottleneck:
    """A made accuracy of MBConv networks in percent, as good as their weakest stage lets it be.

    80, less
    - 8 log(mean of exp(4 l)) / 4 over the stages, l = v (1 - u)^p what a stage lacks: u goes from 0
      (smallest network) to 1 (largest) with the logarithm of its size, the sum over its blocks of
      width sqrt(kernel / 3); v is drawn evenly from 0.5 to 1.5, and p, with logarithms, from 0.5
      to 2;
    - 3 (1 - r), r from 0 to 1 with the logarithm of the resolution;
    - 4 (r - f)^2, f from 0 to 1 with the sum of kernel - 1 over the blocks of the last three
      stages: a resolution wants a receptive field that goes with it, neither less nor more;
    and noise of standard deviation 0.1, drawn by network.
    """

    def __init__(self, space: AbstractSpace[Any], seed: int = 0) -> None:
        rng = random.Random(f'bottleneck/{seed}')
        self._seed = seed
        self._ends = [self._measures(arch) for arch in (space.smallest(), space.largest())]
        stages = len(self._ends[0]) - 2
        self._lack = [(0.5 + rng.random(), 2 ** rng.uniform(-1, 1)) for _ in range(stages)]

    @staticmethod
    def _measures(arch: Arch) -> list[float]:
        assert isinstance(arch, MBConvArch)
        sizes = [
            math.log(sum(stage.width * math.sqrt(block.kernel / 3) for block in stage.blocks))
            for stage in arch.stages
        ]
        field = sum(block.kernel - 1 for stage in arch.stages[-3:] for block in stage.blocks)
        return [math.log(arch.resolution), float(field), *sizes]

    def __call__(self, arch: Arch) -> float:
        """Of a network of the space."""
        measured = zip(self._measures(arch), *self._ends, strict=True)
        resolution, field, *sizes = ((x - low) / (high - low) for x, low, high in measured)
        lacks = [v * (1 - u) ** p for u, (v, p) in zip(sizes, self._lack, strict=True)]
        weakest = math.log(sum(math.exp(4 * lack) for lack in lacks) / len(lacks)) / 4
        value = 80 - 8 * weakest - 3 * (1 - resolution) - 4 * (resolution - field) ** 2
        return value + noise(self._seed, arch)


def noise(seed: int, arch: Arch) -> float:
    """Of standard deviation 0.1, the same for the same network."""
    text = f'{seed} {json.dumps(arch.to_dict(), sort_keys=True)}'
    return 0.1 * NormalDist().inv_cdf(0.5 + 0.4999 * random.Random(text).uniform(-1, 1))


@dataclass
class World:
    """What algorithms are run on: a space, costs, a metric; the box that volumes are parts of.

    `pool` are the only networks there are, if not all of the space are; `known` (macs, metric) of
    all there are, where that is known; `most` evaluations of any algorithm; `ways` are compared, of
    which `goal` is at its end where the others want to get.
    """

    space: AbstractSpace[Any]
    count: Callable[[Arch], Cost]
    metric: str
    score: Callable[[Arch], float]
    worst: tuple[float, float]
    best: tuple[float, float]
    pool: Sequence[Arch] = ()
    known: Sequence[tuple[float, float]] = ()
    most: int = 2000
    ways: Sequence[str] = (
        *('predictor', 'paper', 'gentle', 'nsga2', 'random'),
        *('optuna_nsga2', 'optuna_nsga3', 'optuna_tpe'),
    )
    goal: str = 'paper'

    @property
    def objectives(self) -> Objectives:
        """The metric, and MACs."""
        return Objectives.from_dict((self.metric, 'macs'))

    def volume(self, points: Sequence[tuple[float, float]]) -> float:
        """The part of the box that (macs, metric) pairs dominate."""
        (macs, low), (least, high) = self.worst, self.best
        scaled = [((x - least) / (macs - least), (high - y) / (high - low)) for x, y in points]
        return hypervolume(scaled, (1.0, 1.0))


def synthetic() -> World:
    """The box reaches from the smallest to the largest network, in MACs and in accuracy."""
    space, count = named('scalenas_w32'), Counter((1024, 2048))
    score = Synthetic(space, count)
    small, large = space.smallest(), space.largest()
    worst, best = (count(large)['macs'], score(small)), (count(small)['macs'], score(large))
    return World(space, count, 'accuracy', score, worst, best)


def hr_scenes() -> World:
    """The box reaches from the worst to the best of the table."""
    from scalenas.benchmarks import hr_scenes as table  # type: ignore[import-not-found]

    bench = table.load()
    backbone = Counter((64, 64))
    known = set(bench.archs)
    macs, scores = bench.costs['macs'], bench.metrics['mIoU']
    return World(
        bench.space,
        # One that is not in the table is asked for its cost, and then exchanged.
        lambda arch: bench.cost(arch) if arch in known else backbone(arch),
        'mIoU',
        lambda arch: float(bench.evaluate(arch)['mIoU']),
        (float(macs.max()), float(scores.min())),
        (float(macs.min()), float(scores.max())),
        () if len(known) == bench.space.size() else bench.archs,
        [(float(x), float(y)) for x, y in zip(macs, scores, strict=True)],
        400,  # a tenth of the table
    )


def bottleneck() -> World:
    """The box reaches from the smallest to the largest network, in MACs and in accuracy."""
    space, count = named('bignas'), Counter()
    score = Bottleneck(space)
    small, large = space.smallest(), space.largest()
    worst, best = (count(large)['macs'], score(small)), (count(small)['macs'], score(large))
    ways = ('predictor', 'predictor_even', 'nsga2', 'random')
    return World(space, count, 'accuracy', score, worst, best, ways=ways, goal='nsga2')


WORLDS: dict[str, Callable[[], World]] = {
    'synthetic': synthetic,
    'hr_scenes': hr_scenes,
    'bottleneck': bottleneck,
}


class Pooled(PredictorSearch):
    """Screens the networks of a table instead of offspring."""

    pool: Sequence[Arch] = ()

    def _candidates(self, surrogate: Any, records: Any, draw: Any) -> Any:
        seen = {record.arch for record in records}
        archs = [arch for arch in self.pool if arch not in seen]
        return self._matrix.rows(archs), archs, [self.cost(arch) for arch in archs]


def paper(world: World, most: int) -> AbstractSearch:
    """Algorithm 1 of ScaleNAS with its numbers, or as many less."""
    n = min(1000, most // 2)
    options: dict[str, Any] = {'num_initial': n, 'num_parents': n // 10, 'num_total': most}
    return TopologyEvolution(world.space, world.objectives, world.count, **options)


def gentle(world: World, most: int) -> AbstractSearch:
    """The same with fewer first networks and mutations: as the recipes have it."""
    return TopologyEvolution(
        world.space,
        world.objectives,
        world.count,
        num_initial=100,
        num_parents=50,
        num_total=most,
        p_mutation=0.1,
        p_depth=0.1,
    )


def nsga2(world: World, most: int) -> AbstractSearch:
    """The default of the package."""
    return NSGA2(world.space, world.objectives, world.count, num_total=most)


def chance(world: World, most: int) -> AbstractSearch:
    """Drawn evenly."""
    return RandomSearch(world.space, world.objectives, world.count, num_total=most)


def predictor(
    initial: Literal['uniform', 'stratified'] = 'stratified',
) -> Callable[[World, int], AbstractSearch]:
    """The default of the package, or begun with an even sample as NSGA-II is."""

    def made(world: World, most: int) -> AbstractSearch:
        kind = Pooled if world.pool else PredictorSearch
        search = kind(world.space, world.objectives, world.count, num_total=most, initial=initial)
        if isinstance(search, Pooled):
            search.pool = world.pool
        return search

    return made


def optuna(sampler: str, **options: Any) -> Callable[[World, int], AbstractSearch]:
    """A sampler of Optuna."""
    return lambda world, most: OptunaSearch(
        world.space, world.objectives, world.count, sampler=sampler, num_total=most, options=options
    )


@dataclass(frozen=True)
class Way:
    """An algorithm of the comparison: how it is made, evaluations, words for the table."""

    make: Callable[[World, int], AbstractSearch]
    most: int
    words: str


WAYS: Mapping[str, Way] = {
    'predictor': Way(predictor(), 200, 'predictor'),
    'predictor_even': Way(predictor('uniform'), 200, 'predictor, begun with an even sample'),
    'paper': Way(paper, 2000, 'topology evolution as in the paper, p_mutation 0.5'),
    'gentle': Way(gentle, 2000, 'topology evolution, p_mutation 0.1, p_depth 0.1'),
    'nsga2': Way(nsga2, 2000, 'NSGA-II'),
    'random': Way(chance, 2000, 'random'),
    'optuna_nsga2': Way(optuna('NSGAIISampler'), 500, "Optuna's NSGAIISampler"),
    'optuna_nsga3': Way(optuna('NSGAIIISampler'), 500, "Optuna's NSGAIIISampler"),
    'optuna_tpe': Way(optuna('TPESampler', n_startup_trials=30), 100, "Optuna's TPESampler"),
}


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
    if args.report:
        draw(world, results, args.report / f'{args.on}.png')


if __name__ == '__main__':
    main()
