"""Any folder may hold a study of its own; a URL means the driver that is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from scalenas.search import Objectives, Places, SearchStudy, StudyError
from scalenas.search.databases import DRIVERS, LIBPQ, connector, database_url, shown
from tests.errors import contains, raises

from .table import open_study

NAMES = [
    'a?b',
    'a?mode=memory',
    'a%20b',
    'a b',
    'a#b',
    'a&b=c',
    'a;b',
    'ä ö',
    '実験',
    'a{b}c',
    "a'b",
    'a"b',
    'a\\b',
    'a+b',
    'a@b:c',
    'file:a',
    '%',
    '~',
    'a\nb',
    '-a',
    'a\udce9b',
]


@pytest.mark.parametrize('suffix', ['db', 'journal'])
@pytest.mark.longer
def test_each_folder_holds_a_study_of_its_own(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever letters are in its name, given as an absolute or as a relative path."""
    monkeypatch.chdir(tmp_path)
    names = NAMES if suffix == 'journal' else NAMES[::3]  # a database takes its time
    for i, name in enumerate(names):
        relative = f'{name}/study.{suffix}'
        where = relative if i % 2 else str(tmp_path / relative)
        SearchStudy.open(where, f'of {i}', Objectives.from_dict(('mIoU', 'macs')), {'seed': 0})
        other = relative if not i % 2 else str(tmp_path / relative)
        assert SearchStudy.names(other) == [f'of {i}']
    files = {path.relative_to(tmp_path) for path in tmp_path.rglob('*') if path.is_file()}
    assert files == {Path(name, f'study.{suffix}') for name in names}


@pytest.mark.parametrize('name', NAMES)
def test_the_file_of_a_database_is_that_of_its_path(name: str, tmp_path: Path) -> None:
    """Without the tables of a study: what SQLite itself makes of the path."""
    path = tmp_path / name / 'study.db'
    path.parent.mkdir()
    path.touch()
    with contextlib.closing(connector(path)()) as connection:
        connection.execute('CREATE TABLE cats (name TEXT)')
    assert [p for p in tmp_path.rglob('*') if p.is_file()] == [path]
    assert path.stat().st_size > 0


