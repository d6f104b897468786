"""Making the environment: step by step, stamped, locked, and aloud."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .pip import check_machine, commands, diagnose, variables
from .plan import Plan, Step
from .process import Shell, clock


@dataclass(frozen=True)
class Builder:
    """Brings `plan.home` from any state to a complete environment.

    `commands` is what a step runs; tests put a stand-in for pip there.
    """

    plan: Plan
    commands: Callable[[Step, Plan], Iterable[list[str]]] = commands
    check: Callable[[Plan, list[Step]], None] = check_machine
    out: TextIO = sys.stderr
    news_every: float = 15.0

    def ready(self) -> bool:
        """True when every step is done, the Python runs and no distribution has gone since."""
        complete = self._stamps / 'complete'
        if not complete.is_file() or self._left() or not self._python_runs():
            return False
        return set(complete.read_text().split()) <= self._distributions()

    def _left(self) -> list[Step]:
        return [step for step in self.plan.steps if not self._stamp(step).is_file()]

    def build(self) -> Path:
        """Do what is left to do; nothing when the environment is ready.

        Raises: SetupError.
        """
        if not self.ready():
            self.plan.root.mkdir(parents=True, exist_ok=True)
            with self._locked(self.plan.lock, self._made_by_another) as lock:
                if not self.ready():
                    with self._locked(self.plan.users, self._in_use):
                        self._build(lock)
        return self.plan.home

    def _build(self, lock: int) -> None:
        started = time.monotonic()
        self._salvage()
        todo = self._left()
        self.check(self.plan, todo)
        self._say(f'making the environment {self.plan.home} (log: {self.plan.log})')
        if len(todo) < len(self.plan.steps):
            done = len(self.plan.steps) - len(todo)
            self._say(f'{done} of {len(self.plan.steps)} steps were finished before')
        self._empty(self.plan.scratch)
        shell = Shell(
            self.plan.log,
            variables(self.plan, dict(os.environ)),
            lock,
            self._say,
            diagnose,
            self.news_every,
        )
        if not self.plan.home.exists():
            shell.run(
                [sys.executable, '-m', 'venv', '--without-pip', str(self.plan.home)],
                'making the venv',
            )
        for step in todo:
            self._step(step, shell)
        (self._stamps / 'complete').write_text('\n'.join(sorted(self._distributions())))
        shutil.rmtree(self.plan.scratch)
        self._say(f'the environment is ready ({clock(time.monotonic() - started)})')

    def _salvage(self) -> None:
        """Keep what earlier starts finished; drop what cannot be trusted."""
        complete = self._stamps / 'complete'
        if not self.plan.home.exists():
            return
        if not self._python_runs():
            self._say('the environment is broken (its Python does not run): making it again')
            shutil.rmtree(self.plan.home)
        elif not self._stamp(self.plan.steps[0]).is_file():
            shutil.rmtree(self.plan.home)  # perhaps with half a pip; cheap to repeat
        elif complete.is_file() and (
            gone := sorted(set(complete.read_text().split()) - self._distributions())
        ):
            self._say(f'missing from the environment: {", ".join(gone)}: repeating the steps')
            shutil.rmtree(self._stamps)
            self._stamps.mkdir()
            self._stamp(self.plan.steps[0]).write_text('kept\n')
        # pip writes RECORD last: without it, half a distribution would pass for a whole one.
        for half in self._site().glob('*.dist-info'):
            if not (half / 'RECORD').is_file():
                shutil.rmtree(half)

    def _step(self, step: Step, shell: Shell) -> None:
        label = f'[{self.plan.steps.index(step) + 1}/{len(self.plan.steps)}] {step.does}'
        self._say(f'{label} ({step.takes})')
        started = time.monotonic()
        for command in self.commands(step, self.plan):
            shell.run(command, step.does, step.takes, started)
        self._stamps.mkdir(exist_ok=True)
        seconds = time.monotonic() - started
        self._stamp(step).write_text(f'{seconds:.1f}\n')
        self._say(f'{label}: done in {clock(seconds)}')

    @contextlib.contextmanager
    def _locked(self, path: Path, why: str) -> Iterator[int]:
        with path.open('a') as lock:
            self._acquire(lock.fileno(), fcntl.LOCK_EX, why)
            yield lock.fileno()

    def _acquire(self, lock: int, how: int, why: str) -> None:
        begun, said_at = time.monotonic(), -self.news_every
        while True:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                waited = time.monotonic() - begun
                if waited - said_at >= self.news_every:
                    said_at = waited
                    self._say(f'{why} ({clock(waited)})')
                time.sleep(0.2)

    @property
    def _made_by_another(self) -> str:
        return (
            f'another start is making an environment in {self.plan.root}: waiting for it; '
            f'its log: {self.plan.log}'
        )

    @property
    def _in_use(self) -> str:
        return f'a command runs in {self.plan.home}, to which more is added: waiting for its end'

    def use(self) -> None:
        """Until this process ends, or the command that takes its place, nothing is added."""
        handle = os.open(self.plan.users, os.O_RDWR | os.O_CREAT, 0o644)
        os.set_inheritable(handle, True)
        self._acquire(handle, fcntl.LOCK_SH, self._made_by_another)

    def _empty(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def _python_runs(self) -> bool:
        if not os.access(self.plan.python, os.X_OK):
            return False
        bare = [str(self.plan.python), '-I', '-S', '-c', '']
        return subprocess.run(bare, check=False, capture_output=True).returncode == 0

    def _site(self) -> Path:
        version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
        return self.plan.home / 'lib' / version / 'site-packages'

    def _distributions(self) -> set[str]:
        return {path.name for path in self._site().glob('*.dist-info')}

    @property
    def _stamps(self) -> Path:
        return self.plan.home / '.steps'

    def _stamp(self, step: Step) -> Path:
        return self._stamps / step.name

    def _say(self, line: str) -> None:
        print(line, file=self.out, flush=True)
