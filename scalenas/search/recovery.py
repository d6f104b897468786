"""What can be read of a damaged journal, without giving a result to another network.

A journal's lines name a trial by its number, and the number is how many lines before made one. So
a lost line may shift all that follow. Lines after a damage are kept where the numbers are certain:
a worker that made a trial names it in its next line. For lost trials stand-ins are put in, closed
and without a network; a trial that ended without its metrics is left open. Both are evaluated
again. A mended piece is as long as the damaged one where that can be, so who reads the file from
a known place goes on reading there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.storages.journal._storage import JournalOperation as Op
from optuna.storages.journal._storage import JournalStorageReplayResult
from optuna.trial import TrialState

from scalenas.staging import write_whole

from .record import StudyError
from .worker import Worker

KEPT = '.damaged-{}'
BEGIN = b'{"op_code":'
SHORTEST = len(b'{"op_code":4,"worker_id":"","study_id":0}')  # of a line that makes a trial
NAME = re.compile(rb'"study_name":"([^"\\]+)"')
NEEDS: dict[Op, dict[str, type]] = {
    Op.CREATE_STUDY: {'study_name': str, 'directions': list},
    Op.DELETE_STUDY: {'study_id': int},
    Op.SET_STUDY_USER_ATTR: {'study_id': int, 'user_attr': dict},
    Op.SET_STUDY_SYSTEM_ATTR: {'study_id': int, 'system_attr': dict},
    Op.CREATE_TRIAL: {'study_id': int},
    Op.SET_TRIAL_PARAM: {'trial_id': int, 'param_name': str},
    Op.SET_TRIAL_STATE_VALUES: {'trial_id': int, 'state': int},
    Op.SET_TRIAL_INTERMEDIATE_VALUE: {'trial_id': int},
    Op.SET_TRIAL_USER_ATTR: {'trial_id': int, 'user_attr': dict},
    Op.SET_TRIAL_SYSTEM_ATTR: {'trial_id': int, 'system_attr': dict},
    Op.DISCARD_TRIALS: {},
}
OWN = ('metrics', 'heartbeat', 'closed')  # what a worker notes at the trial that it made last
USUAL = ('max', 'min')  # directions of a study that does not say its own
NOTHING = {'op_code': int(Op.SET_TRIAL_SYSTEM_ATTR), 'worker_id': '', 'trial_id': -1}


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record in a line, or None when it holds none."""
    try:
        record = json.loads(line)
        operation = Op(record['op_code'])
        if not isinstance(record['worker_id'], str):
            return None
        for name, kind in NEEDS[operation].items():
            if not isinstance(record[name], kind) or isinstance(record[name], bool):
                return None
        for name in ('datetime_start', 'datetime_complete'):
            if record.get(name) is not None:
                datetime.fromisoformat(record[name])
        if 'state' in record:
            TrialState(record['state'])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    table: dict[str, Any] = record
    return table


def is_record(line: bytes) -> bool:
    """True when a line holds a whole record."""
    return record_of(line) is not None


@dataclass
class _Part:
    """A damaged piece (none before the first), and the whole lines after it."""

    damage: bytes = b''
    lines: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)


