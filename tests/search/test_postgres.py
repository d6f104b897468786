"""The study on a PostgreSQL server, started for the test in a temporary folder."""

from __future__ import annotations

import getpass
import glob
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalenas.search import SearchStudy

from .table import evolution, search_in_memory
from .test_study import assert_complete, start

pytestmark = pytest.mark.slow
FOLDERS = [*sorted(glob.glob('/usr/lib/postgresql/*/bin'), reverse=True), os.environ['PATH']]
INITDB = shutil.which('initdb', path=os.pathsep.join(FOLDERS))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip('psycopg2')
    if INITDB is None:
        pytest.skip('needs the PostgreSQL server binaries (initdb)')
    data, binaries = tmp_path / 'data', Path(INITDB).parent
    made = subprocess.run(
        [INITDB, '-D', data, '-A', 'trust', '-U', 'tester'], capture_output=True, text=True
    )
    if made.returncode and getpass.getuser() == 'root':
        pytest.skip('PostgreSQL does not start as root')
    assert made.returncode == 0, made.stderr
    options = f"-k {tmp_path} -c listen_addresses=''"
    control = [binaries / 'pg_ctl', '-D', data, '-w']
    subprocess.run([*control, '-l', tmp_path / 'log', '-o', options, 'start'], check=True)
    try:
        yield f'postgresql+psycopg2://tester@/postgres?host={tmp_path}'
    finally:
        subprocess.run([*control, '-m', 'fast', 'stop'], check=True)


def test_three_workers_share_a_search_on_a_server(server: str, tmp_path: Path) -> None:
    calls = tmp_path / 'calls'
    workers = [start(server, calls, 0.1) for _ in range(3)]
    for process in workers:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    assert_complete(server, calls, search_in_memory(evolution()))
    assert SearchStudy.names(server) == ['test']
