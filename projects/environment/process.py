"""Running one command into a log file, with a line of news now and then."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError

TAIL = 30
GRACE = 10.0


@dataclass(frozen=True)
class Shell:
    """Runs commands one by one: their output goes to `log`, news for the user to `say`.

    `keep` is a file descriptor that commands inherit: the lock, which so outlives us with them.
    """

    log: Path
    variables: Mapping[str, str]
    keep: int
    say: Callable[[str], None]
    diagnose: Callable[[str], str]
    news_every: float

    def run(
        self, command: list[str], does: str, takes: str = '', started: float | None = None
    ) -> None:
        """Run to the end, or end it and everything it started when we are interrupted.

        Raises: SetupError.
        """
        begun = time.monotonic() if started is None else started
        with self.log.open('a') as log:
            log.write(f'\n+ {" ".join(command)}\n')
            log.flush()
            offset = log.tell()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.variables),
                cwd=self.log.parent,
                process_group=0,  # one group with the compilers, so that all can be ended together
                pass_fds=[self.keep],
            )
            try:
                self._attend(process, offset, does, takes, begun)
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            self._fail(process.returncode, offset, does)

    def _attend(
        self, process: subprocess.Popen[bytes], offset: int, does: str, takes: str, begun: float
    ) -> None:
        hint = f' ({takes})' if takes else ''
        while True:
            try:
                process.wait(self.news_every)
                return
            except subprocess.TimeoutExpired:
                passed = clock(time.monotonic() - begun)
                self.say(f'      {does}: {_count(self._logged(offset))}{passed}{hint}')

    def _fail(self, code: int, offset: int, does: str) -> None:
        text = self._logged(offset)
        for line in text.splitlines()[-TAIL:]:
            self.say(f'    | {line}')
        how = f'killed by signal {-code}' if code < 0 else f'exit code {code}'
        raise SetupError(f'{does} failed ({how}), log {self.log}: {self.diagnose(text)}')

    def _logged(self, offset: int) -> str:
        with self.log.open('rb') as log:
            log.seek(offset)
            return log.read().decode(errors='replace')


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to stop, so that pip clears up; insist after a while."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(GRACE)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _count(log: str) -> str:
    """`64 of 118 files, ` from ninja's `[64/118] c++ ...`; nothing where no such line is."""
    counts = re.findall(r'^\s*\[(\d+)/(\d+)\] ', log, flags=re.MULTILINE)
    return '{} of {} files, '.format(*counts[-1]) if counts else ''


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'
