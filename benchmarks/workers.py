#!/usr/bin/env python3
"""What several workers of a search are worth: how much of their time they evaluate.

    python benchmarks/workers.py simulate [--evaluations 400] [--seeds 0 1 2]
    python benchmarks/workers.py predictor [--evaluations 100] [--seeds 0 1 2 3 4 5 6 7]
    python benchmarks/workers.py processes [--evaluations 60] [--seconds 4 12]
    python benchmarks/workers.py storage [--trials 200 1000 3000 10000] [--running 200]
                                         [--ended 200 1] [--claims 3] [--storage FILE]

`simulate`: eight workers of unequal pace, evaluations of noisy length, one worker that dies; the
clocks are simulated, all else is the search itself. Efficiency is the time of evaluations that
counted, of all the time that workers were there until the last evaluation ended. `predictor`: the
same for the search by a predictor on the table of scenes, with the hypervolume that it reaches;
nobody dies, and what a proposal costs is not in the simulated time, but printed.
`processes`: two processes on an SQLite file whose evaluations sleep. `storage`: the cost of one
claim while so many others work on a study, of which `--ended` ended an evaluation and began the
next since the last claim; what was evaluated before is written at once. None needs torch.
"""

from __future__ import annotations

import argparse
import heapq
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from search_problems import hr_scenes
from study_claims import COST, OBJECTIVES, SPACE, claims, score

from scalenas.arch import Arch
from scalenas.search import (
    TURNS,
    AbstractSearch,
    PredictorSearch,
    Record,
    SearchStudy,
    TopologyEvolution,
    run_search,
)
from scalenas.search.study import WAYS
from scalenas.search.turns import Mode

PACES = (1.0, 1.0, 1.5, 2.0, 2.0, 3.0, 3.0, 4.0)
"""Seconds of a worker for what the fastest does in one."""
SECONDS = 10.0
"""Mean length of an evaluation at pace 1."""
POLL = 2.0
MODES: tuple[Mode, ...] = ('sync', 'async')


def evolution(total: int) -> TopologyEvolution:
    """Generations of as many networks as there are workers, five times over."""
    return TopologyEvolution(
        SPACE, OBJECTIVES, COST, num_initial=40, num_parents=40, num_total=total
    )


@dataclass(frozen=True)
class Outcome:
    """What a simulated search took.

    Attributes:
        busy: seconds of evaluations that counted.
        there: seconds that workers were there, the last one until `makespan`.
        claim: seconds of a core for each evaluation in which workers asked for networks.
    """

    records: Sequence[Record]
    busy: float
    there: float
    makespan: float
    lost: int
    claim: float = 0.0

    @property
    def efficiency(self) -> float:
        """Of the time of all workers, that in which they evaluated."""
        return self.busy / self.there


def in_memory() -> BaseStorage:
    """A storage with an empty study."""
    storage = optuna.storages.InMemoryStorage()
    storage.create_new_study([WAYS[o.direction] for o in OBJECTIVES], 'workers')
    return storage


