"""What searches are compared on: two made accuracies and a table, each in a box of its own."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from scalenas.arch import Arch, HRArch, MBConvArch
from scalenas.complexity import Cost, Counter
from scalenas.search import Objectives, hypervolume
from scalenas.space import AbstractSpace, named


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
