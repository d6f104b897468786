"""Which network a worker evaluates next: of a generation that all wait for, or one of its own.

Both ways share a study's guarantees: a network is evaluated once, what a dead worker had is taken
over, and the search ends with exactly `num_total` networks (fewer where a space has no more).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from optuna.trial import TrialState

from scalenas.arch import Arch, from_dict

from .algorithm import AbstractSearch
from .ledger import View
from .record import Record, SearchError, StudyError
from .study import SearchStudy
from .trials import Candidate, Claim, Seen

After = Callable[[Sequence[Record]], None]
Mode = Literal['sync', 'async']


class Turns(ABC):
    """The claims of a worker, one after the other.

    Args:
        after: is given all records at the end of each generation.

    Attributes:
        finished: nothing is left to claim, and nobody evaluates.
        running: the evaluations of others when there was nothing to claim: slot and worker.
    """

    def __init__(
        self, algorithm: AbstractSearch, study: SearchStudy, seed: int, after: After | None = None
    ) -> None:
        self._algorithm, self._study, self._seed, self._after = algorithm, study, seed, after
        self.finished = False
        self.running: Sequence[tuple[int, str]] = ()

    @abstractmethod
    def claim(self) -> Claim | None:
        """The next network to evaluate; None when there is none for now, or no more."""

    @abstractmethod
    def evaluated(self, claim: Claim) -> None:
        """Take note that the network of a claim was evaluated, or given back."""

    def _others_run(self) -> bool:
        self.running = self._study.waiting_for()
        return bool(self.running)

    def _end_generation(self) -> None:
        if self._after is not None:
            self._after(self._study.records())


class GenerationTurns(Turns):
    """The synchronous search: no network of a generation before all of the last are evaluated.

    What is evaluated is a function of algorithm and seed alone, with any number of workers.
    """

    def __init__(
        self, algorithm: AbstractSearch, study: SearchStudy, seed: int, after: After | None = None
    ) -> None:
        super().__init__(algorithm, study, seed, after)
        self._index = 0
        self._begin([])

    def _begin(self, done: Sequence[Record]) -> None:
        rng = random.Random(f'{self._seed}/{self._index}')
        batch = self._algorithm.generation(self._index, done, rng)
        cost = self._algorithm.cost
        self._candidates = [
            Candidate(len(done) + i, arch, cost(arch), self._index) for i, arch in enumerate(batch)
        ]
        self.finished = not batch

    def claim(self) -> Claim | None:
        """A network of this generation, or of the next one if all of it are evaluated."""
        while not self.finished:
            claim = self._study.claim(self._candidates)
            if claim is not None:
                return claim
            last = self._candidates[-1].slot
            done = [record for record in self._study.records() if record.slot <= last]
            if len(done) <= last:
                if self._others_run():
                    return None
                continue  # somebody gave one back
            # Others may evaluate the next generation already.
            self._end_generation()
            self._index += 1
            self._begin(done)
        return None

    def evaluated(self, claim: Claim) -> None:
        """Nothing: who looks for the next network sees that a generation ends."""


class FreeTurns(Turns):
    """The asynchronous search: who is free evaluates a network, given all results of that time.

    The first networks are those of a synchronous search, generation 0. A later one is a function
    of the seed, its slot, the results that are there when it is proposed, and the networks that
    others evaluate then, which nobody proposes again; trials keep which those were (`Seen`).
    """

    def __init__(
        self, algorithm: AbstractSearch, study: SearchStudy, seed: int, after: After | None = None
    ) -> None:
        super().__init__(algorithm, study, seed, after)
        if not algorithm.asynchronous:
            name = algorithm.settings()['type']
            raise SearchError(
                where='search.mode',
                got='async',
                allowed=f"'sync' with {name}, of which each step needs all scores of the last",
            )
        self._first = algorithm.generation(0, [], random.Random(f'{seed}/0'))
        self._in_vain: tuple[int, int, tuple[int, ...]] | None = None

    def claim(self) -> Claim | None:
        """A network for a free slot, if there is one."""
        for _ in range(2):  # what was given back between the two looks is found by the second
            claim = self._study.claim_free(self._algorithm.num_total, self._propose)
            if claim is not None or self._others_run():
                return claim
        self.finished = True
        self._end_generation()
        return None

    def evaluated(self, claim: Claim) -> None:
        """Who evaluates the last slot of as many as a generation would have ends it."""
        slot = claim.candidate.slot
        if self._generation(slot) != self._generation(slot + 1):
            self._end_generation()

    def expected(
        self, seen: Seen, records: Sequence[Record], others: Sequence[Arch]
    ) -> Arch | None:
        """The network for a slot, by what was there when it was proposed; None when none is new."""
        first = self._first[seen.slot] if seen.slot < len(self._first) else None
        if first is not None and first not in {*others, *(record.arch for record in records)}:
            return first
        rng = random.Random(f'{self._seed}/slot {seen.slot}')
        taken = frozenset(others).union(self._first)
        return self._algorithm.propose(max(1, self._generation(seen.slot)), records, taken, rng)

    def _generation(self, slot: int) -> int:
        later = slot - len(self._first)
        return 0 if later < 0 else 1 + later // self._algorithm.later_size

    def _propose(self, slot: int, view: View, last: Candidate | None) -> Candidate | None:
        generation = self._generation(slot)
        known = {record.arch for record in view.records}.union(view.others)
        if last is not None and last.generation and generation and last.arch not in known:
            return replace(last, slot=slot, generation=generation)
        if self._in_vain == (slot, len(view.records), view.running):
            return None
        seen = Seen(slot, view.trials, view.running)
        arch = self.expected(seen, view.records, view.others)
        if arch is None:
            self._in_vain = (slot, len(view.records), view.running)
            return None
        return Candidate(slot, arch, self._algorithm.cost(arch), generation, seen)


TURNS: dict[Mode, type[GenerationTurns | FreeTurns]] = {
    'sync': GenerationTurns,
    'async': FreeTurns,
}
"""Mode -> how its workers take turns."""


def check_proposals(algorithm: AbstractSearch, study: SearchStudy, seed: int) -> int:
    """How many networks an asynchronous study proposed, each one again from what it was made of.

    Raises:
        StudyError: for the first that is not what the algorithm proposes.
    """
    turns, rows = FreeTurns(algorithm, study, seed), study.claims()
    archs = {row.number: from_dict(dict(row.arch), f'{row.where}, arch') for row in rows}
    done = {row.number: row.slot for row in rows if row.state == TrialState.COMPLETE}
    records = {record.slot: record for record in study.records()}
    for row in rows:
        if row.seen is None:
            raise StudyError('was proposed by a synchronous search', where=row.where)
        known = [n for n in done if n < row.seen.trials and n not in row.seen.running]
        given = [records[slot] for slot in sorted(done[n] for n in known)]
        arch = turns.expected(row.seen, given, [archs[n] for n in row.seen.running])
        if arch != archs[row.number]:
            raise StudyError('is not what the search proposes', where=row.where)
    return len(rows)
