"""Short forms of `python -m tests.reliability search`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..search.postgres import INITDB

ROOT = Path(__file__).resolve().parents[2]


def row_of(*options: str) -> list[str]:
    """The cells of the row that the command prints."""
    done = subprocess.run(
        [sys.executable, '-m', 'tests.reliability', 'search', *options],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [cell.strip() for cell in done.stdout.splitlines()[-1].strip('|').split('|')]


def test_a_few_kills_cost_nothing() -> None:
    options = ('--workers', '2', '--kills', '3', '--stops', '0', '--total', '30')
    row = row_of('--storage', 'journal', *options)
    assert row[:-1] == ['journal', '2', '3', '0', row[4], '0', '0', 'yes']
    assert int(row[4]) >= 30


@pytest.mark.slow
@pytest.mark.parametrize('workers', ['1', '4'])
@pytest.mark.parametrize('storage', ['sqlite', 'journal', 'postgresql'])
def test_kills_and_stops_cost_nothing(storage: str, workers: str) -> None:
    if storage == 'postgresql' and INITDB is None:
        pytest.skip('needs the PostgreSQL server binaries (initdb)')
    # A full disk is a file system of its own, which only root mounts.
    stops = '2' if storage == 'postgresql' or os.getuid() == 0 else '0'
    row = row_of('--storage', storage, '--workers', workers, '--kills', '10', '--stops', stops)
    assert row[2:4] == ['10', stops]
    assert row[5:8] == ['0', '0', 'yes']
