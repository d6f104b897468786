"""A PostgreSQL server of one's own, in a temporary folder, for whoever runs the tests."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDERS = [*sorted(glob.glob('/usr/lib/postgresql/*/bin'), reverse=True), os.environ['PATH']]
INITDB = shutil.which('initdb', path=os.pathsep.join(FOLDERS))
OWNERS = ('postgres', 'nobody')
"""Who may own the server where root runs the tests: it refuses to run as root."""


class Server:
    """A server that can be stopped and started again."""

    def __init__(self, folder: Path, owner: str | None) -> None:
        assert INITDB is not None
        self._folder, self._owner, self._binaries = folder, owner, Path(INITDB).parent
        self._run(INITDB, '-D', self._data, '-A', 'trust', '-U', 'tester', '--no-sync')

    @property
    def url(self) -> str:
        """As docs/own_project.md has it, at a socket in the server's folder."""
        return f'postgresql://tester@/postgres?host={self._folder}'

    @property
    def _data(self) -> str:
        return str(self._folder / 'data')

    def start(self) -> None:
        """Until it takes connections."""
        options = f"-k {self._folder} -c listen_addresses=''"
        self._control('-l', str(self._folder / 'log'), '-o', options, 'start')

    def stop(self, mode: str = 'immediate') -> None:
        """As a crash does; what was committed is there again after a start."""
        self._control('-m', mode, 'stop')

    def _control(self, *args: str) -> None:
        self._run(self._binaries / 'pg_ctl', '-D', self._data, '-w', *args)

    def _run(self, *command: str | Path) -> None:
        other = ['runuser', '-u', self._owner, '--'] if self._owner else []
        done = subprocess.run(
            [*other, *map(str, command)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running_server() -> Iterator[Server]:
    """A server while it lasts, in a folder that its owner can reach and nobody else needs."""
    owner = None
    if os.getuid() == 0:
        known = {user.pw_name for user in pwd.getpwall()}
        owner = next(name for name in OWNERS if name in known)
    # Not pytest's folder: that is closed to other users, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix='pg') as name:
        folder = Path(name)
        if owner is not None:
            os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
        server = Server(folder, owner)
        server.start()
        try:
            yield server
        finally:
            server.stop()
