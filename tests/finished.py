"""Which tests have come to an end, in a file: when a process of pytest-xdist dies, others go on.

The file, named in $SCALENAS_TESTS_DONE, has a line each: `done NODEID`, passed or not; `failed
NODEID`; `ended WORKER: exit status -9`, negative for a signal, and `died NODEID`, the test in which
it was. A run that finds lines there leaves out what is done: what failed gets no second chance.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

VARIABLE = 'SCALENAS_TESTS_DONE'


class Finished:
    """Writes the file, in the process that hears of all tests."""

    def __init__(self, file: Path, config: pytest.Config) -> None:
        self._file, self._config = file, config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            # So xdist marks the test during which a process died.
            kind = 'died' if report.when == '???' else 'failed'
            self._note(f'{kind} {report.nodeid}')
        if report.when == 'teardown':
            self._note(f'done {report.nodeid}')

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            try:
                status = str(node.gateway._io.popen.wait(timeout=60))
            except subprocess.TimeoutExpired:
                status = 'none, it still runs'
            line = f'ended {node.gateway.id}: exit status {status}'
            self._note(line)
            reporter: Any = self._config.pluginmanager.get_plugin('terminalreporter')
            reporter.write_line(f'\n{line}')

    def _note(self, line: str) -> None:
        with self._file.open('a') as file:
            file.write(f'{line}\n')


DONE = pytest.StashKey[set[str]]()


def begin(config: pytest.Config) -> None:
    """Note what ends, if somebody asks for it, and remember what was done before."""
    if VARIABLE not in os.environ:
        return
    file, is_worker = Path(os.environ[VARIABLE]), hasattr(config, 'workerinput')
    lines = file.read_text().splitlines()
    config.stash[DONE] = {line.removeprefix('done ') for line in lines if line.startswith('done ')}
    if not is_worker:
        config.pluginmanager.register(Finished(file, config))
    if is_worker or not getattr(config.option, 'numprocesses', None):
        del os.environ[VARIABLE]  # a pytest that a test starts has tests of its own


def leave_out(items: list[pytest.Item], config: pytest.Config) -> None:
    """Deselect what was done when the run began."""
    done = config.stash.get(DONE, set())
    if not done:
        return
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
    items[:] = [item for item in items if item.nodeid not in done]
