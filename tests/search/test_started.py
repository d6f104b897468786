"""How a search was started is kept, and read back from anywhere: files, settings, storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.search import SearchError, SearchStudy, Start
from scalenas.search.report import write_report
from scalenas.search.started import CARD
from tests.errors import contains, raises

from .table import OBJECTIVES, open_study

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | FINITE
VALUES = st.recursive(
    PLAIN, lambda v: st.lists(v) | st.tuples(v, v) | st.dictionaries(st.text(), v), max_leaves=8
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, a checkpoint and a study, which is the present one."""
    folder = tmp_path / 'project'
    (folder / 'work').mkdir(parents=True)
    for name in ('search.py', 'supernet.pth', 'work/study.db'):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


def start(**options: Any) -> Start:
    return Start.of('search.py', 'supernet.pth', None, '.', {'macs': 8}, **options)


@given(st.dictionaries(st.text(min_size=1), VALUES))
def test_settings_come_back_as_they_were(options: dict[str, Any]) -> None:
    """Tuples are tuples, which JSON alone would not keep."""
    kept = Start.of('a.py', 'b.pth', options, '.', {}, seed=3, algorithm=None)
    again = Start.from_dict(json.loads(json.dumps(kept.to_dict())))
    assert again == kept
    assert again.cfg_options == options
    assert again.given == {'seed': 3}


def test_files_are_found_from_another_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = start(num_evaluations=7)
    assert known.file('config', 'x') == 'search.py', 'as it was given, where that is the same'
    monkeypatch.chdir(tmp_path)
    assert known.call('project/work') == {
        'config': str(project / 'search.py'),
        'checkpoint': str(project / 'supernet.pth'),
        'cfg_options': {},
        'work_dir': 'project/work',
        'num_evaluations': 7,
        'storage': str(Path('project/work/study.db')),
    }
    project.rename(tmp_path / 'moved')
    with raises(SearchError, where='x', problem=contains(project / 'search.py')):
        known.file('config', 'x')
    monkeypatch.chdir(tmp_path / 'moved')
    assert known.file('config', 'x') == 'search.py', 'a project that was moved as a whole'
    assert known.call('work')['storage'] == 'work/study.db'


def test_a_report_within_a_work_dir_leads_to_it(project: Path) -> None:
    (project / 'work/random').mkdir()
    inner = Start.of('search.py', 'supernet.pth', {}, 'random', {}, algorithm='random')
    call = inner.call('work/random')
    assert (call['work_dir'], call['algorithm']) == (str(project / 'work'), 'random')
    assert call['storage'] == str(project / 'work/study.db')


def test_what_is_not_known_says_what_to_give(project: Path) -> None:
    changed = Start.of(object(), 'supernet.pth', {}, '.', {})
    opaque = Start.of('search.py', 'supernet.pth', {'a': object()}, '.', {})
    for known in (changed, opaque):
        with raises(SearchError, where='x', hint=contains('config')):
            known.file('config', 'x')
        assert known.file('checkpoint', 'x') == 'supernet.pth'
    (project / 'work/study.db').unlink()
    with raises(SearchError, where=Path('work/study.db'), hint=contains('--storage')):
        start().call('work')
    with raises(SearchError, where='work'):
        start(archs=True).call('work')


def test_no_password_is_kept(project: Path) -> None:
    known = start(storage='postgresql://me:secret@host/db')
    assert 'secret' not in json.dumps(known.to_dict())
    with raises(SearchError, where='postgresql://me:***@host/db', hint=contains('--storage')):
        known.call('work')
    url = 'postgresql://me@host/db'
    assert start(storage=url).call('work')['storage'] == url


def test_a_study_keeps_the_last_start(project: Path) -> None:
    study = open_study('work/a.db')
    assert study.start is None
    for seed in (1, 2):
        study.remember(start(seed=seed))
    assert SearchStudy.read('work/a.db').start == study.start == start(seed=2)
    write_report([], OBJECTIVES, project / 'work', start=study.start)
    assert Start.of_report('work') == study.start


@pytest.mark.parametrize(
    ('card', 'where'),
    [
        (None, CARD),
        ('{', CARD),
        ('[]', CARD),
        ('{"study": "a"}', CARD),
        ('{"started": 5}', 'started'),
        ('{"started": {"config": "a"}}', 'started'),
    ],
)
def test_a_card_without_it_is_one_line(tmp_path: Path, card: str | None, where: str) -> None:
    if card is not None:
        (tmp_path / CARD).write_text(card)
    with raises(where=contains(where)):
        Start.of_report(tmp_path)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('config', 5),
        ('inside', None),
        ('options', []),
        ('options', {'a': 'open("x")'}),
        ('options', {'a': 1}),
        ('given', 'a'),
        ('largest', 5),
    ],
)
def test_a_damaged_start_names_its_field(project: Path, field: str, value: object) -> None:
    with raises(SearchError, where=contains(f'started.{field}')):
        Start.from_dict({**start().to_dict(), field: value})