class Recovery:
    """The lines of a journal, mended where they must be.

    Raises:
        StudyError: when there are lines, and none is a journal's.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        self._path = path
        parts = list(_parts(data))
        if data and not any(part.lines for part in parts):
            raise StudyError('not a journal', where=f'storage {path}')
        self._out: list[bytes] = []
        self._result = JournalStorageReplayResult('')  # Optuna's own view of the lines so far
        self._damaged = sum(bool(part.damage) for part in parts)
        self._lost: int | None = 0
        self._names = _names(parts)
        self._workers = _workers(parts)
        for part in parts:
            self._mend(part)

    @property
    def is_needed(self) -> bool:
        """True when the file is not as it should be."""
        return self._damaged > 0

    @property
    def lines(self) -> Sequence[bytes]:
        """The mended lines."""
        return self._out

    @property
    def summary(self) -> str:
        """What is wrong, and how much is left, in words."""
        complete = sum(t.state == TrialState.COMPLETE for t in self._result._trials.values())
        return f'damaged in {self._damaged} places; {complete} records can be read'

    def workers(self) -> list[Worker]:
        """Whoever made a trial, also where the line that did so is not certain."""
        return list(self._workers)

    def write(self) -> Path:
        """Put the mended file in the place of the damaged one; where that is kept.

        Raises:
            OSError: when there is no room; then nothing has changed.
        """
        free = (self._path.with_name(self._path.name + KEPT.format(i)) for i in itertools.count(1))
        kept = next(path for path in free if not path.exists())
        os.link(self._path, kept)
        try:
            write_whole(self._path, b''.join(line + b'\n' for line in self._out))
        except BaseException:
            kept.unlink()
            raise
        return kept

    def _mend(self, part: _Part) -> None:
        is_certain = True
        studies = self._lost_studies(part)
        if part.damage or studies:
            self._damaged += not part.damage  # whole lines are gone, and nothing is in their place
            lost = _lost_trials(part.damage) if part.damage else None
            self._lost = None if lost is None or self._lost is None else self._lost + lost
            mended = studies
            made = [r['study_id'] for _, r in part.lines if r['op_code'] == Op.CREATE_TRIAL]
            if made:
                base = self._first_trial(part)
                is_certain = base is not None
                self._lost = None if base is None else 0
                mended += [_stand_in(made[0])] * ((base or 0) - len(self._result._trials))
            self._result.apply_logs(mended)
            self._out += _padded(mended or [NOTHING], max(0, len(part.damage) - 1))
        for line, record in part.lines:
            self._out.append(self._taken(line, record, is_certain))

    def _taken(self, line: bytes, record: dict[str, Any], is_certain: bool) -> bytes:
        """The line, or what stands in for it."""
        operation = record['op_code']
        if operation == Op.CREATE_TRIAL and not is_certain:
            return _blank(line)
        if operation == Op.SET_TRIAL_STATE_VALUES and record['state'] == TrialState.COMPLETE:
            trial = self._result._trials.get(record['trial_id'])
            if trial and 'slot' in trial.user_attrs and 'metrics' not in trial.user_attrs:
                return _blank(line)
        try:
            self._result.apply_logs([record])
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
            self._damaged += 1
            if operation != Op.CREATE_TRIAL:
                return _blank(line)
            other = _stand_in(record['study_id'])
            self._result.apply_logs([other])
            return _padded([other], len(line))[0]
        return line

    def _first_trial(self, part: _Part) -> int | None:
        """The number of the first trial that these lines make, if it is certain."""
        made = 0
        last: dict[str, int] = {}
        bases = set()
        for _, record in part.lines:
            worker = record['worker_id'].rpartition('-')[0]
            if record['op_code'] == Op.CREATE_TRIAL:
                last[worker] = made
                made += 1
            elif record['op_code'] == Op.SET_TRIAL_USER_ATTR and worker in last:
                (name,) = list(record['user_attr'])[:1] or ('',)
                if name in OWN:
                    bases.add(record['trial_id'] - last[worker])
                if name in ('metrics', 'closed'):
                    del last[worker]
        known = len(self._result._trials)
        if not bases and self._lost is not None:
            return known + self._lost
        base = bases.pop() if len(bases) == 1 else None
        return base if base is not None and base >= known else None

    def _lost_studies(self, part: _Part) -> list[dict[str, Any]]:
        """Stand-ins for studies that the lines after a damage name, and that nobody made."""
        legible = [name.decode('utf-8', 'replace') for name in NAME.findall(part.damage)]
        there = {study.study_name for study in self._result.get_all_studies()}
        known = self._result._next_study_id
        made: list[dict[str, Any]] = []
        for _, record in part.lines:
            while record.get('study_id', -1) >= known:
                name = self._names.get(known) or (legible or [f'recovered-{known}'])[0]
                legible = legible[1:]
                made.append(_study(name, record))
                there.add(name)
                known += 1
            if record['op_code'] == Op.CREATE_STUDY and record['study_name'] not in there:
                there.add(record['study_name'])
                known += 1
        return made


def _names(parts: Sequence[_Part]) -> dict[int, str]:
    """Number of a study -> name, by what the worker that asked for the name did next."""
    names: dict[int, str] = {}
    asked: dict[str, str] = {}
    for _, record in itertools.chain.from_iterable(part.lines for part in parts):
        worker = record['worker_id'].rpartition('-')[0]
        if record['op_code'] == Op.CREATE_STUDY:
            asked[worker] = record['study_name']
        elif 'study_id' in record and worker in asked:
            names.setdefault(record['study_id'], asked.pop(worker))
    return names


def _workers(parts: Sequence[_Part]) -> dict[Worker, None]:
    workers: dict[Worker, None] = {}
    for _, record in itertools.chain.from_iterable(part.lines for part in parts):
        attrs = record.get('user_attrs')
        if isinstance(attrs, dict):
            with contextlib.suppress(LookupError, TypeError):
                workers[Worker(**attrs['worker'])] = None
    return workers


def _study(name: str, record: dict[str, Any]) -> dict[str, Any]:
    settings = (record.get('user_attr') or {}).get('scalenas') or {}
    rows = settings.get('objectives') if isinstance(settings, dict) else None
    ways = [row.get('direction') for row in rows or () if isinstance(row, dict)]
    return {
        'op_code': int(Op.CREATE_STUDY),
        'worker_id': '',
        'study_name': name,
        'directions': [1 if way == 'min' else 2 for way in ways or USUAL],
    }


def _parts(data: bytes) -> Iterator[_Part]:
    part = _Part()
    pieces = data.split(b'\n')
    end = pieces.pop()  # empty, or a half line, which no reader takes
    if is_record(end):
        pieces.append(end)
    for piece in pieces:
        record = record_of(piece)
        start = 0
        while record is None and start >= 0:
            # A line that was appended to a half one is whole.
            start = piece.find(BEGIN, start + 1)
            record = record_of(piece[start:]) if start > 0 else None
        damage = piece[:start] if record is not None else piece + b'\n'
        if damage:
            if part.lines:
                yield part
                part = _Part()
            part.damage += damage
        if record is not None:
            part.lines.append((piece[start:], record))
    yield part


def _lost_trials(damage: bytes) -> int | None:
    """How many trials the damaged lines made, where they still say so."""
    if not damage.strip() and len(damage) < SHORTEST:
        return 0  # blank lines, which an editor or a copy put in
    lost = 0
    *whole, half = damage.split(b'\n')
    for piece in whole:
        operation = re.match(rb'\{"op_code":(\d+),', piece)
        if piece.count(b'"op_code"') != 1 or operation is None:
            return None
        lost += int(operation[1]) == Op.CREATE_TRIAL
    # A half line, to which another was appended, was never read by anybody.
    if half and (not half.startswith(BEGIN) or half.count(BEGIN) > 1 or b'}' in half[-2:]):
        return None
    return lost


def _stand_in(study: int) -> dict[str, Any]:
    return {
        'op_code': int(Op.CREATE_TRIAL),
        'worker_id': '',
        'study_id': study,
        'datetime_start': None,
        'state': int(TrialState.FAIL),
    }


def _padded(records: Sequence[dict[str, Any]], length: int) -> list[bytes]:
    lines = [json.dumps(record, separators=(',', ':')).encode() for record in records]
    missing = length - sum(len(line) + 1 for line in lines) + 1
    lines[-1] += b' ' * max(0, missing)
    return lines


def _blank(line: bytes) -> bytes:
    return _padded([NOTHING], len(line))[0]
