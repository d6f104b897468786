"""A chain of commands that can be stopped anywhere and goes on with the first unfinished one."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalenas.errors import UserError, unwritable
from scalenas.paths import resource, writable_folder
from scalenas.staging import write_whole

SHORT_SPIN = {'GOMP_SPINCOUNT': '2000'}
"""Threads spin shortly for each other, then sleep. With OpenMP's long default, a small network's
training becomes many times slower as soon as any other process needs one of the cores."""

ONE_THREAD = {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
"""Runs side by side do not fight for cores, nor do their numbers depend on how many there are."""


@dataclass(frozen=True)
class Step:
    """One command, the files whose content decides whether it must run again, what it makes."""

    title: str
    command: tuple[str, ...]
    needs: tuple[Path, ...] = ()
    makes: tuple[Path, ...] = ()
    resume: tuple[str, ...] = field(default=())
    """Arguments that are added when the step was begun before and not finished."""
    share: float = 0.0
    """Above 0, the step may run beside its neighbours that also may and do not make what it needs,
    with one thread, its output in a file; how long it takes, in any unit, tells the time left."""
    effort: float = 0.0
    """How long a step takes that runs alone, in any unit, for the time left."""
    given: str = ''
    """What else decides whether it must run again, such as a config with all that it inherits."""

    def fingerprint(self) -> str:
        """Changes with the command, with the content of what it needs and with what is given."""
        digest = hashlib.sha256((json.dumps(self.command) + self.given).encode())
        for path in self.needs:
            digest.update(path.read_bytes() if path.is_file() else b'missing')
        return digest.hexdigest()


def tool_command(tool: str | Path, *args: object) -> tuple[str, ...]:
    """A command that runs a tool with this Python; a bare name is one of this package's tools."""
    path = resource(f'tools/{tool}') if isinstance(tool, str) else tool
    return (sys.executable, str(path), *map(str, args))


def run_steps(
    steps: Sequence[Step], stamps: Path, before: int = 0, after: Sequence[float] = ()
) -> float:
    """Runs what is not done yet, in order; returns the seconds that took.

    `before` is the number of steps of the same chain that ran before, `after` has the effort of
    each that comes after.

    `stamps` is a folder with one small file per finished step. Of two runs with one folder the
    second waits, also for a command that outlived a run that was killed: two trainings would write
    the same files.

    Raises:
        UserError: when a command fails; names it and how to go on.
    """
    writable_folder(stamps)
    with _locked(stamps) as lock:
        return _run_steps(steps, stamps, lock, before, after)


def _run_steps(
    steps: Sequence[Step], stamps: Path, lock: int, before: int, after: Sequence[float]
) -> float:
    start, count = time.monotonic(), before + len(steps) + len(after)
    tasks = [
        Task(step, stamps / f'{n:02d}.json', f'[{before + n}/{count}] {step.title}', lock)
        for n, step in enumerate(steps, 1)
    ]
    left = sum(step.effort for step in steps) + sum(after)
    for beside, group in itertools.groupby(tasks, lambda task: task.step.share > 0):
        if beside:
            run_beside(list(group))
            continue
        for task in group:
            left -= task.step.effort
            if task.kept():
                continue
            task.begin()
            seconds = task.wait()
            total = time.monotonic() - start
            shown = f'{total / 60:.1f} min in all'
            if task.step.effort and left > 0:
                shown += f', about {seconds / task.step.effort * left / 60:.0f} min left'
            print(f'{task.head}: {seconds:.0f} s ({shown})', flush=True)
    return time.monotonic() - start


@contextmanager
def _locked(stamps: Path, news_every: float = 30.0) -> Iterator[int]:
    """The descriptor of a lock that commands inherit: it is held as long as any of them runs."""
    try:
        opened = (stamps / 'lock').open('a')
    except OSError as error:
        raise unwritable(stamps / 'lock', error, UserError) from None
    with opened as lock:
        said_at = float('-inf')
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said_at >= news_every:
                    said_at = time.monotonic()
                    print(
                        f'another run, or a command that is left of one, holds {lock.name}: '
                        'waiting for its end',
                        flush=True,
                    )
                time.sleep(0.2)
            except OSError as error:  # some network file systems have no locks
                print(f'{lock.name}: {error.strerror}: do not start this twice', flush=True)
                break
        yield lock.fileno()


