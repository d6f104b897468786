"""Files and folders that appear whole or not at all, and of which a kill leaves nothing for long.

What is being written stands beside its place, under a hidden name, locked by its writer. A kill
frees the lock and leaves the name; whoever stages in that folder next removes what nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # without locks nobody knows what is in use, so nothing is removed
    fcntl = None  # type: ignore[assignment]

STAGED = re.compile(r'\..+\.[0-9a-f]{32}\.staged(\.\w+)?')
"""Name of what is being written: `.NAME.RANDOM.staged`, with a suffix where a writer needs one."""


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Replaces the file at `path` at once: a reader, or a kill, finds the old one or the new."""
    data = content.encode() if isinstance(content, str) else content
    with staged_file(path) as part:
        part.write_bytes(data)


@contextlib.contextmanager
def staged_file(path: str | Path, suffix: str = '') -> Iterator[Path]:
    """An empty file to be filled, which then takes the place of `path`; gone after an error.

    What was filled in is on the disk before: after a loss of power, too, one of both is whole.

    Raises:
        OSError: when there is no room; then what was at `path` still is.
    """
    path = Path(path)
    with _staged(path.parent, path.name, suffix, folder=False) as (part, handle):
        yield part
        os.fsync(handle)
        os.replace(part, path)


@contextlib.contextmanager
def staged_folder(where: str | Path, name: str) -> Iterator[Path]:
    """An empty folder inside `where`, to be filled and moved; gone on exit if it is still there."""
    with _staged(Path(where), name, '', folder=True) as (part, _):
        yield part


def remove_leftovers(where: str | Path) -> None:
    """Removes from a folder what killed writers left; what is being written stays."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in list(Path(where).iterdir()):
            if STAGED.fullmatch(path.name):
                _remove_if_free(path)


@contextlib.contextmanager
def _staged(where: Path, name: str, suffix: str, folder: bool) -> Iterator[tuple[Path, int]]:
    remove_leftovers(where)
    # A file system takes names of 255 bytes, and a letter has up to 4.
    handle, path = _locked(where, name[:50], suffix, folder)
    try:
        yield path, handle
    finally:
        _remove(path)
        os.close(handle)


def _locked(where: Path, name: str, suffix: str, folder: bool) -> tuple[int, Path]:
    """Something new and empty, and the handle that holds its lock."""
    while True:
        path = where / f'.{name}.{uuid.uuid4().hex}.staged{suffix}'
        if folder:
            path.mkdir(mode=0o755)
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # somebody who cleans up was faster still
        else:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        # Before it was locked, somebody who cleans up may have taken it for a leftover.
        if path.exists():
            return handle, path
        os.close(handle)


def _remove_if_free(path: Path) -> None:
    if fcntl is None:
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return  # gone meanwhile, or somebody else's
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # in use, or on a file system without locks
    else:
        _remove(path)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
