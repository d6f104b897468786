"""Workers of unequal pace, by simulated clocks; and what a claim costs in a large study."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scalenas.search import SearchStudy, news

from .table import SPACE


@pytest.fixture(scope='module')
def benchmarks() -> Iterator[None]:
    """The folder, on the path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / 'benchmarks'))
        yield
        for name in ('workers', 'study_claims'):
            sys.modules.pop(name, None)


@pytest.fixture(scope='module')
def workers(benchmarks: None) -> ModuleType:
    """benchmarks/workers.py."""
    return importlib.import_module('workers')


@pytest.fixture(scope='module')
def claims(benchmarks: None) -> ModuleType:
    """benchmarks/study_claims.py."""
    return importlib.import_module('study_claims')


@pytest.mark.longer
def test_free_workers_lose_a_twentieth_at_most_and_generations_more(workers: ModuleType) -> None:
    free = workers.simulate('async', 200, dies=0.3)
    waiting = workers.simulate('sync', 120, dies=0.3)
    for run, count in ((free, 200), (waiting, 120)):
        assert [record.slot for record in run.records] == list(range(count))
        assert len({record.arch for record in run.records}) == count
        assert run.lost == 1
    assert 0.95 <= free.efficiency < 1.0
    assert 0.5 <= waiting.efficiency < 0.9


def test_equal_workers_whom_nobody_leaves_lose_nothing_but_the_end(workers: ModuleType) -> None:
    """One worker never waits; the time of an evaluation is its mean times the pace."""
    for mode in ('sync', 'async'):
        run = workers.simulate(mode, 50, paces=(2.0,), dies=None)
        assert run.efficiency == 1.0
        assert run.makespan == pytest.approx(50 * 2 * workers.SECONDS, rel=0.1)


@pytest.mark.parametrize('name', ['study.db', 'study.journal'])
def test_a_claim_costs_the_same_in_a_large_study(
    name: str, claims: ModuleType, tmp_path: Path
) -> None:
    small, large = claims.claims(str(tmp_path / name), (8, 40), running=5, times=1)
    assert (small.statements, small.trials) == (large.statements, large.trials)
    assert (small.size, large.size, small.ended) == (8, 40, 5)
    # What five others ended and began, and the worker's own trial.
    assert small.trials == 5 + 5 + 1
    assert small.statements == (23 if name == 'study.db' else 0)


def test_who_has_less_to_read_reads_less(claims: ModuleType, tmp_path: Path) -> None:
    rows = list(claims.claims(str(tmp_path / 'study.db'), (8, 12), 5, 2, ended=(3, 1)))
    # One statement more than where all have ended: the heartbeats of those that still run.
    assert [(row.ended, row.trials, row.statements) for row in rows] == [
        (3, 3 + 3 + 1, 24),
        (1, 1 + 1 + 1, 24),
    ] * 2


def test_no_statement_of_a_claim_reads_all_trials_of_the_study(
    claims: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / 'study.db'
    counted: list[tuple[str, Any]] = []
    seen = claims.Counted._statement

    def note(self: Any, connection: Any, cursor: Any, statement: str, given: Any, *_: Any) -> None:
        counted.append((statement, given))
        seen(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims.Counted, '_statement', note)
        list(claims.claims(str(path), (8,), 5, 1, ended=(3,)))
    plans: list[str] = []
    with closing(sqlite3.connect(path)) as database:
        for statement, given in counted:
            if statement.startswith('SELECT'):
                rows = database.execute(f'EXPLAIN QUERY PLAN {statement}', given).fetchall()
                plans += [row[3] for row in rows]
    looks = [plan for plan in plans if ' trials ' in plan]
    assert len(looks) >= 8
    assert all('SEARCH trials' in plan and 'rowid' in plan for plan in looks), looks
    assert not any('SCAN' in plan for plan in plans), plans


def test_a_large_study_is_read_by_optuna_and_is_the_same(
    claims: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = SearchStudy.open(
        str(tmp_path / 'study.db'), 'workers', claims.OBJECTIVES, {'space': SPACE.to_dict()}
    )
    claims.Crowd(study, 2).fill(4)
    by_id = news.news(study._storage, study._id, 0, ())
    monkeypatch.setattr(news, 'MOST_BY_ID', 3)
    assert news.news(study._storage, study._id, 0, ()) == by_id
    assert [trial.number for trial in by_id.trials] == [0, 1, 2, 3]


def test_a_trial_is_written_as_optuna_writes_it(tmp_path: Path, claims: ModuleType) -> None:
    """In an SQLite file, where its way is another one, and in a journal."""
    found = []
    for name in ('study.db', 'study.journal'):
        study = SearchStudy.open(
            str(tmp_path / name), 'workers', claims.OBJECTIVES, {'space': SPACE.to_dict()}
        )
        crowd = claims.Crowd(study, 2)
        crowd.fill(4)
        crowd.advance()
        trials = study._all_trials()
        assert [trial.number for trial in trials] == list(range(6))
        found.append(
            [
                (t.state, t.values, t.params, t.distributions, t.user_attrs | {'worker': 0})
                for t in trials
            ]
        )
    assert found[0] == found[1]
    assert len(found[0][0][2]) > 20
