"""Runs the domains, and the table of what came of them."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from .case import Outcome

DOMAINS: Mapping[str, int] = {
    'archs': 1000,
    'checkpoints': 900,
    'class_folders': 400,
    'coco': 800,
    'configs': 900,
    'samplers': 800,
    'scaling': 800,
    'segmentation': 900,
    'spaces': 1000,
    'studies': 700,
}
"""Module of this folder -> number of inputs of a whole run."""


def run(
    domain: str, count: int, folder: Path, seed: int = 0
) -> tuple[Counter[Outcome], Sequence[str]]:
    """`count` inputs of a domain; how often each outcome came, and the faults in words."""
    rng = random.Random(f'{domain} {seed}')
    outcomes: Counter[Outcome] = Counter()
    faults = []
    cases = import_module(f'{__package__}.{domain}').cases(rng, folder)
    for i, case in enumerate(itertools.islice(cases, count)):
        outcome, text = case.outcome()
        outcomes[outcome] += 1
        if outcome.is_fault:
            faults.append(f'{domain} {i} (seed {seed}), {case.name}: {outcome}: {text}')
    return outcomes, faults


def table(results: Mapping[str, Counter[Outcome]], seconds: Mapping[str, float]) -> str:
    """A row a domain, in markdown."""
    rows = ['| inputs | number | ' + ' | '.join(Outcome) + ' | seconds |']
    rows.append('|---|' + '---|' * (len(Outcome) + 2))
    for name, outcomes in results.items():
        counts = ' | '.join(str(outcomes[o]) for o in Outcome)
        rows.append(f'| {name} | {outcomes.total()} | {counts} | {seconds[name]:.0f} |')
    whole = sum(results.values(), Counter[Outcome]())
    counts = ' | '.join(str(whole[o]) for o in Outcome)
    rows.append(f'| all | {whole.total()} | {counts} | {sum(seconds.values()):.0f} |')
    return '\n'.join(rows)


def main(domains: Sequence[str], share: float, folder: Path, seed: int) -> int:
    """Prints each fault as it comes and the table at last; 1 if there were faults."""
    results, seconds, bad = {}, {}, 0
    for name in domains:
        start = time.perf_counter()
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        count = max(1, round(DOMAINS[name] * share))
        results[name], faults = run(name, count, place, seed)
        seconds[name] = time.perf_counter() - start
        bad += len(faults)
        print(f'{name}: {count} inputs, {len(faults)} faults, {seconds[name]:.0f} s', flush=True)
        for fault in faults:
            print(f'  {fault}', flush=True)
    print('\n' + table(results, seconds))
    return 1 if bad else 0
