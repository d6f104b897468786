"""The loop of a worker: claim a candidate, evaluate it, tell the study; until all are done."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from scalenas.arch import Arch
from scalenas.errors import UserError

from .algorithm import AbstractSearch
from .record import Record, SearchError
from .study import SearchStudy
from .trials import Candidate, Claim
from .turns import TURNS, After, Mode

logger = logging.getLogger(__name__)

Evaluate = Callable[[Arch], Mapping[str, float]]
ATTEMPTS = 2  # of one worker at one slot; a second start tries again


class CandidateError(SearchError):
    """A network that could not be evaluated: the message is one line for the user."""


class Progress(Protocol):
    """Somebody who watches a search."""

    def evaluated(self, record: Record, seconds: float) -> None:
        """This worker evaluated a network."""

    def update(self, records: Sequence[Record]) -> None:
        """All that is evaluated by now, by any worker."""

    def waiting(self, running: Sequence[tuple[int, str]]) -> None:
        """Nothing is left in the generation but what these (slot, worker) evaluate."""


def run_search(
    algorithm: AbstractSearch,
    study: SearchStudy,
    evaluate: Evaluate,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    after: After | None = None,
    poll_seconds: float = 1.0,
    mode: Mode = 'sync',
) -> list[Record]:
    """Work on the study until the algorithm has nothing more to ask; all records, by slot.

    Any number of processes may do so at once, with equal algorithm, seed and mode. They share the
    evaluations: of `'sync'` each computes the generations on its own, from the records alone; of
    `'async'` each asks for a network whenever it is free (`turns.FreeTurns`). `after` is given all
    records at the end of each generation.

    Raises:
        CandidateError: when `evaluate` failed twice on a network, or gave a number that is
            missing or not finite. The network stays open: a later run tries it again. A NaN
            besides the metric of the search is left out.
        UserError: as `evaluate` raised it, at once.
    """
    turns = TURNS[mode](algorithm, study, seed, after)
    failures: dict[int, int] = {}
    while True:
        claim = turns.claim()
        if claim is None and turns.finished:
            return study.records()
        if progress is not None:
            progress.update(study.records())
        if claim is not None:
            _evaluate_one(claim, study, evaluate, progress, failures)
            turns.evaluated(claim)
            continue
        if progress is not None:
            progress.waiting(turns.running)
        time.sleep(poll_seconds)


def _evaluate_one(
    claim: Claim,
    study: SearchStudy,
    evaluate: Evaluate,
    progress: Progress | None,
    failures: dict[int, int],
) -> None:
    candidate = claim.candidate
    start = time.monotonic()
    try:
        with study.heartbeat(claim):
            metrics = _checked(evaluate(candidate.arch), candidate, study)
    except Exception as error:
        text = f'{type(error).__name__}: {" ".join(str(error).split())}'
        study.release(claim, text[:500])
        if isinstance(error, UserError):
            raise
        slot = candidate.slot
        failures[slot] = failures.get(slot, 0) + 1
        logger.exception('slot %d: attempt %d of %d failed', slot, failures[slot], ATTEMPTS)
        if failures[slot] >= ATTEMPTS:
            raise CandidateError(
                f'failed {ATTEMPTS} times, last with {text[:150]}',
                where=f'slot {slot} ({candidate.cost})',
                hint='remove the cause and run the same command again',
            ) from error
        return
    except BaseException:
        study.release(claim, 'interrupted', wait=False)
        raise
    # Whatever stops it from here on, a trial with metrics counts for the next start.
    study.complete(claim, metrics)
    if progress is not None:
        record = Record(
            candidate.slot, candidate.arch, candidate.cost, metrics, candidate.generation
        )
        progress.update(study.records())
        progress.evaluated(record, time.monotonic() - start)


def _checked(
    metrics: Mapping[str, float], candidate: Candidate, study: SearchStudy
) -> dict[str, float]:
    wanted = [objective.name for objective in study.objectives.metrics]
    for name in wanted:
        if name not in metrics:
            raise CandidateError(
                'the evaluation does not give it',
                where='search.objectives',
                got=name,
                allowed=tuple(metrics),
            )
    numbers = {name: float(value) for name, value in metrics.items()}
    # Such as the precision of a class that no image shows: it is undefined.
    numbers = {k: v for k, v in numbers.items() if k in wanted or not math.isnan(v)}
    for name, value in numbers.items():
        if not math.isfinite(value):
            logger.error('slot %d: its arch: %s', candidate.slot, candidate.arch.to_dict())
            where = f'slot {candidate.slot}, {name}'
            raise CandidateError(where=where, got=value, allowed='a finite number')
    return numbers
