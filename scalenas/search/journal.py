"""Studies in a journal file, written such that a kill, a full disk or a cut line costs nothing.

Optuna's readers pass over a last line that has no end; its writers append to it, and then nobody
can read the file. Here a writer first looks how the file ends, under the lock, and takes back
what it could not write as a whole.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import LOCK_FILE_SUFFIX, BaseJournalFileLock

from .news import FollowedJournal
from .record import StudyError
from .recovery import BEGIN, Recovery, is_record
from .worker import Worker, is_alive, this_worker

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

LOCK_SECONDS = 30  # after which a lock that nobody is known to hold is taken over
CUT = '.cut'
OWNER = '.owner'


def open_journal(path: Path, create: bool) -> BaseStorage:
    """The storage in a journal file, mended if it is damaged and `create` is set.

    Raises:
        StudyError: when the file is not a journal, or is damaged while others work with it.
    """
    # Absolute, for the lock is a link to it: one that points nowhere is never taken over.
    backend: BaseJournalBackend
    if create:
        backend = MendingJournal(str(path.absolute()))
        backend.recover()
    else:
        recovery = Recovery(path.read_bytes(), path)
        if recovery.is_needed:
            logger.warning(
                'storage %s: %s; reading what can be read, and the next search that writes to it '
                'mends it',
                path,
                recovery.summary,
            )
        backend = _Lines(recovery.lines) if recovery.is_needed else _ReadOnly(str(path.absolute()))
    try:
        return FollowedJournal(backend)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise StudyError(
            f'damaged journal: {type(error).__name__}: {" ".join(str(error).split())[:200]}',
            where=f'storage {path}',
        ) from None


class MendingJournal(JournalFileBackend):
    """A journal that is whole after each write, or as it was before."""

    def __init__(self, path: str) -> None:
        super().__init__(path, OwnedLock(path))
        self._path = Path(path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write whole lines after a whole line, or raise and write nothing."""
        lines = ''.join(json.dumps(log, separators=(',', ':')) + '\n' for log in logs)
        with self._locked() as file:
            end = self._mend_end(file)
            _append(file, lines.encode(), end)

    def recover(self) -> None:
        """Mend what is damaged; a copy of the file as it was is kept next to it.

        Raises:
            StudyError: when the file is not a journal, or others work with it.
        """
        with self._locked() as file:
            self._mend_end(file)
            recovery = Recovery(self._path.read_bytes(), self._path)
            if not recovery.is_needed:
                return
            me = this_worker()
            for worker in recovery.workers():
                is_me = (worker.pid, worker.started) == (me.pid, me.started)
                if not is_me and is_alive(worker):
                    raise StudyError(
                        f'{recovery.summary}, while {worker} works with it',
                        where=f'storage {self._path}',
                        hint='end that, then give the same command again: it mends the file',
                    )
            kept = recovery.write()
        logger.warning(
            'storage %s: %s; the file as it was is kept as %s',
            self._path,
            recovery.summary,
            kept.name,
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        self._lock.acquire()
        try:
            # Not created: a file that is gone is an error, and must not be replaced by half of one.
            file = os.open(self._path, os.O_RDWR | os.O_APPEND)
            try:
                yield file
            finally:
                os.close(file)
        finally:
            self._lock.release()

    def _mend_end(self, file: int) -> int:
        """Complete the last line, or move what is there of it aside; the size of the file."""
        size = os.fstat(file).st_size
        if not size or os.pread(file, 1, size - 1) == b'\n':
            return size
        start = _line_start(file, size)
        half = os.pread(file, size - start, start)
        if is_record(half):  # only its end is missing
            _append(file, b'\n', size)
            return size + 1
        before = os.pread(file, start, 0).split(b'\n')
        if not (any(map(is_record, before)) if start else half.startswith(BEGIN)):
            return size  # another program's file; the recovery says so
        with open(f'{self._path}{CUT}', 'ab') as aside:
            aside.write(half + b'\n')
            aside.flush()
            os.fsync(aside.fileno())
        os.ftruncate(file, start)
        logger.warning(
            'storage %s: the last line was cut off while it was written; its %d bytes were moved '
            'to %s',
            self._path,
            len(half),
            self._path.name + CUT,
        )
        return start


class OwnedLock(BaseJournalFileLock):
    """Optuna's lock, taken over at once from a process of this machine that is gone.

    Optuna waits 30 s for such a one, and then two that waited may both go on. Beside its link,
    which keeps other programs out, the system's own lock orders our processes, and who is inside
    leaves a note of who it is.
    """

    def __init__(self, path: str) -> None:
        self._file, self._note = path, Path(path + OWNER)
        self._link = JournalFileSymlinkLock(path, LOCK_SECONDS)
        self._held: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._held = self._system_lock()
        try:
            self._unlink_if_gone()
            # Before the link, so there is no moment in which nobody knows whose it is; on a full
            # disk it is a lock without a note.
            with contextlib.suppress(OSError):
                self._note.write_text(json.dumps(this_worker().to_dict()))
            return self._link.acquire()
        except BaseException:
            self._let_go()
            raise

    def release(self) -> None:
        """Give the lock back."""
        try:
            self._link.release()
        except RuntimeError:
            # Somebody took us for dead; what was written is whole, the system's lock was ours.
            logger.warning('lock %s%s: was taken over', self._file, LOCK_FILE_SUFFIX)
        finally:
            with contextlib.suppress(OSError):
                self._note.unlink()
            self._let_go()

    def _system_lock(self) -> int | None:
        while fcntl is not None:
            file = os.open(self._file, os.O_RDONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_ino == os.stat(self._file).st_ino:
                    return file
                os.close(file)  # mended meanwhile, so it is another file now
            except OSError as error:
                os.close(file)
                # A file system without such locks, as some networks': the link has to do.
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                    raise
                return None
            except BaseException:
                os.close(file)
                raise
        return None

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _unlink_if_gone(self) -> None:
        link = self._file + LOCK_FILE_SUFFIX
        if self._held is None or not os.path.lexists(link):
            return
        try:
            owner = Worker(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return
        if is_alive(owner) is False:
            logger.info('lock %s: %s is gone; taken over', link, owner)
            with contextlib.suppress(OSError):
                os.unlink(link)


class _ReadOnly(JournalFileBackend):
    """For reports: whatever writes is a fault of ours."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise AssertionError('a study that was opened for reading')


class _Lines(BaseJournalBackend):
    """A journal of given lines."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        for line in self._lines[log_number_from:]:
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise AssertionError('a study that was opened for reading')


def _append(file: int, data: bytes, end: int) -> None:
    """Write all of it at the end, safe from a power cut; or raise, with the file as it was."""
    try:
        done = 0
        while done < len(data):
            done += os.write(file, data[done:])
        os.fsync(file)
    except BaseException:
        os.ftruncate(file, end)
        raise


def _line_start(file: int, size: int) -> int:
    """Where the last line begins."""
    start, block = size, 65536
    while start > 0:
        begin = max(0, start - block)
        newline = os.pread(file, start - begin, begin).rfind(b'\n')
        if newline >= 0:
            return begin + newline + 1
        start = begin
    return 0