def run_beside(tasks: Sequence[Task], slots: int = 2, poll: float = 0.2) -> None:
    """Runs what is not done yet, `slots` at a time, and says how much time is left.

    A step waits for those before it that make what it needs.

    Raises:
        UserError: when a command fails; the others that run are ended, and resumed next time.
    """
    waiting, running = list(tasks), list[Task]()
    every = left = sum(task.step.share for task in waiting)
    start = time.monotonic()
    try:
        while waiting or running:
            while len(running) < slots and (task := _ready(waiting, running)):
                waiting.remove(task)
                if task.kept():
                    every, left = every - task.step.share, left - task.step.share
                    continue
                running.append(task)
                task.begin(ONE_THREAD)
            time.sleep(poll)
            for task in [task for task in running if task.ended()]:
                seconds = task.wait()
                running.remove(task)
                left -= task.step.share
                ahead = (time.monotonic() - start) * max(0.0, left) / (every - left)
                print(f'{task.head}: {seconds:.0f} s, about {ahead / 60:.0f} min left', flush=True)
    finally:
        for task in running:
            task.end()


def _ready(waiting: Sequence[Task], running: Sequence[Task]) -> Task | None:
    """The first that waits, and needs nothing that another one is still to make."""
    coming = {path for task in running for path in task.step.makes}
    for task in waiting:
        if coming.isdisjoint(task.step.needs):
            return task
        coming.update(task.step.makes)
    return None


@dataclass
class Task:
    """A step of a chain: where its stamp lies, how it is called on the screen, and a descriptor
    that its command inherits."""

    step: Step
    stamp: Path
    head: str
    lock: int
    _process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _fingerprint: str = ''

    @property
    def log(self) -> Path:
        """Where the output goes of a step that runs beside others."""
        return self.stamp.with_suffix('.log')

    def kept(self) -> bool:
        """True when the step was done before, as it is now; says so."""
        known = self._known()
        fingerprint = self.step.fingerprint()
        if known.get('done') != fingerprint or not all(p.exists() for p in self.step.makes):
            return False
        print(f'{self.head}: done before ({known["seconds"]:.0f} s)', flush=True)
        return True

    def begin(self, threads: Mapping[str, str] | None = None) -> None:
        """Starts the command; with `threads` its output goes into `log`."""
        step = self.step
        shown = ' '.join(_shown(part) for part in step.command)
        print(f'{self.head}\n    $ {shown}', flush=True)
        self._fingerprint = step.fingerprint()
        begun = self._known().get('begun') == self._fingerprint
        self._write({'begun': self._fingerprint})
        self._began = time.monotonic()
        command = [*step.command, *(step.resume if begun else ())]
        env = {**SHORT_SPIN, **os.environ, **(threads or {})}
        if threads is None:
            self._process = subprocess.Popen(command, env=env, pass_fds=(self.lock,))
            return
        with self.log.open('ab') as out:
            self._process = subprocess.Popen(
                command, env=env, stdout=out, stderr=out, pass_fds=(self.lock,)
            )

    def ended(self) -> bool:
        """True when the command is over."""
        return self._process is not None and self._process.poll() is not None

    def end(self) -> None:
        """Ends the command, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def wait(self) -> float:
        """The seconds that the step took, once it is over and well.

        Raises:
            UserError: when it failed.
        """
        assert self._process is not None
        try:
            code = self._process.wait()
        except BaseException:
            self.end()
            raise
        seconds = time.monotonic() - self._began
        where = f'step {self.stamp.stem.lstrip("0")} ({self.step.title})'
        if code:
            above = f'in {self.log}' if self.step.share else 'above'
            raise UserError(
                f'ended with exit code {code}',
                where=where,
                hint=f'mend the cause {above} and give the same command again: finished steps are '
                'kept',
            )
        for path in self.step.makes:
            if not path.exists():
                raise UserError(f'ended well but made no {path}', where=where)
        self._write({'done': self._fingerprint, 'seconds': seconds})
        return seconds

    def _known(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.stamp.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # one that was cut off says nothing
            return {}

    def _write(self, what: Mapping[str, Any]) -> None:
        write_whole(self.stamp, json.dumps(what))


def _shown(part: str) -> str:
    return 'python' if part == sys.executable else part
