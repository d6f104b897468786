"""What a worker knows of a study: rows by slot and by network, brought up to date bit by bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from scalenas.arch import Arch, from_dict
from scalenas.space import SpaceError

from .news import News
from .objectives import Objectives
from .record import Record, StudyError
from .trials import HINT, LIVE, LOST, Candidate, Genes, Row, row_of


class View(NamedTuple):
    """What a proposal may know: the results, and what others evaluate now.

    Attributes:
        trials: so many had been added to the study.
        running: numbers of those that had not ended.
    """

    records: list[Record]
    others: list[Arch]
    trials: int
    running: tuple[int, ...]


class Ledger:
    """The live (running or complete) trials of a study; the lowest numbered of a slot owns it.

    Args:
        read: gives the news since a trial id, see `news.news`.
        genes: those of the study's space, if it has one.
        label: names the study in messages.
    """

    def __init__(
        self,
        read: Callable[[int, Collection[int]], News],
        objectives: Objectives,
        genes: Callable[[], Genes | None],
        label: str,
    ) -> None:
        self._read, self._objectives, self._genes, self._label = read, objectives, genes, label
        self._modes: set[bool] = set()  # asynchronous or not
        self._checked: set[int] = set()
        self._last, self._trials = -1, 0
        self._live: dict[int, Row] = {}
        self._running: dict[int, int] = {}  # trial id -> number
        self._slots: dict[int, set[int]] = {}
        self._ended: dict[int, FrozenTrial] = {}
        self._free: set[int] = set()  # slots that somebody had
        self._next = 0
        self._archs: dict[int, Arch] = {}
        self._unnamed: set[int] = set()
        self._numbers: dict[Arch, set[int]] = {}
        self._changed: set[int] = set()
        self._records: dict[int, Record] = {}
        self._sorted: list[Record] | None = None

    def refresh(self) -> None:
        """Read what is new.

        Raises:
            StudyError: names a trial that no search wrote.
        """
        self.take(self._read(self._last, self._running.keys()))

    def take(self, news: News) -> None:
        """Enter news, whoever read them."""
        for trial_id, count in news.heartbeats.items():
            number = self._running[trial_id]
            if self._live[number].heartbeat != count:
                self._live[number] = replace(self._live[number], heartbeat=count)
        for trial in sorted(news.trials, key=lambda trial: trial.number):
            if trial.state in LIVE:
                self._enter(row_of(trial, self._objectives, self._label))
            else:
                self._end(trial)
            self._last = max(self._last, trial._trial_id)
            self._trials = max(self._trials, trial.number + 1)

    def _enter(self, row: Row) -> None:
        if row.number not in self._live:
            self._unnamed.add(row.number)
        self._live[row.number] = row
        self._slots.setdefault(row.slot, set()).add(row.number)
        self._free.discard(row.slot)
        self._modes.add(row.seen is not None)
        self._changed.add(row.slot)
        if row.state == TrialState.RUNNING:
            self._running[row.trial_id] = row.number
        else:
            self._running.pop(row.trial_id, None)

    def _end(self, trial: FrozenTrial) -> None:
        attrs = trial.user_attrs if isinstance(trial.user_attrs, dict) else {}
        if isinstance(attrs.get('slot'), int) and 'arch' in attrs and attrs.get('closed') != LOST:
            self._ended[attrs['slot']] = trial
        if self._running.pop(trial._trial_id, None) is None:
            return
        row = self._live.pop(trial.number)
        self._slots[row.slot].remove(row.number)
        self._changed.add(row.slot)
        if not self._slots[row.slot]:
            self._free.add(row.slot)
        if row.number in self._unnamed:
            self._unnamed.remove(row.number)
        else:
            self._numbers[self._archs[row.number]].remove(row.number)

    def owner(self, slot: int) -> Row | None:
        """The trial that evaluates a slot, or did."""
        numbers = self._slots.get(slot)
        return self._live[min(numbers)] if numbers else None

    def running(self) -> list[Row]:
        """All that run, in the order in which they were added."""
        return [self._live[number] for number in sorted(self._running.values())]

    def records(self) -> list[Record]:
        """All evaluated networks, by slot."""
        for slot in sorted(self._changed):
            row = self.owner(slot)
            known = self._records.pop(slot, None)
            if row is not None and row.state == TrialState.COMPLETE:
                self._records[slot] = self._record(row)
            if known != self._records.get(slot):
                self._sorted = None
            self._changed.remove(slot)  # at last: what is damaged stays so
        if self._sorted is None:
            self._sorted = [record for _, record in sorted(self._records.items())]
        return list(self._sorted)

    def check_mode(self, asynchronous: bool) -> None:
        """Pass when no trial is of a search in the other mode.

        Raises:
            StudyError: when one is.
        """
        if (not asynchronous) in self._modes:
            modes = ('sync', 'async')
            raise StudyError(
                'was made in another mode',
                where=f'{self._label}, mode',
                got=modes[asynchronous],
                allowed=[modes[not asynchronous]],
                hint='restore it, or choose another study name or work dir',
            )

    def check_same(self, row: Row, candidate: Candidate) -> None:
        """Pass when a trial holds the network that this search has for its slot.

        Raises:
            StudyError: when it holds another one, or was counted otherwise.
        """
        if row.number in self._checked:
            return
        self._checked.add(row.number)
        for what, there, here in (
            ('network', row.arch, json.loads(json.dumps(candidate.arch.to_dict()))),
            ('cost', row.cost, candidate.cost),
        ):
            if there != here:
                raise StudyError(
                    f'slot {candidate.slot} holds another {what} than this search proposes, it was '
                    'made by another version',
                    where=row.where,
                    hint='choose another study name or work dir',
                )

    def view(self) -> View:
        """All that is known, for a proposal."""
        running = self.running()
        numbers = tuple(row.number for row in running)
        return View(self.records(), [self._arch(row) for row in running], self._trials, numbers)

    def free(self, total: int, most: int) -> list[int]:
        """The first free slots below `total`, at most so many; those given back come first."""
        slots = sorted(slot for slot in self._free if slot < total)[:most]
        while self._slots.get(self._next) or self._next in self._free:
            self._next += 1
        slot = self._next
        while slot < total and len(slots) < most:
            if not self._slots.get(slot) and slot not in self._free:
                slots.append(slot)
            slot += 1
        return slots

    def given_back(self, slot: int) -> Candidate | None:
        """What was last evaluated without a result for a slot, if nobody else has its network."""
        trial = self._ended.get(slot)
        if trial is None:
            return None
        row = row_of(trial, self._objectives, self._label)
        arch = self._arch(row)
        if self.knows(arch):
            return None
        return Candidate(slot, arch, row.cost, row.generation, row.seen)

    def knows(self, arch: Arch) -> bool:
        """True for a network that was evaluated, or is now."""
        self._name()
        return bool(self._numbers.get(arch))

    def rival(self, trial_id: int) -> Row | None:
        """The first trial before this one that has its slot or its network."""
        self._name()
        if trial_id not in self._running:
            return None  # taken for dead by somebody, who will find its result too late
        mine = self._live[self._running[trial_id]]
        first = min(self._slots[mine.slot] | self._numbers[self._arch(mine)])
        return None if first == mine.number else self._live[first]

    def _name(self) -> None:
        """Read the networks of new rows, which only an asynchronous search compares."""
        while self._unnamed:
            number = next(iter(self._unnamed))
            self._numbers.setdefault(self._arch(self._live[number]), set()).add(number)
            self._unnamed.remove(number)

    def _arch(self, row: Row) -> Arch:
        if row.number not in self._archs:
            self._archs[row.number] = from_dict(dict(row.arch), f'{row.where}, arch')
        return self._archs[row.number]

    def _record(self, row: Row) -> Record:
        """As a record; of a trial whose parameters are the genes of its network, as it was made."""
        assert row.metrics is not None
        arch, genes = self._arch(row), self._genes()
        try:
            expected = {} if genes is None else genes.of(arch)
        except SpaceError:
            raise StudyError('its arch is not in the space of the study', where=row.where) from None
        if row.params != expected:
            raise StudyError(
                'its parameters are not the genes of its arch',
                where=row.where,
                got=row.params,
                hint=HINT,
            )
        return Record(row.slot, arch, row.cost, row.metrics, row.generation)
