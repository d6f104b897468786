"""The study: the only state of a search, shared by all workers, kept by Optuna.

A trial is one attempt at one slot. A worker claims a slot by adding a running trial for it and
then reading the study: trials are numbered in the order in which they were added, on every
storage, and the lowest numbered live (running or complete) trial of a slot owns it. A worker that
finds itself second closes its trial without evaluating. (Optuna's queue of waiting trials cannot
serve here: on SQLite two processes may pop the same one.) A trial whose process is gone is closed
by whoever sees it first, and the slot is free again. Optuna's heartbeat knows only databases, and
compares clocks; the pulse here is a counter that observers watch, on any storage.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from scalenas.arch import Arch, from_dict
from scalenas.complexity import Cost

from .record import Objective, Record
from .settings import difference
from .storage import StudyError, one_line, open_storage, shown
from .worker import Worker, is_alive, this_worker

logger = logging.getLogger(__name__)

PULSE_SECONDS = 15.0
GRACE_SECONDS = 90.0
FINGERPRINT = 'scalenas'
SCORED_BY = ('space', 'size', 'checkpoint', 'config')
LIVE = (TrialState.RUNNING, TrialState.COMPLETE)
Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that waits for its evaluation."""

    slot: int
    arch: Arch
    cost: Cost
    generation: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to evaluate a candidate: the worker's running trial."""

    trial_id: int
    candidate: Candidate


