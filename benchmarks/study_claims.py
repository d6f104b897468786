"""What one claim costs while many others work on a study; for benchmarks/workers.py."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState

from scalenas.arch import Arch
from scalenas.complexity import Counter
from scalenas.search import Objectives, SearchStudy
from scalenas.search.news import News
from scalenas.search.trials import Candidate, Genes, Seen, trial_of
from scalenas.space import HRSpace

SPACE = HRSpace(
    width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)
COST = Counter((64, 64))
OBJECTIVES = Objectives.from_dict(('mIoU', 'macs'))


def score(arch: Arch) -> dict[str, float]:
    """Any number that depends on the network."""
    return {'mIoU': float(COST(arch)['params']) ** 0.5}


class Crowd:
    """Other workers of a study, on machines that cannot be seen; they all work at once."""

    def __init__(self, study: SearchStudy, running: int, seed: int = 0) -> None:
        self._study, self._rng = study, random.Random(seed)
        self._worker = replace(study.worker, machine='elsewhere', token='crowd')
        self._genes, self._archs = Genes(SPACE), set[Arch]()
        self._slot = self.trials = 0
        self._running: list[tuple[int, Candidate]] = []
        self._running = [self._add() for _ in range(running)]

    def candidate(self, slot: int) -> Candidate:
        """A network that nobody has."""
        while (arch := SPACE.sample(self._rng)) in self._archs:
            pass
        self._archs.add(arch)
        return Candidate(slot, arch, COST(arch), 1, Seen(slot, 0, ()))

    def _trial(self) -> tuple[FrozenTrial, Candidate]:
        candidate = self.candidate(self._slot)
        self._slot += 1
        self.trials += 1
        return trial_of(candidate, self._worker, self._genes), candidate

    def _add(self) -> tuple[int, Candidate]:
        trial, candidate = self._trial()
        return self._study._storage.create_new_trial(self._study._id, trial), candidate

    def _evaluated(self) -> FrozenTrial:
        trial, candidate = self._trial()
        metrics = score(candidate.arch)
        trial.set_user_attr('metrics', metrics)
        trial.values = list(OBJECTIVES.values(candidate.cost, metrics))
        trial.state, trial.datetime_complete = TrialState.COMPLETE, trial.datetime_start
        return trial

    def fill(self, trials: int) -> None:
        """Until so many trials are in the study."""
        study = self._study
        database = getattr(study._storage, '_backend', study._storage)
        while self.trials < trials:
            if isinstance(database, RDBStorage):
                count = min(AT_ONCE, trials - self.trials)
                insert(database, study._id, [self._evaluated() for _ in range(count)])
            else:
                study._storage.create_new_trial(study._id, self._evaluated())

    def advance(self, count: int | None = None) -> None:
        """Each of them, or so many, ends its evaluation and begins another one."""
        storage = self._study._storage
        ending = self._running[:count]
        for trial_id, candidate in ending:
            metrics = score(candidate.arch)
            storage.set_trial_user_attr(trial_id, 'metrics', metrics)
            values = OBJECTIVES.values(candidate.cost, metrics)
            storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)
        self._running = self._running[len(ending) :] + [self._add() for _ in ending]


AT_ONCE = 500


def insert(database: RDBStorage, study: int, trials: Sequence[FrozenTrial]) -> None:
    """Trials in one transaction, the rows that Optuna writes for each; nobody else may add any."""
    model = models.TrialModel
    with database.engine.begin() as connection:
        mine = sqlalchemy.select(model.trial_id).where(model.study_id == study)
        first = connection.execute(
            sqlalchemy.select(sqlalchemy.func.count()).select_from(mine.subquery())
        ).scalar_one()
        rows = [
            {
                'study_id': study,
                'number': first + i,
                'state': trial.state,
                'datetime_start': trial.datetime_start,
                'datetime_complete': trial.datetime_complete,
            }
            for i, trial in enumerate(trials)
        ]
        connection.execute(sqlalchemy.insert(model), rows)
        added = mine.where(model.number >= first).order_by(model.number)
        owned = list(zip(connection.execute(added).scalars().all(), trials, strict=True))
        stored = models.TrialValueModel.value_to_stored_repr
        parts: dict[Any, list[dict[str, Any]]] = {
            models.TrialUserAttributeModel: [
                {'trial_id': i, 'key': key, 'value_json': json.dumps(value)}
                for i, trial in owned
                for key, value in trial.user_attrs.items()
            ],
            models.TrialParamModel: [
                {
                    'trial_id': i,
                    'param_name': name,
                    'param_value': trial.distributions[name].to_internal_repr(value),
                    'distribution_json': distribution_to_json(trial.distributions[name]),
                }
                for i, trial in owned
                for name, value in trial.params.items()
            ],
            models.TrialValueModel: [
                {'trial_id': i, 'objective': n, 'value': number, 'value_type': kind}
                for i, trial in owned
                for n, (number, kind) in enumerate(map(stored, trial.values))
            ],
        }
        for kind, found in parts.items():
            if found:
                connection.execute(sqlalchemy.insert(kind), found)


@dataclass(frozen=True)
class Claimed:
    """The cost of a claim: SQL statements, trials read, seconds by the clock and of a core.

    `size` trials were in the study, of which `ended` ended since the last claim.
    """

    size: int
    ended: int
    statements: float
    trials: float
    seconds: float
    processor: float


def claims(
    where: str,
    sizes: Sequence[int],
    running: int,
    times: int = 2,
    ended: Sequence[int] | None = None,
) -> Iterator[Claimed]:
    """The mean cost of a claim once so many trials are in the study, the others going on.

    Args:
        ended: how many others end an evaluation, and begin one, between two claims; default: all.
    """
    settings = {'mode': 'async', 'space': SPACE.to_dict()}
    crowd = Crowd(SearchStudy.open(where, 'workers', OBJECTIVES, settings), running)
    study = SearchStudy.open(where, 'workers', OBJECTIVES, settings)
    # The others give no sign of life; on a busy machine they would be taken for dead.
    study._watch.now = lambda: 0.0  # type: ignore[method-assign]
    counted = Counted(study)
    for size in sizes:
        crowd.fill(size)
        for moving in ended or (running,):
            size = crowd.trials
            statements = trials = 0
            seconds = processor = 0.0
            for _ in range(times):
                study.records()
                crowd.advance(moving)
                counted.statements = counted.trials = 0
                begin, started = time.perf_counter(), time.process_time()
                claim = study.claim_free(10**6, lambda slot, view, last: crowd.candidate(slot))
                seconds += time.perf_counter() - begin
                processor += time.process_time() - started
                statements, trials = statements + counted.statements, trials + counted.trials
                assert claim is not None
                study.complete(claim, score(claim.candidate.arch))
                crowd.trials += 1
                crowd._slot = max(crowd._slot, claim.candidate.slot + 1)
            means = (n / times for n in (statements, trials, seconds, processor))
            yield Claimed(size, moving, *means)


class Counted:
    """Counts what a study asks its storage."""

    def __init__(self, study: SearchStudy) -> None:
        self.statements = self.trials = 0
        self._read = study._ledger._read
        study._ledger._read = self._count
        engine = getattr(getattr(study._storage, '_backend', None), 'engine', None)
        if engine is not None:
            sqlalchemy.event.listen(engine, 'before_cursor_execute', self._statement)

    def _statement(self, *_: object) -> None:
        self.statements += 1

    def _count(self, after: int, running: Collection[int]) -> News:
        news = self._read(after, running)
        self.trials += len(news.trials)
        return news
