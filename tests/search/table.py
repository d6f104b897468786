"""A search of milliseconds: a small space, an analytic score, a side file that counts calls."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, HRArch
from scalenas.complexity import Counter
from scalenas.search import (
    AbstractSearch,
    CoarseToFine,
    Objectives,
    RandomSearch,
    Record,
    SearchStudy,
    TopologyEvolution,
    run_search,
)
from scalenas.search.turns import Mode
from scalenas.space import HRSpace

SPACE = HRSpace(
    width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)
COST = Counter((64, 64))
OBJECTIVES = Objectives.from_dict(('mIoU', 'macs'))


def score(arch: Arch) -> dict[str, float]:
    """Likes blocks on the fine branches and fusions that look one branch down, not the others."""
    assert isinstance(arch, HRArch)
    value = 0.0
    for module in arch.modules:
        value += sum(depth / (i + 1) for i, depth in enumerate(module.depths))
        for rows in module.fusions:
            for i, sources in enumerate(rows):
                value += sum(0.5 if k == i + 1 else -0.2 for k in sources)
    return {'mIoU': value, 'aAcc': value / 2}


def evolution(**changes: Any) -> TopologyEvolution:
    """A small evolution: 12 at random, 6 parents, 40 in all."""
    numbers = {'num_initial': 12, 'num_parents': 6, 'num_total': 40, **changes}
    return TopologyEvolution(SPACE, OBJECTIVES, COST, **numbers)


def random_search(**changes: Any) -> RandomSearch:
    """As many at random."""
    return RandomSearch(SPACE, OBJECTIVES, COST, **{'num_total': 40, **changes})


GRID = (
    {'genes': ['*.depth'], 'levels': 3},
    {'settings': [{'*.f*': False}, {'*.f*': False, 's4.*.f*': True}, {'*.f*': True}]},
)


def coarse_to_fine(**changes: Any) -> CoarseToFine:
    """Nine networks of a grid, then mutations of the best of two budgets; 40 in all."""
    least, most = COST(SPACE.smallest())['macs'], COST(SPACE.largest())['macs']
    budgets = [least + share * (most - least) for share in (0.3, 0.8)]
    options = {'grid': GRID, 'budgets': budgets, 'num_total': 40, **changes}
    return CoarseToFine(SPACE, OBJECTIVES, COST, **options)


SEARCHES = {'evolution': evolution, 'random': random_search, 'coarse_to_fine': coarse_to_fine}


def search_in_memory(
    search: AbstractSearch, seed: int = 0, evaluate: Callable[[Arch], dict[str, float]] = score
) -> list[Record]:
    """What a search finds, without any study."""
    import random

    records: list[Record] = []
    index = 0
    while batch := search.generation(index, records, random.Random(f'{seed}/{index}')):
        first = len(records)
        records += [
            Record(first + i, arch, search.cost(arch), evaluate(arch), index)
            for i, arch in enumerate(batch)
        ]
        index += 1
    return records


def key(arch: Arch) -> str:
    """A short name of an arch, equal on every machine."""
    return hashlib.sha256(json.dumps(arch.to_dict(), sort_keys=True).encode()).hexdigest()[:12]


def open_study(where: str, **settings: object) -> SearchStudy:
    """The study of these tests."""
    return SearchStudy.open(where, 'test', OBJECTIVES, {'seed': 0, **settings})


def worker(
    where: str, calls: str, seconds: float, search: str = 'evolution', mode: Mode = 'sync'
) -> None:
    """Search, and note every evaluation as a line `key pid` in the file `calls`."""

    def evaluate(arch: Arch) -> dict[str, float]:
        time.sleep(seconds)
        with open(calls, 'a') as file:
            file.write(f'{key(arch)} {os.getpid()}\n')
        return score(arch)

    run_search(SEARCHES[search](), open_study(where), evaluate, poll_seconds=0.05, mode=mode)


def counted(calls: Path) -> list[str]:
    """The keys of all evaluations that ended."""
    return [line.split()[0] for line in calls.read_text().splitlines()] if calls.is_file() else []
