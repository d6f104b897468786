"""Where studies are kept (SQLite, database server, journal file), and waiting for a lost one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage

from scalenas.paths import writable_folder

from .databases import is_away, is_url, open_database, open_sqlite, shown
from .journal import open_journal
from .record import SearchError, StudyError, one_line

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1800.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
REMIND_SECONDS = 60.0
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)

P = ParamSpec('P')
T = TypeVar('T')


class StorageAwayError(StudyError):
    """A storage that did not come back: the message is one line for the user."""


def as_wait(seconds: float | None) -> float:
    """How long to wait, as the command line says; the usual time for None.

    Raises:
        SearchError: for what is no time.
    """
    if seconds is None:
        return WAIT_SECONDS
    if not 0.0 <= seconds < 1e9:
        raise SearchError(where='--storage-wait', got=seconds, allowed='seconds, at least 0')
    return seconds


class Patience:
    """Calls of a storage, each repeated while the storage is away, for so many seconds.

    Attributes:
        seconds: how long one call may wait.
        last_failure: when the storage was last seen to be away, by `time.monotonic()`.
    """

    def __init__(self, where: str, seconds: float) -> None:
        self.where, self.seconds = shown(where), seconds
        self.last_failure = float('-inf')

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, once it does.

        Raises:
            StorageAwayError: when the storage did not come back in time.
            StudyError: when it is damaged.
        """
        start = time.monotonic()
        pause = 0.0
        reminded: float | None = None
        while True:
            try:
                result = self._once(call, *args, **kwargs)
            except StorageAwayError as error:
                now = time.monotonic()
                left = start + self.seconds - now
                if left <= 0:
                    raise self._gave_up(error, now - start) from None
                if reminded is None or now - reminded >= REMIND_SECONDS:
                    reminded = now
                    logger.warning(
                        'storage %s: %s; waiting for it for up to %s',
                        self.where,
                        error.problem,
                        timedelta(seconds=round(left)),
                    )
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
                time.sleep(min(pause, left))
            else:
                if reminded is not None:
                    away = timedelta(seconds=round(time.monotonic() - start))
                    logger.warning('storage %s: is there again after %s', self.where, away)
                return result

    def once(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, without waiting.

        Raises:
            StudyError: when the storage is away or damaged.
        """
        return self._once(call, *args, **kwargs)

    def _once(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except StudyError:
            raise
        except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, *DAMAGED, OSError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) else error
            if is_away(cause):
                self.last_failure = time.monotonic()
                raise StorageAwayError(one_line(error), where=f'storage {self.where}') from error
            raise StudyError(
                f'is damaged: {type(cause).__name__}: {one_line(error)}',
                where=f'storage {self.where}',
                hint='what is kept there can be read no further',
            ) from error

    def _gave_up(self, error: StorageAwayError, waited: float) -> StorageAwayError:
        after = f' (waited {timedelta(seconds=round(waited))})' if self.seconds else ''
        return StorageAwayError(
            f'{error.problem}{after}',
            where=error.where,
            hint='give the same command again when the storage is there: it goes on',
        )


SQLITE = ('.db', '.sqlite', '.sqlite3')
JOURNAL = ('.journal', '.log')


def open_storage(where: str, create: bool = True) -> BaseStorage:
    """The storage at a path (.db: SQLite, .journal: journal file) or a database's URL.

    With `create`, what a killed writer left half done is mended. Without, nothing is written.

    Raises:
        StudyError: for an unknown kind, a missing or damaged file, an unreachable server.
    """
    check_place(where, create)
    if is_url(where):
        return open_database(where, create)
    path = Path(where)
    if not create and not path.is_file():
        allowed = 'the study of a search'
        raise StudyError('no such file', where=f'storage {where}', allowed=allowed)
    try:
        return (open_sqlite if path.suffix in SQLITE else open_journal)(path, create)
    except OSError as error:
        raise StudyError(f'cannot be opened: {error.strerror}', where=f'storage {where}') from None


def check_place(where: str, create: bool = True) -> None:
    """Pass when a storage at this path can be; makes its folder. URLs are left to the server.

    Raises:
        UserError: for an unknown kind of file, or a folder that cannot be written.
    """
    if is_url(where):
        return
    path = Path(where)
    if path.suffix not in SQLITE + JOURNAL or '\0' in where:
        raise StudyError(
            where=f'storage {where}',
            allowed=f'a file ending in {" ".join(SQLITE)} (SQLite) or {" ".join(JOURNAL)} '
            '(journal), or a URL such as postgresql://user@host/name',
        )
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that is too long
        raise StudyError(f'cannot be: {error.strerror}', where=f'storage {where}') from None
    if is_folder:
        raise StudyError('is a folder', where=f'storage {where}', allowed='a file')
    if create:
        writable_folder(path.parent)
