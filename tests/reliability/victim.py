"""A tool in a process that is killed without warning, on a disk that takes its time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend

from tests.processes import FORKS, OURS, PACKAGES, ROOT, TASKS, THEIRS, _become

CHUNK, PAUSE = 2**16, 0.002
"""Bytes that are written at once, and seconds between: kills meet files that are half written."""
MOVE = 0.05
"""Seconds before a file is moved to its place."""


def import_beforehand() -> None:
    """For some hundred starts: what each would import is there already.

    For all processes that are started here from now on, so not within the other tests.
    """
    FORKS.set_forkserver_preload([*PACKAGES, *THEIRS, *OURS, *TASKS])


class Victim:
    """`python tools/NAME.py ARGUMENTS` in `cwd`, with its output in `log`."""

    def __init__(self, tool: str, arguments: list[object], cwd: Path, log: Path) -> None:
        command = [str(ROOT / f'tools/{tool}.py'), *map(str, arguments)]
        self.log, self.began = log, time.monotonic()
        self.process: Any = FORKS.Process(target=_slowly, args=(command, str(cwd), str(log)))
        self.process.start()

    def killed_when(self, moment: Callable[[float], bool]) -> bool:
        """SIGKILL as soon as `moment(seconds since the start)`; False if it had ended before."""
        while self.process.exitcode is None:
            if moment(time.monotonic() - self.began):
                self.process.kill()
                self.process.join()
                return int(self.process.exitcode) == -9
            self.process.join(0.001)
        self.finish()
        return False

    def finish(self) -> float:
        """Waits for the end, which must be a good one; the seconds from start to end."""
        self.process.join()
        if self.process.exitcode != 0:
            text = self.log.read_text(errors='replace')
            raise AssertionError(f'exit code {self.process.exitcode}: {text[-3000:]}')
        return time.monotonic() - self.began


def _slowly(command: list[str], cwd: str, log: str) -> None:
    put, replace = LocalBackend.put, os.replace

    def slow_put(self: LocalBackend, obj: bytes, filepath: Any) -> None:
        put(self, b'', filepath)  # makes the folder
        with open(filepath, 'wb', buffering=0) as file:
            for start in range(0, len(obj), CHUNK):
                file.write(obj[start : start + CHUNK])
                time.sleep(PAUSE)

    def slow_replace(source: Any, target: Any, **options: Any) -> None:
        time.sleep(MOVE)
        replace(source, target, **options)

    LocalBackend.put, os.replace = slow_put, slow_replace
    _become(command, cwd, log, f'{log}.err')