@pytest.mark.parametrize('name', ['study?.db', 'st%20udy.db', '#.sqlite3', 'ü?x=1.journal'])
@pytest.mark.longer
def test_a_storage_may_have_any_name(name: str, tmp_path: Path) -> None:
    open_study(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.longer
def test_a_work_dir_may_have_any_name(tmp_path: Path) -> None:
    found = set()
    for name in ('a?1', 'a?2'):
        places = Places.of('c.py', str(tmp_path / name), None, None, 'random', 'random')
        places.check()
        study = places.open(Objectives.from_dict(('mIoU', 'macs')), {'folder': name})
        assert study.records() == []
        found.add(Path(places.storage))
    assert set(tmp_path.rglob('*.db')) == found
    assert len(found) == 2


@pytest.mark.parametrize('option', ['--work-dir', '--storage', '--study-name'])
def test_an_empty_name_is_none_and_not_the_usual(option: str) -> None:
    names = dict.fromkeys(['--work-dir', '--storage', '--study-name'])
    with raises(StudyError, where=option, got=''):
        Places.of('c.py', *{**names, option: ''}.values(), 'random', 'random')


def test_a_path_that_looks_like_a_url_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_study('runs/a://b/study.db')
    assert Path('runs/a:/b/study.db').is_file()


def test_a_url_of_sqlite_is_the_file_that_sqlalchemy_means(tmp_path: Path) -> None:
    path = tmp_path / 'a ?b%20' / 'study.db'
    path.parent.mkdir()
    url = sqlalchemy.URL.create('sqlite', database=str(path)).render_as_string()
    open_study(url)
    assert path.is_file()
    assert SearchStudy.names(str(path)) == ['test']


@pytest.mark.parametrize('url', ['sqlite://', 'sqlite:///:memory:', 'sqlite:///x?mode=memory'])
def test_a_study_in_memory_is_refused(url: str) -> None:
    with raises(StudyError, hint=contains('name a file')):
        open_study(url)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets only these modules be there."""

    def only(*modules: str) -> None:
        def find(name: str) -> object:
            if name == 'mysql.connector' and name not in modules:
                raise ModuleNotFoundError(name)
            return object() if name in modules else None

        monkeypatch.setattr(importlib.util, 'find_spec', find)

    return only


@pytest.mark.parametrize(
    ('database', 'name', 'module', 'package'),
    [(database, *row) for database, rows in DRIVERS.items() for row in rows],
)
def test_the_driver_that_is_installed_is_taken(
    database: str, name: str, module: str, package: str, installed: Callable[..., None]
) -> None:
    given = f'{database}://user@host/db'
    installed(module)
    url = database_url(given)
    assert url == sqlalchemy.make_url(given).set(drivername=f'{database}+{name}')
    # SQLAlchemy knows it under this name, whether it is there or not.
    assert url.get_dialect().driver == name
    installed()
    with raises(StudyError, hint=f'pip install {DRIVERS[database][0][2]}'):
        database_url(given)
    with raises(StudyError, hint=f'pip install {package}'):
        database_url(f'{database}+{name}://user@host/db')


def test_a_driver_that_is_named_is_taken(installed: Callable[..., None]) -> None:
    installed('psycopg2', 'psycopg')
    assert database_url('postgresql://u@h/d').drivername == 'postgresql+psycopg2'
    assert database_url('postgresql+psycopg://u@h/d').drivername == 'postgresql+psycopg'
    assert database_url('postgres://u@h/d').drivername == 'postgresql+psycopg2'


@pytest.mark.parametrize('url', ['redis://host', 'http://x/y', 'postgresql//u@h', 'a://['])
def test_what_is_no_database_is_one_line(url: str, tmp_path: Path) -> None:
    with raises(StudyError, where=f'storage {url}'):
        open_study(url)


@pytest.mark.parametrize('kwargs', ['', '?connect_timeout=3'])
def test_the_documented_url_asks_its_server(kwargs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """postgresql://user@host/studies, as in docs/own_project.md, and a password is not told."""
    psycopg2 = pytest.importorskip('psycopg2')
    asked = []

    def connect(**given: object) -> None:
        asked.append(given)
        raise psycopg2.OperationalError('connection refused')

    monkeypatch.setattr(psycopg2, 'connect', connect)
    monkeypatch.setattr('scalenas.search.databases.OPENING_SECONDS', 0.1)
    monkeypatch.setattr('scalenas.search.databases.socket.getaddrinfo', lambda *_: [])
    with raises(StudyError, problem=contains('refused')) as error:
        open_study(f'postgresql://user:s3cret@host/studies{kwargs}')
    assert 's3cret' not in str(error.value)
    (given,) = {tuple(sorted(row.items())) for row in map(_texts, asked)}
    timeout = '3' if kwargs else str(LIBPQ['connect_timeout'])
    expected = {'host': 'host', 'user': 'user', 'dbname': 'studies', 'connect_timeout': timeout}
    assert expected.items() <= dict(given).items()


def _texts(given: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items()}


def test_shown_hides_a_password() -> None:
    assert shown('postgresql://me:pw@h/d') == 'postgresql://me:***@h/d'
    assert 'pw' not in shown('postgresql://me:pw@[h/d')
    assert shown('a?b%20.db') == 'a?b%20.db'


@pytest.mark.parametrize('content', ['', 'other'])
def test_reading_adds_nothing_to_a_file(content: str, tmp_path: Path) -> None:
    path = tmp_path / 'x.db'
    with sqlite3.connect(path) as connection:
        if content:
            connection.execute('CREATE TABLE cats (name TEXT)')
    connection.close()
    before = path.read_bytes()
    for read in (SearchStudy.read, SearchStudy.names):
        with raises(StudyError, where=f'storage {path}'):
            read(str(path))
    assert path.read_bytes() == before


def test_an_empty_file_begins_a_study(tmp_path: Path) -> None:
    path = tmp_path / 'study.db'
    path.touch()
    open_study(str(path))
    assert SearchStudy.names(str(path)) == ['test']


def test_a_folder_is_no_storage(tmp_path: Path) -> None:
    for name in ('x.db', 'x.journal'):
        (tmp_path / name).mkdir()
        with raises(StudyError, where=f'storage {tmp_path / name}', problem='is a folder'):
            open_study(str(tmp_path / name))


def test_a_name_that_no_file_can_have_is_one_line(tmp_path: Path) -> None:
    for name in ('a' * 300 + '.db', 'a' * 300 + '.journal', 'a' * 300 + '/study.db'):
        with raises(where=contains('a' * 300)):
            open_study(str(tmp_path / name))


def test_a_host_that_does_not_exist_is_told_at_once() -> None:
    pytest.importorskip('psycopg2')
    with raises(StudyError, got='['):
        open_study('postgresql://user@[/studies')
