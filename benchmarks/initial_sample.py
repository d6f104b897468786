#!/usr/bin/env python3
"""Where the first networks of a search lie, and where the published ones are: multiply-adds in Gi.

    python benchmarks/initial_sample.py [--samples 10000] [--seed 0]

Needs no torch. A row is a space at the input size of a table of ScaleNAS; its quantiles are those
of `initial='uniform'` and of `initial='stratified'` of the topology evolution, and of each
published network it says which share of either sample is cheaper.
"""

from __future__ import annotations

import argparse
import random
from bisect import bisect_left
from collections.abc import Callable
from statistics import quantiles

from scalenas.arch import Arch, PoseHead, SegHead, named
from scalenas.complexity import SCALENAS, Counter
from scalenas.search import Objectives, TopologyEvolution
from scalenas.space import HRSpace

ROWS = (
    ('W32, segmentation', HRSpace(32), (1024, 2048), SegHead(19), ('s1', 's2')),
    ('W48, segmentation', HRSpace(48), (1024, 2048), SegHead(19), ('s3', 's4')),
    ('W32, pose', HRSpace(32, output='single'), (256, 192), PoseHead(17), ('p1', 'p2')),
    ('W32, pose', HRSpace(32, output='single'), (384, 288), PoseHead(17), ('p3',)),
    ('W48, pose', HRSpace(48, output='single'), (384, 288), PoseHead(17), ('p4',)),
)
INITIAL = ('uniform', 'stratified')


def costs(
    space: HRSpace, count: Callable[[Arch], float], initial: str, samples: int, seed: int
) -> list[float]:
    """Sorted multiply-adds of the initial sample, drawn as the search draws it."""
    search = TopologyEvolution(
        space,
        Objectives.from_dict(('mIoU', 'macs')),
        Counter((64, 64)),
        num_initial=samples,
        num_total=samples,
        initial=initial,  # type: ignore[arg-type]
    )
    return sorted(count(arch) for arch in search.generation(0, [], random.Random(seed)))


def share_below(found: list[float], value: float) -> str:
    """In percent; of a value outside the sample it says so."""
    position = bisect_left(found, value)
    if position in (0, len(found)):
        return 'below all' if position == 0 else 'above all'
    return f'{100 * position / len(found):.1f} %'


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--samples', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    print(
        '| space, input | initial | least | 5 % | median | 95 % | most | published, share below |'
    )
    print('|---' * 8 + '|')
    for title, space, size, head, nets in ROWS:
        counter = Counter(size, head)

        def gi(arch: Arch, counter: Counter = counter) -> float:
            return counter(arch).gmacs(SCALENAS)

        for initial in INITIAL:
            found = costs(space, gi, initial, args.samples, args.seed)
            twentieths = quantiles(found, n=20)
            shown = [found[0], twentieths[0], twentieths[9], twentieths[18], found[-1]]
            digits = 1 if size == (1024, 2048) else 2
            places = []
            for net in nets:
                arch = named(f'scalenas_{net}')
                value = gi(arch)
                places.append(f'{net.upper()} ({value:.{digits}f}): {share_below(found, value)}')
            cells = ' | '.join(f'{value:.{digits}f}' for value in shown)
            print(
                f'| {title}, {size[0]}x{size[1]} | {initial} | {cells} | {", ".join(places)} |',
                flush=True,
            )


if __name__ == '__main__':
    main()