class Clock:
    """The time of a simulation."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def simulated_worker(storage: BaseStorage, number: int, clock: Clock) -> SearchStudy:
    """A view of the study as a worker on a machine of its own has it, at a simulated time."""
    study = SearchStudy(storage, 'workers', 'memory', OBJECTIVES)
    study.worker = replace(study.worker, machine=f'machine {number}', token=str(number))
    study._watch._me = study.worker
    study._watch.now = clock  # type: ignore[method-assign]
    study._chance = random.Random(number)
    return study


def simulate(
    mode: Mode,
    total: int,
    seed: int = 0,
    paces: Sequence[float] = PACES,
    dies: float | None = 0.3,
    search: Callable[[int], AbstractSearch] = evolution,
    evaluate: Callable[[Arch], dict[str, float]] = score,
) -> Outcome:
    """A search by workers of these paces.

    Args:
        dies: the first worker dies in the evaluation that it begins after this share of the time
            that all would need at least; None: no one does.
        search: of so many evaluations, for mIoU and MACs.
        evaluate: what an evaluation gives, in no time.
    """
    rng, clock, storage = random.Random(seed), Clock(), in_memory()
    death = float('inf') if dies is None else dies * total * SECONDS / sum(1 / p for p in paces)
    studies = [simulated_worker(storage, number, clock) for number in range(len(paces))]
    turns = [TURNS[mode](search(total), study, seed) for study in studies]
    left = [0.0] * len(paces)
    work: dict[int, tuple[Any, float]] = {}
    busy, claiming, lost = 0.0, 0.0, 0
    events = [(0.0, number) for number in range(len(paces))]
    while events:
        clock.now, number = heapq.heappop(events)
        if number in work:
            claim, seconds = work.pop(number)
            if number == 0 and clock.now - seconds >= death:
                left[0], lost = clock.now - rng.random() * seconds, lost + 1
                continue
            studies[number].complete(claim, evaluate(claim.candidate.arch))
            turns[number].evaluated(claim)
            busy += seconds
        began = time.process_time()
        claim = turns[number].claim()
        claiming += time.process_time() - began
        if claim is not None:
            seconds = SECONDS * paces[number] * rng.uniform(0.7, 1.3)
            work[number] = claim, seconds
            heapq.heappush(events, (clock.now + seconds, number))
        elif turns[number].finished:
            left[number] = clock.now
        else:
            heapq.heappush(events, (clock.now + POLL, number))
    makespan = max(left)
    there = sum(min(end, makespan) if number == 0 else makespan for number, end in enumerate(left))
    return Outcome(studies[-1].records(), busy, there, makespan, lost, claiming / total)


def predictor(total: int, seeds: Sequence[int]) -> None:
    """Prints what workers of both modes reach on the table of scenes, and one worker alone."""
    world = hr_scenes()

    def search(total: int) -> AbstractSearch:
        return PredictorSearch(world.space, world.objectives, world.count, num_total=total)

    def evaluate(arch: Arch) -> dict[str, float]:
        return {world.metric: world.score(arch)}

    kinds: list[tuple[str, Mode, Sequence[float]]] = [
        ('one alone', 'sync', (1.0,)),
        *((mode, mode, PACES) for mode in MODES),
    ]
    for name, mode, paces in kinds:
        found = []
        for seed in seeds:
            run = simulate(mode, total, seed, paces, None, search, evaluate)
            points = [(r.cost['macs'], r.metrics[world.metric]) for r in run.records]
            found.append(world.volume(points))
            print(
                f'{name:9s}  seed {seed}  hypervolume {found[-1]:.4f}  efficiency '
                f'{run.efficiency:.3f}  {run.claim:.2f} s of a core a claim',
                flush=True,
            )
        ends = f'{min(found):.4f} to {max(found):.4f}'
        print(f'{name:9s}  median {statistics.median(found):.4f}, {ends}', flush=True)


def work(
    where: str, number: int, seconds: float, total: int, mode: Mode, spent: Any, ready: Any
) -> None:
    """A process: it adds the time of its evaluations to `spent`, once all are `ready`."""

    rng = random.Random(number)

    def evaluate(arch: Arch) -> dict[str, float]:
        begin = time.monotonic()
        time.sleep(seconds * rng.uniform(0.7, 1.3))
        with spent.get_lock():
            spent.value += time.monotonic() - begin
        return score(arch)

    study = SearchStudy.open(where, 'workers', OBJECTIVES, {'mode': mode})
    search = TopologyEvolution(
        SPACE, OBJECTIVES, COST, num_initial=8, num_parents=4, num_total=total
    )
    ready.wait()
    run_search(search, study, evaluate, mode=mode, poll_seconds=0.2)


def processes(mode: Mode, seconds: Sequence[float], total: int) -> tuple[float, float]:
    """Efficiency of one process for each length of an evaluation, and how long they took."""
    spent = multiprocessing.Value('d', 0.0)
    with tempfile.TemporaryDirectory() as folder:
        where = os.path.join(folder, 'study.db')
        SearchStudy.open(where, 'workers', OBJECTIVES, {'mode': mode})
        ready = multiprocessing.Barrier(len(seconds) + 1)
        workers = [
            multiprocessing.Process(target=work, args=(where, i, each, total, mode, spent, ready))
            for i, each in enumerate(seconds)
        ]
        for process in workers:
            process.start()
        ready.wait()
        begin = time.monotonic()
        for process in workers:
            process.join()
        took = time.monotonic() - begin
        assert len(SearchStudy.read(where).records()) == total
    return spent.value / (len(seconds) * took), took


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest='part', required=True)
    part = parts.add_parser('simulate')
    part.add_argument('--evaluations', type=int, default=400)
    part.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    part = parts.add_parser('predictor')
    part.add_argument('--evaluations', type=int, default=100)
    part.add_argument('--seeds', type=int, nargs='+', default=list(range(8)))
    part = parts.add_parser('processes')
    part.add_argument('--evaluations', type=int, default=60)
    part.add_argument('--seconds', type=float, nargs='+', default=[4.0, 12.0])
    part = parts.add_parser('storage')
    part.add_argument('--trials', type=int, nargs='+', default=[200, 1000, 3000, 10_000])
    part.add_argument('--running', type=int, default=200)
    part.add_argument('--ended', type=int, nargs='+', default=[200, 1])
    part.add_argument('--claims', type=int, default=3, help='of which means are given')
    part.add_argument('--storage', help='default: an SQLite file that is removed')
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if args.part == 'predictor':
        predictor(args.evaluations, args.seeds)
    elif args.part == 'simulate':
        for dies in (None, 0.3):
            for mode in MODES:
                runs = [simulate(mode, args.evaluations, seed, dies=dies) for seed in args.seeds]
                shares = ' '.join(f'{run.efficiency:.3f}' for run in runs)
                spans = ' '.join(f'{run.makespan:.0f}' for run in runs)
                who = 'none dies' if dies is None else 'the first dies'
                print(f'{mode:5s}  {who:14s}  efficiency {shares}  seconds {spans}', flush=True)
    elif args.part == 'processes':
        for mode in MODES:
            share, took = processes(mode, args.seconds, args.evaluations)
            print(f'{mode:5s}  efficiency {share:.3f}  {took:.1f} s', flush=True)
    else:
        with tempfile.TemporaryDirectory() as folder:
            where = args.storage or os.path.join(folder, 'study.db')
            print(f'{args.running} others at work')
            begin = time.perf_counter()
            for cost in claims(where, args.trials, args.running, args.claims, args.ended):
                print(
                    f'{cost.size:6d} trials, {cost.ended:3d} ended: {cost.statements:.0f} '
                    f'statements, {cost.trials:.0f} trials read, {cost.seconds:.3f} s a claim, '
                    f'{cost.processor:.3f} s of a core',
                    flush=True,
                )
            print(f'{time.perf_counter() - begin:.0f} s in all')


if __name__ == '__main__':
    main()
