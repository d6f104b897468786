#!/usr/bin/env python3
"""A table of units against whole networks: Kendall's tau, its ceiling, and the relative error.

    python benchmarks/latency_table.py [--width 32 --size 128 256 --runtime onnxruntime --nets 40]

Networks of the ScaleNAS space of this width, spread from the smallest to the largest; a quarter as
many more are for the correction. Needs some 10 minutes and 12 GB on one quiet core as it stands
(--width 18: a third of both), goes on where it was stopped, and prints a row of a table. The tau of
MACs, and of sums that nothing corrects, with the same times are what the table is compared with.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from scalenas.complexity import Counter
from scalenas.deploy import RuntimeStopwatch, measured_table
from scalenas.deploy.units import judged_places, whole_candidates
from scalenas.latency import Cache, kendall, measure, split_half_tau
from scalenas.latency.correction import agreement
from scalenas.latency.reliability import Times
from scalenas.space import HRSpace

EVERY = 5


def main() -> None:
    """Measure what is not known, print a row, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--width', type=int, default=32)
    parser.add_argument('--size', nargs=2, type=int, default=(128, 256))
    parser.add_argument('--runtime', default='onnxruntime')
    parser.add_argument('--nets', type=int, default=40)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--runs', type=int, default=2)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--clock', choices=('wall', 'processor'), default='wall')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cache', default='work_dirs/latency')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    args = parser.parse_args()
    space, size, seed = HRSpace(args.width), tuple(args.size), args.seed
    stopwatch = RuntimeStopwatch(
        args.runtime, threads=args.threads, runs=args.runs, clock=args.clock
    )
    cache, whole = Cache(args.cache), args.nets * EVERY // (EVERY - 1)
    options = (args.rounds, whole, seed, lambda text: print(text, flush=True), EVERY)
    table = measured_table(space, size, stopwatch, cache, *options)

    archs, sizes, candidates = whole_candidates(space, size, stopwatch, whole, seed)
    times = measure(candidates, cache, args.rounds, seed)  # which are known by now
    judged = judged_places(len(archs), EVERY)
    held_out = Times(tuple(times.names[i] for i in judged), tuple(times.seconds[i] for i in judged))
    ms = [1e3 * spread.median for spread in held_out.spreads()]
    counter, medians = Counter(size), {k: spread.median for k, spread in table.units.items()}
    sums = [
        sum(n * medians[key] for key, n in table.parts(archs[i], sizes[i]).items()) for i in judged
    ]
    found = table.agreement
    assert found is not None
    row = {
        'space': f'W{args.width} at {size[0]}x{size[1]}',
        'runtime': table.about['runtime'],
        'machine': table.about['machine'],
        'python': platform.python_version(),
        'rounds': args.rounds,
        'networks': found.nets,
        'ms': [min(ms), max(ms)],
        'tau': found.tau,
        'split_half_tau': split_half_tau(held_out, seed=seed),
        'error': found.error,
        'worst': found.worst,
        'tau_of_macs': kendall([counter(archs[i])['macs'] for i in judged], ms),
        'uncorrected': vars(agreement(sums, held_out, seed)),
        'correction': vars(table.correction),
    }
    print('| space | runtime | networks | tau | split-half tau | error (worst) | tau of MACs |')
    print('|---|---|---|---|---|---|---|')
    print(
        f'| {row["space"]} | {row["runtime"]} | {found.nets} of {min(ms):.1f} to {max(ms):.1f} ms '
        f'| {found.tau:.3f} | {row["split_half_tau"]:.3f} | {found.error:.1%} ({found.worst:.1%}) '
        f'| {row["tau_of_macs"]:.3f} |'
    )
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f'latency_table_w{args.width}_{args.runtime}.json'
    path.write_text(json.dumps(row, indent=1) + '\n')
    print(f'wrote {path}')


if __name__ == '__main__':
    main()
