"""Workers that are killed: forks of the test, which import nothing again."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable

FORKS = multiprocessing.get_context('fork')


class Forked:
    """A process of its own, begun at once, that calls work(*args); standard error is kept."""

    def __init__(self, work: Callable[..., None], *args: object) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lasts as long as the process)
        self._process = FORKS.Process(target=self._run, args=(work, *args))
        self._process.start()

    def _run(self, work: Callable[..., None], *args: object) -> None:
        os.dup2(self._errors.fileno(), 2)
        sys.stderr = os.fdopen(2, 'w', buffering=1)
        logging.getLogger().handlers.clear()  # pytest's, which would keep what should be shown
        work(*args)

    def kill(self) -> None:
        """Leaves a zombie until `wait`: dead, and not yet reaped."""
        self._process.kill()

    def wait(self, timeout: float = 240.0) -> int:
        """The exit status, once it has ended; negative for a signal.

        Raises:
            TimeoutError: when it goes on for longer; it is then killed.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise TimeoutError(f'still running after {timeout:g} s: {self.errors()[-2000:]}')
        return self._process.exitcode

    def errors(self) -> str:
        """What it wrote on standard error so far."""
        return os.pread(self._errors.fileno(), os.fstat(self._errors.fileno()).st_size, 0).decode()
