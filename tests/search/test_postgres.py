"""The study on a PostgreSQL server, started for the test in a temporary folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalenas.search import Record, SearchStudy, StudyError
from tests.errors import contains, raises

from .asynchronous import assert_whole
from .forked import Forked
from .postgres import INITDB, Server, running_server
from .table import counted, evolution, open_study, search_in_memory, worker
from .test_study import assert_complete, start, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    if INITDB is None:
        pytest.skip('needs the PostgreSQL server binaries (initdb)')
    with running_server() as found:
        yield found


@pytest.fixture
def where(server: Server) -> Iterator[str]:
    """The URL as the docs have it, of an empty database."""
    import psycopg2

    yield server.url
    connection = psycopg2.connect(server.url)
    connection.autocommit = True
    connection.cursor().execute('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    connection.close()


@pytest.fixture(scope='module')
def expected() -> list[Record]:
    return search_in_memory(evolution())


def test_four_workers_share_a_search_on_a_server(
    where: str, tmp_path: Path, expected: list[Record]
) -> None:
    calls = tmp_path / 'calls'
    workers = [start(where, calls, 0.1) for _ in range(4)]
    for process in workers:
        assert process.wait() == 0, process.errors()
    assert_complete(where, calls, expected)
    assert SearchStudy.names(where) == ['test']


def test_three_workers_that_never_wait_on_a_server(where: str, tmp_path: Path) -> None:
    calls = tmp_path / 'calls'
    workers = [
        Forked(worker, where, str(calls), seconds, 'evolution', 'async')
        for seconds in (0.05, 0.1, 0.2)
    ]
    wait_for(calls, 6)
    workers[0].kill()
    for process in workers[1:]:
        assert process.wait() == 0, process.errors()
    workers[0].wait()
    study = SearchStudy.read(where)
    assert_whole(study, evolution())
    assert 40 <= len(counted(calls)) <= 41


def test_workers_wait_for_a_server_that_stops(
    where: str, server: Server, tmp_path: Path, expected: list[Record]
) -> None:
    calls = tmp_path / 'calls'
    workers = [start(where, calls, 0.3) for _ in range(2)]
    wait_for(calls, 6)
    server.stop()
    time.sleep(3)
    before = len(counted(calls))
    server.start()
    wait_for(calls, before + 4)
    for process in workers:
        assert process.wait() == 0, process.errors()
        assert 'Traceback' not in process.errors()
    assert_complete(where, calls, expected)


def test_a_server_without_the_database_is_one_line(server: Server, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr('scalenas.search.databases.OPENING_SECONDS', 0.5)
    with raises(StudyError, problem=contains('nothing')):
        open_study(server.url.replace('/postgres?', '/nothing?'))
