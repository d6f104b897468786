"""Studies with rows that no search wrote: one line that names the study and the trial."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scalenas.search import SearchStudy, run_search
from scalenas.search.storage import StorageAwayError
from tests.errors import contains, raises

from .table import SPACE, evolution, open_study, score

SEARCH = {'num_initial': 4, 'num_parents': 2, 'num_total': 6}
TRIAL = 3
Attrs = dict[str, Any]


@pytest.fixture(scope='module')
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('studies')
    for name in ('study.db', 'study.journal'):
        study = open_study(str(folder / name), space=SPACE.to_dict())
        object.__setattr__(study.worker, 'started', '1')
        run_search(evolution(**SEARCH), study, score)
    return folder


def edited(path: Path, out: Path, edit: Callable[[Attrs, Attrs], object]) -> None:
    """A journal in which the attributes and the metrics of a trial are otherwise."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    made = [r for r in records if r['op_code'] == 4][TRIAL]['user_attrs']
    metrics = next(
        r['user_attr']
        for r in records
        if r['op_code'] == 8 and r['trial_id'] == TRIAL and 'metrics' in r['user_attr']
    )
    edit(made, metrics)
    out.write_text(''.join(json.dumps(record) + '\n' for record in records))


EDITS: dict[str, Callable[[Attrs, Attrs], object]] = {
    'no slot': lambda a, _: a.pop('slot'),
    'no attrs': lambda a, _: a.clear(),
    'slot is text': lambda a, _: a.update(slot='3'),
    'slot is negative': lambda a, _: a.update(slot=-1),
    'generation': lambda a, _: a.update(generation=None),
    'worker is text': lambda a, _: a.update(worker='me'),
    'worker lacks a key': lambda a, _: a['worker'].pop('pid'),
    'worker has more': lambda a, _: a['worker'].update(x=1),
    'pid is text': lambda a, _: a['worker'].update(pid='7'),
    'cost lacks a key': lambda a, _: a.pop('cost:macs'),
    'cost is another': lambda a, _: a.update({'cost:macs': 1}),
    'cost is not whole': lambda a, _: a.update({'cost:params': 1.5}),
    'arch is a list': lambda a, _: a.update(arch=[]),
    'arch is of no family': lambda a, _: a['arch'].update(family='x'),
    'arch is out of the space': lambda a, _: a['arch'].update(in_channels=4),
    'metrics is a number': lambda _, m: m.update(metrics=1.0),
    'metrics lack the metric': lambda _, m: m['metrics'].pop('mIoU'),
    'metric is NaN': lambda _, m: m['metrics'].update(mIoU=float('nan')),
    'metric is text': lambda _, m: m['metrics'].update(mIoU='1'),
    'another metric is infinite': lambda _, m: m['metrics'].update(aAcc=float('inf')),
    'metric is not the value': lambda _, m: m['metrics'].update(mIoU=99.0),
}


@pytest.mark.parametrize('name', EDITS)
@pytest.mark.longer
def test_a_damaged_trial_is_named(name: str, studies: Path, tmp_path: Path) -> None:
    path = tmp_path / 'study.journal'
    edited(studies / 'study.journal', path, EDITS[name])
    for read in (
        lambda: SearchStudy.read(str(path)).records(),
        lambda: run_search(
            evolution(**SEARCH), open_study(str(path), space=SPACE.to_dict()), score
        ),
    ):
        with raises(names=(f'study test in {path}', f'trial {TRIAL}')):
            read()


STATEMENTS = [
    "DELETE FROM trial_user_attributes WHERE trial_id = 3 AND key = 'slot'",
    'DELETE FROM trial_values WHERE trial_id = 3',
    'UPDATE trials SET number = 1 WHERE trial_id = 3',
    'DELETE FROM trials WHERE trial_id = 3',
    "UPDATE trials SET state = 'DONE' WHERE trial_id = 3",
    "UPDATE trial_user_attributes SET value_json = '{' WHERE trial_id = 3",
    'UPDATE trial_values SET objective = 7 WHERE trial_id = 3 AND objective = 1',
    "UPDATE study_user_attributes SET value_json = '[]'",
    'DROP TABLE trials',
    'ALTER TABLE trials DROP COLUMN datetime_complete',
    'UPDATE trials SET number = NULL WHERE trial_id = 3',
    "UPDATE trials SET number = 'x' WHERE trial_id = 3",
    f"UPDATE trial_user_attributes SET value_json = '{'[' * 3000}{']' * 3000}' WHERE trial_id = 3",
    "INSERT INTO trial_params VALUES (NULL, 3, 'x', 0.5, '{}')".format(
        '{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0, "log": false, '
        '"step": null}}'
    ),
]


@pytest.mark.parametrize('statement', STATEMENTS)
@pytest.mark.longer
def test_rows_of_somebody_else_are_one_line(statement: str, studies: Path, tmp_path: Path) -> None:
    path = tmp_path / 'study.db'
    shutil.copy(studies / 'study.db', path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    before = path.read_bytes()
    with raises(where=contains(path)) as error:
        SearchStudy.read(str(path)).records()
    assert not isinstance(error.value, StorageAwayError)  # which is waited for
    assert path.read_bytes() == before


def test_settings_that_are_no_settings_are_shown(studies: Path, tmp_path: Path) -> None:
    path = tmp_path / 'study.db'
    shutil.copy(studies / 'study.db', path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE study_user_attributes SET value_json = '[7]'")
    with raises(where=contains(path), got=[7]):
        open_study(str(path), space=SPACE.to_dict())


@pytest.mark.parametrize('share', [0.2, 0.6, 0.95])
def test_a_database_that_was_cut_is_one_line_and_stays(
    share: float, studies: Path, tmp_path: Path
) -> None:
    path = tmp_path / 'study.db'
    whole = (studies / 'study.db').read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    before = path.read_bytes()
    for read in (
        lambda: SearchStudy.read(str(path)),
        lambda: open_study(str(path), space=SPACE.to_dict()),
    ):
        with raises(where=contains(path)):
            read()
    assert path.read_bytes() == before


WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('PRAGMA cache_size = 1')
connection.execute('BEGIN IMMEDIATE')
connection.execute("UPDATE trial_user_attributes SET value_json = '1'")
connection.execute("INSERT INTO studies (study_name) VALUES ('half')")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_half_done_is_taken_back(studies: Path, tmp_path: Path) -> None:
    """SQLite's own journal, found and played back by whoever opens the file next."""
    import subprocess
    import sys

    path = tmp_path / 'study.db'
    shutil.copy(studies / 'study.db', path)
    subprocess.run([sys.executable, '-c', WRITER, str(path)])
    assert Path(f'{path}-journal').exists()
    assert len(SearchStudy.read(str(path), 'test').records()) == SEARCH['num_total']
    assert not Path(f'{path}-journal').exists()
