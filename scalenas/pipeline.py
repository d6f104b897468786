"""A chain of commands that can be stopped anywhere and goes on with the first unfinished one."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scalenas.errors import UserError

SHORT_SPIN = {'GOMP_SPINCOUNT': '2000'}
"""Threads spin shortly for each other, then sleep. With OpenMP's long default, a small network's
training becomes many times slower as soon as any other process needs one of the cores."""


@dataclass(frozen=True)
class Step:
    """One command, the files whose content decides whether it must run again, what it makes."""

    title: str
    command: tuple[str, ...]
    needs: tuple[Path, ...] = ()
    makes: tuple[Path, ...] = ()
    resume: tuple[str, ...] = field(default=())
    """Arguments that are added when the step was begun before and not finished."""

    def fingerprint(self) -> str:
        """Changes with the command and with the content of what it needs."""
        digest = hashlib.sha256(json.dumps(self.command).encode())
        for path in self.needs:
            digest.update(path.read_bytes() if path.is_file() else b'missing')
        return digest.hexdigest()


def run_steps(steps: Sequence[Step], stamps: Path) -> float:
    """Runs what is not done yet, in order; returns the seconds that took.

    `stamps` is a folder with one small file per finished step.

    Raises:
        UserError: when a command fails; names it and how to go on.
    """
    stamps.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for n, step in enumerate(steps, 1):
        stamp = stamps / f'{n:02d}.json'
        head = f'[{n}/{len(steps)}] {step.title}'
        known = json.loads(stamp.read_text()) if stamp.is_file() else {}
        fingerprint = step.fingerprint()
        if known.get('done') == fingerprint and all(path.exists() for path in step.makes):
            print(f'{head}: done before ({known["seconds"]:.0f} s)', flush=True)
            continue
        print(f'{head}\n    $ {" ".join(_shown(part) for part in step.command)}', flush=True)
        begun = known.get('begun') == fingerprint
        stamp.write_text(json.dumps({'begun': fingerprint}))
        began = time.monotonic()
        command = [*step.command, *(step.resume if begun else ())]
        result = subprocess.run(command, check=False, env={**SHORT_SPIN, **os.environ})
        seconds = time.monotonic() - began
        if result.returncode:
            raise UserError(
                f'step {n} ({step.title}) ended with exit code {result.returncode}; mend the cause '
                'above and give the same command again: finished steps are kept'
            )
        for path in step.makes:
            if not path.exists():
                raise UserError(f'step {n} ({step.title}) ended well but made no {path}')
        stamp.write_text(json.dumps({'done': fingerprint, 'seconds': seconds}))
        total = time.monotonic() - start
        print(f'{head}: {seconds:.0f} s ({total / 60:.1f} min in all)', flush=True)
    return time.monotonic() - start


def _shown(part: str) -> str:
    return 'python' if part == sys.executable else part
