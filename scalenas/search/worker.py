"""Who works on a study: the identity of a process, and whether it still lives."""

from __future__ import annotations

import os
import platform
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Worker:
    """A process on a machine. `started` tells it from a later process of the same id."""

    machine: str
    node: str
    pid: int
    started: str
    token: str

    def to_dict(self) -> dict[str, object]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return f'process {self.pid} on {self.node}'


def this_worker() -> Worker:
    """The identity of this process, with a fresh token."""
    pid = os.getpid()
    return Worker(_machine(), platform.node(), pid, _started(pid) or '', uuid.uuid4().hex)


def is_alive(worker: Worker) -> bool | None:
    """Whether the process runs; None when it is on another machine and cannot be seen."""
    if worker.machine != _machine():
        return None
    if worker.started:
        return _started(worker.pid) == worker.started
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    # Containers may share a host's name but not its process ids, hence the id of the namespace.
    parts = [platform.node()]
    for path, read in (
        ('/proc/sys/kernel/random/boot_id', lambda p: Path(p).read_text().strip()),
        ('/proc/self/ns/pid', os.readlink),
    ):
        try:
            parts.append(read(path))
        except OSError:
            parts.append('')
    return '/'.join(parts)


def _started(pid: int) -> str | None:
    """Start time in clock ticks; None for no such process, a zombie, or a system without /proc."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    fields = stat.rpartition(')')[2].split()
    return None if fields[0] in 'ZX' else fields[19]
