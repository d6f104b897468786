"""The study: the only state of a search, shared by all workers, kept by Optuna.

A trial is one attempt at one slot. A worker claims a slot by adding a running trial for it and
then reading the study: trials are numbered in the order in which they were added, on every
storage, and the lowest numbered live (running or complete) trial of a slot owns it. A worker that
finds itself second closes its trial without evaluating. (Optuna's queue of waiting trials cannot
serve here: on SQLite two processes may pop the same one.) A trial whose process is gone is closed
by whoever sees it first, and the slot is free again.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from scalenas.complexity import Cost
from scalenas.errors import NOTHING

from .databases import opening_seconds, shown, uncached
from .fingerprint import Difference, Fingerprint, Settings, may_replace
from .ledger import Ledger, View
from .life import Watch, heartbeat
from .news import News, news
from .objectives import Objectives
from .record import Record, StudyError
from .started import Start
from .storage import WAIT_SECONDS, Patience, StorageAwayError, open_storage
from .trials import LIVE, LOST, Candidate, Claim, Row, check_numbers, row_of, trial_of
from .worker import this_worker

logger = logging.getLogger(__name__)

STARTED = 'scalenas started'
"""The attribute of a study that says how its search was started."""

WAYS = {'max': StudyDirection.MAXIMIZE, 'min': StudyDirection.MINIMIZE}

Propose = Callable[[int, View, Candidate | None], Candidate | None]
"""A new network for a slot, given what is known; at last the one that had no luck, or None."""


class SearchStudy:
    """A search's records, and who works on what."""

    def __init__(
        self, storage: BaseStorage, name: str, where: str, objectives: Objectives, wait: float = 0.0
    ) -> None:
        self.name, self.where, self.objectives = name, where, objectives
        self.worker = this_worker()
        self._storage, self._wait = storage, Patience(where, wait)
        self._label = f'study {name} in {shown(where)}'
        self._id = self._wait(storage.get_study_id_from_name, name)
        self._chance = random.Random(self.worker.token)
        self._held: set[int] = set()
        self._fingerprint = Fingerprint(storage, self._id, self._wait, self._label)
        self._ledger = Ledger(
            lambda after, running: self._wait(news, self._storage, self._id, after, running),
            objectives,
            self._fingerprint.genes,
            self._label,
        )
        self._watch = Watch(self.worker, self._wait)

    @classmethod
    def open(
        cls,
        where: str,
        name: str,
        objectives: Objectives,
        settings: Settings,
        wait: float = WAIT_SECONDS,
    ) -> SearchStudy:
        """The study of this name, made if there is none.

        Args:
            settings: all that the search depends on, as plain data by name.
            wait: seconds that a later call waits for a storage that is away.

        Raises:
            StudyError: when the storage cannot be opened or written, or the study has other
                settings.
        """
        storage = open_storage(where)
        opening = min(wait, opening_seconds(where))
        directions = [WAYS[objective.direction] for objective in objectives]
        try:
            Patience(where, opening)(storage.create_new_study, directions, name)
        except optuna.exceptions.DuplicatedStudyError:
            logger.info('continuing study %s in %s', name, shown(where))
        except StorageAwayError as error:
            raise StudyError(
                f'cannot be written: {error.problem}', where=error.where, hint='name another'
            ) from None
        study = cls(storage, name, where, objectives, opening)
        study._check(json.loads(json.dumps(settings)))
        study._check_all()
        study._wait.seconds = wait
        return study

    @classmethod
    def read(cls, where: str, name: str | None = None) -> SearchStudy:
        """An existing study; `name` may be left out when the storage holds only one.

        Raises:
            StudyError: when there is no such study, or it is not one of a search.
        """
        storage = open_storage(where, create=False)
        names = _names(storage, where)
        if name is None and len(names) == 1:
            name = names[0]
        if not names:
            raise StudyError('holds no study', where=f'storage {shown(where)}')
        if name not in names:
            problem = 'has no such study' if name else 'needs the name of a study'
            got = name or NOTHING
            raise StudyError(problem, where=f'storage {shown(where)}', got=got, allowed=names)
        assert name is not None
        return cls._existing(storage, where, name, opening_seconds(where))

    def sibling(self, name: str) -> SearchStudy | None:
        """Another study of the same storage, if it is there.

        Raises:
            StudyError: when it is not one of a search.
        """
        names = [study.study_name for study in self._wait(self._storage.get_all_studies)]
        if name not in names:
            return None
        return self._existing(self._storage, self.where, name, self._wait.seconds)

    @classmethod
    def _existing(cls, storage: BaseStorage, where: str, name: str, wait: float) -> SearchStudy:
        patience, label = Patience(where, wait), f'study {name} in {shown(where)}'
        number = patience(storage.get_study_id_from_name, name)
        fingerprint = Fingerprint(storage, number, patience, label)
        if fingerprint.read() is None:
            raise StudyError('was not made by a scalenas search', where=label)
        study = cls(storage, name, where, fingerprint.objectives(), wait)
        study._check_all()
        return study

    @staticmethod
    def names(where: str) -> list[str]:
        """The studies that a storage holds."""
        return _names(open_storage(where, create=False), where)

    def _check(self, settings: dict[str, Any]) -> None:
        settings['objectives'] = self.objectives.to_list()
        known = self._fingerprint.read()
        if known is None:
            if self._all_trials():
                raise StudyError(
                    'was not made by a scalenas search',
                    where=self._label,
                    hint='choose another study name',
                )
            self._fingerprint.write(settings)
            known = self._fingerprint.read()  # another worker may have been faster
        if known != settings and self._has_no_records(known, settings):
            logger.info('study %s holds no result yet: it takes these settings', self.name)
            self._fingerprint.write(settings)
        else:
            self._fingerprint.check(settings, known)
        self._fingerprint.name_values(self.name, self.objectives.names)

    def _check_all(self) -> None:
        """Every trial once, before anything is added to them."""
        trials = self._all_trials()
        check_numbers(trials, self._label)
        self._ledger.take(News(trials, {}))

    def _all_trials(self) -> list[FrozenTrial]:
        return self._wait(uncached(self._storage).get_all_trials, self._id, deepcopy=False)

    def claims(self) -> list[Row]:
        """All claims that were ever made, in their order, whatever became of them."""
        trials = sorted(self._all_trials(), key=lambda trial: trial.number)
        return [row_of(t, self.objectives, self._label) for t in trials if 'slot' in t.user_attrs]

    def differs_from(self, other: SearchStudy) -> Difference | None:
        """The first setting in which both differ, of those that metrics depend on; else None."""
        return self._fingerprint.differs_from(other._fingerprint)

    def _has_no_records(self, known: Any, settings: dict[str, Any]) -> bool:
        """True when all that was tried failed, with a metric that does not exist perhaps.

        A study without any trial may belong to a worker that has just begun.
        """
        if not may_replace(known, settings):
            return False
        if any('metrics' in trial.user_attrs for trial in self._all_trials()):
            return False  # a result that was written down counts, even if its worker then died
        self._close_dead_trials()
        trials = self._all_trials()
        return bool(trials) and not any(trial.state in LIVE for trial in trials)

    @property
    def checkpoint(self) -> str:
        """SHA-256 of the supernet's checkpoint, as in the settings; empty if they name none."""
        return str(self._fingerprint.settings.get('checkpoint', ''))

    @property
    def start(self) -> Start | None:
        """How the search was last started; None where that was not kept."""
        data = self._wait(self._storage.get_study_user_attrs, self._id).get(STARTED)
        return None if data is None else Start.from_dict(data, f'{self._label}: {STARTED}')

    def remember(self, start: Start) -> None:
        """Keep how the search was started."""
        data = json.loads(json.dumps(start.to_dict()))
        if self._wait(self._storage.get_study_user_attrs, self._id).get(STARTED) != data:
            self._wait(self._storage.set_study_user_attr, self._id, STARTED, data)

    @property
    def settings(self) -> dict[str, Any]:
        """All that its numbers depend on, as plain data."""
        return self._fingerprint.settings

    def at_work(self) -> int:
        """How many evaluations run now, those of workers that died not among them."""
        return sum(not self._watch.is_dead(row) for row in self._running())

    def records(self) -> list[Record]:
        """All evaluated networks, by slot."""
        self._ledger.refresh()
        return self._ledger.records()

    def claim(self, candidates: Sequence[Candidate]) -> Claim | None:
        """The first candidate that nobody has evaluated or is evaluating, or None."""
        self._close_dead_trials()
        self._ledger.check_mode(asynchronous=False)
        for candidate in candidates:
            owner = self._ledger.owner(candidate.slot)
            if owner is not None:
                self._ledger.check_same(owner, candidate)
                continue
            added = self._add(candidate)
            if claim := self._settled(added, self._ledger.owner(candidate.slot)):
                return claim
        return None

    def claim_free(self, total: int, propose: Propose) -> Claim | None:
        """A slot below `total` that nobody has, with a network that nobody has; or None.

        A slot that was given back keeps its network. Of workers that come at the same moment one
        gets the slot; the others take another one, with what they were about to evaluate.

        Args:
            propose: gives a new network, or None when there is none for now.

        Raises:
            StudyError: in a study of a synchronous search.
        """
        last: Candidate | None = None
        # Where many work they seldom look for the same slot.
        most = 1 + len(self.waiting_for()) // 8
        while True:
            self._close_dead_trials()
            self._ledger.check_mode(asynchronous=True)
            slots = self._ledger.free(total, most)
            if not slots:
                return None
            slot = self._chance.choice(slots)
            last = self._ledger.given_back(slot) or propose(slot, self._ledger.view(), last)
            if last is None:
                return None
            added = self._add(last)
            if claim := self._settled(added, self._ledger.rival(added.trial_id)):
                return claim
            most *= 2

    def _settled(self, added: Claim, first: Row | None) -> Claim | None:
        """The claim that was added, where no trial was before it; else what is left of it."""
        if first is None or first.trial_id == added.trial_id:
            return added
        self._close(added.trial_id, LOST)
        is_mine = first.worker == self.worker and first.trial_id not in self._held
        if is_mine and first.slot == added.candidate.slot:
            # The answer to a first try was lost on its way, and the trial was not.
            self._held.add(first.trial_id)
            return Claim(first.trial_id, added.candidate)
        return None

    def complete(self, claim: Claim, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of a claimed candidate; waits for a storage that is away.

        Raises:
            StorageAwayError: when it does not come back; the line has the metrics.
        """
        try:
            self._wait(self._storage.set_trial_user_attr, claim.trial_id, 'metrics', dict(metrics))
            self._finish(claim.trial_id, metrics, claim.candidate.cost)
        except optuna.exceptions.UpdateFinishedTrialError:
            if not self._is_kept(claim, metrics):
                logger.warning(
                    'slot %d: another worker took this process for dead and evaluates it again; '
                    'dropped its result',
                    claim.candidate.slot,
                )
        except StorageAwayError as error:
            raise StorageAwayError(
                f'{error.problem}; the result of slot {claim.candidate.slot} could not be kept: '
                f'{dict(metrics)}',
                where=error.where,
                hint=error.hint,
            ) from None
        self._held.discard(claim.trial_id)

    def _is_kept(self, claim: Claim, metrics: Mapping[str, float]) -> bool:
        """True when an answer was lost on the way back, and the result was not."""
        self._ledger.refresh()
        row = self._ledger.owner(claim.candidate.slot)
        return row is not None and row.trial_id == claim.trial_id and row.metrics == metrics

    def release(self, claim: Claim, reason: str, wait: bool = True) -> None:
        """Give a claimed candidate back without a result; the trial keeps the reason.

        Without `wait` only once: a storage that is away then learns of it the next time, from the
        process that is gone.
        """
        try:
            self._close(claim.trial_id, reason, wait)
        except StorageAwayError as error:
            if wait:
                raise
            logger.warning('slot %d: could not be given back: %s', claim.candidate.slot, error)

    def waiting_for(self) -> list[tuple[int, str]]:
        """(slot, worker) of every evaluation that runs elsewhere."""
        return [(row.slot, str(row.worker)) for row in self._running()]

    def heartbeat(self, claim: Claim) -> AbstractContextManager[None]:
        """Shows to workers on other machines, while it lasts, that this one lives."""
        return heartbeat(self._storage, self._wait, claim.trial_id)

    def _running(self) -> list[Row]:
        """The evaluations of others."""
        self._ledger.refresh()
        return [row for row in self._ledger.running() if row.trial_id not in self._held]

    def _add(self, candidate: Candidate) -> Claim:
        trial_id = self._wait(
            self._storage.create_new_trial,
            self._id,
            trial_of(candidate, self.worker, self._fingerprint.genes()),
        )
        self._held.add(trial_id)
        self._ledger.refresh()
        return Claim(trial_id, candidate)

    def _finish(self, trial_id: int, metrics: Mapping[str, float], cost: Cost) -> None:
        values = self.objectives.values(cost, metrics)
        self._wait(self._storage.set_trial_state_values, trial_id, TrialState.COMPLETE, values)

    def _close(self, trial_id: int, reason: str, wait: bool = True) -> None:
        call = self._wait if wait else self._wait.once
        with suppress(optuna.exceptions.UpdateFinishedTrialError):  # another worker was faster
            call(self._storage.set_trial_user_attr, trial_id, 'closed', reason)
            call(self._storage.set_trial_state_values, trial_id, TrialState.FAIL)
        self._held.discard(trial_id)

    def _close_dead_trials(self) -> None:
        """Close the trials of dead workers; a result that was already written down counts."""
        dead = [row for row in self._running() if self._watch.is_dead(row)]
        for row in dead:
            trial = self._wait(self._storage.get_trial, row.trial_id)
            if trial.state.is_finished():
                continue
            row = row_of(trial, self.objectives, self._label)
            if row.metrics is not None:
                with suppress(optuna.exceptions.UpdateFinishedTrialError):  # others see it too
                    self._finish(row.trial_id, row.metrics, row.cost)
            else:
                logger.warning('slot %d: %s is gone; the slot is free again', row.slot, row.worker)
                self._close(row.trial_id, f'{row.worker} is gone')
        if dead:
            self._ledger.refresh()


def _names(storage: BaseStorage, where: str) -> list[str]:
    return [
        study.study_name
        for study in Patience(where, opening_seconds(where))(storage.get_all_studies)
    ]
