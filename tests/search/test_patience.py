"""A storage that goes away for a while: its workers wait, and lose nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError

from scalenas.arch import Arch
from scalenas.search import (
    SearchError,
    SearchStudy,
    StorageAwayError,
    StudyError,
    as_wait,
    run_search,
)
from scalenas.search import storage as module
from scalenas.search.databases import is_away
from scalenas.search.storage import Patience
from scalenas.search.study import Candidate
from tests.errors import contains, raises

from .table import OBJECTIVES, evolution, open_study, random_search, score, search_in_memory

STORAGES = ['study.db', 'study.journal']
FULL = sqlalchemy.exc.OperationalError('x', {}, sqlite3.OperationalError('disk is full'))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(module.time, 'monotonic', lambda: now[0])
    monkeypatch.setattr(module.time, 'sleep', sleep)
    return now


def away_until(clock: list[float], end: float, error: Exception) -> Callable[[], str]:
    def call() -> str:
        if clock[0] < end:
            raise error
        return 'there'

    return call


@pytest.mark.parametrize('error', [FULL, OSError(28, 'No space left on device')])
def test_a_call_is_repeated_until_the_storage_is_back(
    error: Exception, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    patience = Patience('x.db', 1000.0)
    assert patience(away_until(clock, 200.0, error)) == 'there'
    assert 200.0 <= clock[0] < 200.0 + module.LONGEST_PAUSE
    lines = caplog.messages
    assert len(lines) == 5  # at once, every minute, and at the end
    assert all('x.db' in line and '\n' not in line for line in lines)
    assert patience.last_failure > 180.0


def test_patience_ends(clock: list[float]) -> None:
    again = contains('the same command again')
    with raises(StorageAwayError, where='storage x.db', problem=contains('full'), hint=again):
        Patience('x.db', 300.0)(away_until(clock, 400.0, FULL))
    assert 300.0 <= clock[0] <= 301.0


@pytest.mark.parametrize(
    'error',
    [
        sqlalchemy.exc.DatabaseError('x', {}, sqlite3.DatabaseError('image is malformed')),
        ValueError('not json'),
        KeyError('slot'),
        LookupError('no such state'),
        UnicodeDecodeError('utf-8', b'', 0, 1, 'x'),
    ],
)
def test_damage_is_not_waited_for(error: Exception, clock: list[float]) -> None:
    with pytest.raises(StudyError) as found:
        Patience('x.db', 300.0)(away_until(clock, 1.0, error))
    assert not isinstance(found.value, StorageAwayError)
    assert clock[0] == 0.0


def test_what_is_away() -> None:
    psycopg2 = pytest.importorskip('psycopg2')
    gone = psycopg2.DatabaseError('server closed the connection unexpectedly')
    assert is_away(sqlalchemy.exc.DatabaseError('x', {}, gone))
    assert not is_away(sqlalchemy.exc.ProgrammingError('x', {}, psycopg2.ProgrammingError('x')))
    assert not is_away(FULL.__class__('x', {}, sqlite3.OperationalError('no such table: trials')))


class Flaky:
    """A storage that fails at every n-th write, before or after it is done."""

    def __init__(self, storage: Any, every: int, after: bool, error: Exception) -> None:
        self._storage, self._every, self._after, self._error = storage, every, after, error
        self.calls = self.failures = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._storage, name)
        if name.startswith('get'):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            fails = self.calls % self._every == 0
            self.failures += fails
            if fails and not self._after:
                raise self._error
            found = method(*args, **kwargs)
            if fails:
                raise self._error
            return found

        return call


@pytest.mark.parametrize('name', STORAGES)
@pytest.mark.parametrize('after', [False, True])
@pytest.mark.longer
def test_a_storage_that_fails_now_and_then_costs_nothing(
    name: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a write was done and its answer was lost, as with a connection that breaks."""
    monkeypatch.setattr(module, 'FIRST_PAUSE', 0.001)
    study = open_study(str(tmp_path / name))
    error = StorageInternalError()
    error.__cause__ = FULL
    flaky = Flaky(study._storage, 2, after, error)
    study._storage = flaky  # type: ignore[assignment]
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        return score(arch)

    search = {'num_initial': 4, 'num_parents': 2, 'num_total': 8}
    records = run_search(evolution(**search), study, evaluate)
    assert records == search_in_memory(evolution(**search))
    assert len(calls) == 8
    assert flaky.failures >= 16


@pytest.mark.longer
def test_a_result_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """One line, and not that its evaluation failed."""
    study = SearchStudy.open(str(tmp_path / 'study.db'), 'test', OBJECTIVES, {'seed': 0}, wait=0.0)
    calls: list[Arch] = []
    storage = study._storage

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        study._storage = Flaky(storage, 1, False, OSError(28, 'No space left'))  # type: ignore[assignment]
        return {'mIoU': 12.5}

    with raises(StorageAwayError, problem=contains('12.5', 'No space left')):
        run_search(random_search(num_total=2), study, evaluate)
    assert len(calls) == 1
    # What is left is free for the next start.
    study._held.clear()
    study._storage = storage
    records = run_search(random_search(num_total=2), study, score)
    assert records == search_in_memory(random_search(num_total=2))


def test_ctrl_c_is_not_kept_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(str(tmp_path / 'study.db'))
    storage = study._storage

    def evaluate(arch: Arch) -> dict[str, float]:
        study._storage = Flaky(storage, 1, False, OSError(28, 'No space left'))  # type: ignore[assignment]
        raise KeyboardInterrupt

    def sleep(seconds: float) -> None:
        raise AssertionError('waits')

    monkeypatch.setattr(module.time, 'sleep', sleep)
    with pytest.raises(KeyboardInterrupt):
        run_search(random_search(num_total=2), study, evaluate)


def test_nobody_is_dead_because_the_storage_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker on another machine could not give a sign of life meanwhile."""
    from scalenas.search import life

    where = str(tmp_path / 'study.journal')
    far, near = open_study(where), open_study(where)
    object.__setattr__(far.worker, 'machine', 'elsewhere')
    arch = evolution().space.smallest()
    candidates = [Candidate(0, arch, evolution().cost(arch), 0)]
    claim = far.claim(candidates)
    assert claim is not None
    clock = [0.0]
    monkeypatch.setattr(life.time, 'monotonic', lambda: clock[0])
    assert near.claim(candidates) is None
    clock[0] += 600.0
    with pytest.raises(StorageAwayError):
        near._wait.once(away_until(clock, 601.0, OSError(5, 'Input/output error')))
    clock[0] += 10.0
    assert near.claim(candidates) is None
    far.complete(claim, {'mIoU': 1.0})
    assert len(near.records()) == 1


@pytest.mark.parametrize('seconds', [-1.0, float('nan'), float('inf')])
def test_a_wait_is_a_time(seconds: float) -> None:
    with raises(SearchError, where='--storage-wait', got=lambda got: got is seconds):
        as_wait(seconds)
    assert as_wait(None) == module.WAIT_SECONDS
    assert as_wait(0.0) == 0.0
