"""Workers of one process that claim, end, die and give back in any order, and real processes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import Arch
from scalenas.search import AbstractSearch, SearchStudy
from scalenas.search import life as life_module
from scalenas.search.trials import Candidate, Claim
from scalenas.search.turns import FreeTurns

from .asynchronous import ALGORITHMS, assert_whole, studies
from .forked import Forked
from .table import counted, evolution, key, score, worker
from .test_study import wait_for

SLOW = ('predictor', 'optuna')  # to propose


class Fleet:
    """Workers of one process, each at its own point; a script says who does what next."""

    def __init__(self, script: random.Random, count: int, algorithm: AbstractSearch) -> None:
        self.script, self.algorithm = script, algorithm
        self.studies = studies(count)
        self.turns = [FreeTurns(algorithm, study, 0) for study in self.studies]
        self.claims: dict[int, Claim] = {}
        self.alive = list(range(count))
        self.evaluated: list[Arch] = []
        for number, study in enumerate(self.studies):
            study._chance = random.Random(f'{script.random()}/{number}')
            study._add = self._raced(number, study._add)  # type: ignore[method-assign]

    def _raced(
        self, number: int, add: Callable[[Candidate], Claim]
    ) -> Callable[[Candidate], Claim]:
        """Adding a trial, before which others may be faster."""

        def raced(candidate: Candidate) -> Claim:
            while len(self.inside) < len(self.alive) and self.script.random() < 0.4:
                self.step(self.script.choice([n for n in self.alive if n not in self.inside]))
            return add(candidate)

        return raced

    inside: tuple[int, ...] = ()

    def step(self, number: int) -> None:
        """One worker claims, or ends an evaluation, or dies, or gives back what it has."""
        study = self.studies[number]
        if number not in self.claims:
            self.inside += (number,)
            claim = self.turns[number].claim()
            self.inside = tuple(n for n in self.inside if n != number)
            if claim is not None and number in self.alive:
                self.claims[number] = claim
            return
        claim, chance = self.claims[number], self.script.random()
        if chance < 0.1 and len(self.alive) - len(self.inside) > 1:
            self.alive.remove(number)
        elif chance < 0.2:
            study.release(self.claims.pop(number), 'interrupted')
        else:
            self.evaluated.append(claim.candidate.arch)
            study.complete(self.claims.pop(number), score(claim.candidate.arch))
            self.turns[number].evaluated(claim)

    def is_alive(self, known: object) -> bool:
        return any(self.studies[n].worker == known for n in self.alive)

    def run(self) -> None:
        while not all(self.turns[n].finished for n in self.alive):
            self.step(self.script.choice([n for n in self.alive if not self.turns[n].finished]))


@pytest.mark.parametrize('name', ALGORITHMS)
def test_any_interleaving_ends_complete(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=2 if name in SLOW else 8, deadline=None)
    @given(st.integers(0, 10**9), st.integers(1, 6))
    def check(script: int, count: int) -> None:
        fleet = Fleet(random.Random(script), count, ALGORITHMS[name]())
        monkeypatch.setattr(life_module, 'is_alive', fleet.is_alive)
        fleet.run()
        assert_whole(fleet.studies[fleet.alive[0]], fleet.algorithm)
        times = Counter(fleet.evaluated)
        assert set(times.values()) == {1}
        assert len(times) == fleet.algorithm.num_total

    check()


@pytest.mark.longer
def test_two_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    where, calls = str(tmp_path / 'study.db'), tmp_path / 'calls'
    first = Forked(worker, where, str(calls), 0.05, 'evolution', 'async')
    wait_for(calls, 3)
    second = Forked(worker, where, str(calls), 0.2, 'evolution', 'async')
    wait_for(calls, 12)
    first.kill()
    assert second.wait() == 0, second.errors()
    first.wait()
    study = SearchStudy.read(where)
    assert_whole(study, evolution())
    times = Counter(counted(calls))
    assert set(times) == {key(record.arch) for record in study.records()}
    # A kill between the end of an evaluation and its first write may cost that one evaluation.
    assert sum(times.values()) <= 40 + 1
    assert len({line.split()[1] for line in calls.read_text().splitlines()}) == 2