class SearchStudy:
    """A search's records, and who works on what."""

    def __init__(self, storage: BaseStorage, name: str, where: str, objective: Objective) -> None:
        self.name, self.where, self.objective = name, where, objective
        self.worker = this_worker()
        self._storage = storage
        self._id = storage.get_study_id_from_name(name)
        self._held: set[int] = set()
        self._checked: set[int] = set()
        self._records: dict[int, Record] = {}
        self._pulses: dict[int, tuple[int, float]] = {}

    @classmethod
    def open(cls, where: str, name: str, objective: Objective, settings: Settings) -> SearchStudy:
        """The study of this name, made if there is none.

        Args:
            settings: all that the search depends on, as plain data by name.

        Raises:
            StudyError: when the storage cannot be opened or written, or the study has other
                settings.
        """
        storage = open_storage(where)
        up = StudyDirection.MAXIMIZE if objective.direction == 'maximize' else None
        directions = [up or StudyDirection.MINIMIZE, StudyDirection.MINIMIZE]
        try:
            storage.create_new_study(directions, name)
        except optuna.exceptions.DuplicatedStudyError:
            logger.info('continuing study %s in %s', name, shown(where))
        except optuna.exceptions.StorageInternalError as error:
            raise StudyError(
                f'storage {shown(where)}: cannot be written: {one_line(error)}; name another'
            ) from None
        study = cls(storage, name, where, objective)
        study._check(json.loads(json.dumps(settings)))
        return study

    @classmethod
    def read(cls, where: str, name: str | None = None) -> SearchStudy:
        """An existing study; `name` may be left out when the storage holds only one.

        Raises:
            StudyError: when there is no such study, or it is not one of a search.
        """
        storage = open_storage(where, create=False)
        names = [s.study_name for s in storage.get_all_studies()]
        if name is None and len(names) == 1:
            name = names[0]
        if name not in names:
            wanted = f'has no study {name!r}' if name else 'needs the name of a study'
            raise StudyError(f'storage {shown(where)} {wanted}; it holds: {", ".join(names)}')
        assert name is not None
        attrs = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
        if FINGERPRINT not in attrs:
            raise StudyError(f'study {name} in {shown(where)} was not made by a scalenas search')
        objective = Objective(**attrs[FINGERPRINT]['objective'])
        return cls(storage, name, where, objective)

    @staticmethod
    def names(where: str) -> list[str]:
        """The studies that a storage holds."""
        return [s.study_name for s in open_storage(where, create=False).get_all_studies()]

    def _check(self, settings: dict[str, Any]) -> None:
        settings['objective'] = {
            key: getattr(self.objective, key) for key in ('metric', 'direction', 'cost')
        }
        known = self._storage.get_study_user_attrs(self._id).get(FINGERPRINT)
        if known is None:
            if self._storage.get_all_trials(self._id, deepcopy=False):
                raise StudyError(
                    f'study {self.name} in {shown(self.where)} was not made by a scalenas search; '
                    f'choose another study name'
                )
            self._storage.set_study_user_attr(self._id, FINGERPRINT, settings)
            known = self._storage.get_study_user_attrs(self._id)[FINGERPRINT]
        if known != settings and self._is_barren(known, settings):
            logger.info('study %s holds no result yet: it takes these settings', self.name)
            self._storage.set_study_user_attr(self._id, FINGERPRINT, settings)
        elif known != settings:
            raise StudyError(
                f'study {self.name} in {shown(self.where)} was made with other settings: '
                f'{difference(known, settings)}; restore them, or choose another study name or '
                f'work dir'
            )

    def differs_from(self, other: SearchStudy) -> str:
        """What the scores of both depend on and differ in, in words; empty for nothing."""
        mine, theirs = (
            {name: known.get(name) for name in SCORED_BY}
            for known in (self._settings(), other._settings())
        )
        return difference(theirs, mine) if mine != theirs else ''

    def _settings(self) -> dict[str, Any]:
        """As the study was opened with; empty for a study of somebody else."""
        known: dict[str, Any] = self._storage.get_study_user_attrs(self._id).get(FINGERPRINT, {})
        return known

    def _is_barren(self, known: dict[str, Any], settings: dict[str, Any]) -> bool:
        """True when all that was tried failed, with a metric that does not exist perhaps.

        A study without any trial may belong to a worker that has just begun. Directions are the
        storage's own, and stay.
        """
        if known['objective']['direction'] != settings['objective']['direction']:
            return False
        if any('metrics' in trial.user_attrs for trial in self._trials()):
            return False  # a result that was written down counts, even if its worker then died
        self._bury()
        trials = self._trials()
        return bool(trials) and not any(trial.state in LIVE for trial in trials)

    @property
    def checkpoint(self) -> str:
        """SHA-256 of the supernet's checkpoint, as in the settings; empty if they name none."""
        return str(self._settings().get('checkpoint', ''))

    def records(self) -> list[Record]:
        """All evaluated networks, by slot."""
        owners = self._owners(self._trials())
        return [
            self._record(trial)
            for _, trial in sorted(owners.items())
            if trial.state == TrialState.COMPLETE
        ]

    def claim(self, candidates: Sequence[Candidate]) -> Claim | None:
        """The first candidate that nobody has evaluated or is evaluating, or None."""
        self._bury()
        owners = self._owners(self._trials())
        for candidate in candidates:
            if candidate.slot in owners:
                self._check_same(owners[candidate.slot], candidate)
                continue
            claim = self._add(candidate)
            owners = self._owners(self._trials())
            if owners[candidate.slot]._trial_id == claim.trial_id:
                return claim
            self._close(claim.trial_id, 'another worker was first')
        return None

    def complete(self, claim: Claim, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of a claimed candidate."""
        try:
            self._storage.set_trial_user_attr(claim.trial_id, 'metrics', dict(metrics))
            self._finish(claim.trial_id, metrics, claim.candidate.cost)
        except optuna.exceptions.UpdateFinishedTrialError:
            logger.warning(
                'slot %d: another worker took this process for dead and evaluates it again; '
                'dropped its result',
                claim.candidate.slot,
            )
        self._held.discard(claim.trial_id)

    def release(self, claim: Claim, reason: str) -> None:
        """Give a claimed candidate back without a result; the trial keeps the reason."""
        self._close(claim.trial_id, reason)

    def waiting_for(self) -> list[tuple[int, str]]:
        """(slot, worker) of every evaluation that runs elsewhere."""
        return [
            (trial.user_attrs['slot'], str(Worker(**trial.user_attrs['worker'])))
            for trial in self._trials()
            if trial.state == TrialState.RUNNING and trial._trial_id not in self._held
        ]

    @contextmanager
    def pulse(self, claim: Claim) -> Iterator[None]:
        """Shows to workers on other machines, while it lasts, that this one lives."""
        stop = threading.Event()

        def beat() -> None:
            count = 0
            while not stop.wait(PULSE_SECONDS):
                count += 1
                try:
                    self._storage.set_trial_user_attr(claim.trial_id, 'pulse', count)
                except optuna.exceptions.UpdateFinishedTrialError:
                    return
                except optuna.exceptions.StorageInternalError as error:
                    logger.warning('storage %s: no pulse: %s', shown(self.where), error)

        thread = threading.Thread(target=beat, name='pulse', daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _trials(self) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def _owners(self, trials: Sequence[FrozenTrial]) -> dict[int, FrozenTrial]:
        owners: dict[int, FrozenTrial] = {}
        for trial in sorted(trials, key=lambda trial: trial.number):
            if trial.state in LIVE:
                owners.setdefault(trial.user_attrs['slot'], trial)
        return owners

    def _record(self, trial: FrozenTrial) -> Record:
        if trial.number not in self._records:
            attrs = trial.user_attrs
            self._records[trial.number] = Record(
                attrs['slot'],
                from_dict(attrs['arch'], f'study {self.name}, trial {trial.number}'),
                Cost(**attrs['cost']),
                attrs['metrics'],
                attrs['generation'],
            )
        return self._records[trial.number]

    def _add(self, candidate: Candidate) -> Claim:
        trial_id = self._storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.RUNNING,
                user_attrs={
                    'slot': candidate.slot,
                    'generation': candidate.generation,
                    'arch': candidate.arch.to_dict(),
                    'cost': candidate.cost.to_dict(),
                    'worker': self.worker.to_dict(),
                },
            ),
        )
        self._held.add(trial_id)
        return Claim(trial_id, candidate)

    def _finish(self, trial_id: int, metrics: Mapping[str, float], cost: Cost) -> None:
        values = metrics[self.objective.metric], float(getattr(cost, self.objective.cost))
        self._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)

    def _close(self, trial_id: int, reason: str) -> None:
        with suppress(optuna.exceptions.UpdateFinishedTrialError):  # another worker was faster
            self._storage.set_trial_user_attr(trial_id, 'closed', reason)
            self._storage.set_trial_state_values(trial_id, TrialState.FAIL)
        self._held.discard(trial_id)

    def _bury(self) -> None:
        """Close the trials of dead workers; a result that was already written down counts."""
        for trial in self._trials():
            if trial.state != TrialState.RUNNING or trial._trial_id in self._held:
                continue
            worker, slot = Worker(**trial.user_attrs['worker']), trial.user_attrs['slot']
            if not self._is_dead(worker, trial):
                continue
            if 'metrics' in trial.user_attrs:
                with suppress(optuna.exceptions.UpdateFinishedTrialError):  # others see it too
                    cost = Cost(**trial.user_attrs['cost'])
                    self._finish(trial._trial_id, trial.user_attrs['metrics'], cost)
            else:
                logger.warning('slot %d: %s is gone; the slot is free again', slot, worker)
                self._close(trial._trial_id, f'{worker} is gone')

    def _is_dead(self, worker: Worker, trial: FrozenTrial) -> bool:
        if worker.token == self.worker.token:
            return True  # not held, so left behind by an error in this very process
        alive = is_alive(worker)
        if alive is not None:
            return not alive
        now, pulse = time.monotonic(), trial.user_attrs.get('pulse', 0)
        last, since = self._pulses.get(trial._trial_id, (-1, now))
        if pulse != last:
            since = now
        self._pulses[trial._trial_id] = (pulse, since)
        return now - since > GRACE_SECONDS

    def _check_same(self, trial: FrozenTrial, candidate: Candidate) -> None:
        if trial.number in self._checked:
            return
        self._checked.add(trial.number)
        if trial.user_attrs['arch'] != json.loads(json.dumps(candidate.arch.to_dict())):
            raise StudyError(
                f'study {self.name} in {shown(self.where)}: slot {candidate.slot} holds another '
                f'network than this search proposes; it was made by another version; choose '
                f'another study name or work dir'
            )
