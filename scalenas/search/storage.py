"""Where studies are kept: an SQLite file, a database server, or a journal file."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from scalenas.paths import writable_folder

from .record import SearchError

SQLITE = ('.db', '.sqlite', '.sqlite3')
JOURNAL = ('.journal', '.log')
LOCK_SECONDS = 60  # how long a writer waits for the other writers of an SQLite file
OPENING_TRIES = 10


class StudyError(SearchError):
    """A study that cannot be opened or does not fit: the message is one line for the user."""


def open_storage(where: str, create: bool = True) -> BaseStorage:
    """The storage at a path (.db: SQLite, .journal: journal file) or an SQLAlchemy URL.

    Raises:
        StudyError: for an unknown kind, a missing or damaged file, an unreachable server.
    """
    if create:
        check_place(where)
    if '://' in where:
        return _database(where)
    path = Path(where)
    if not create and not path.is_file():
        raise StudyError(f'storage {where}: no such file; expected the study of a search')
    if path.suffix not in SQLITE:
        return _journal(path)
    # Optuna formats the URL.
    return _database('sqlite:///' + str(path).replace('{', '{{').replace('}', '}}'))


def check_place(where: str) -> None:
    """Pass when a storage at this path can be; makes its folder. URLs are left to the server.

    Raises:
        UserError: for an unknown kind of file, or a folder that cannot be written.
    """
    if '://' in where:
        return
    path = Path(where)
    if path.suffix not in SQLITE + JOURNAL:
        raise StudyError(
            f'storage {where}: expected a file ending in {" ".join(SQLITE)} (SQLite) or '
            f'{" ".join(JOURNAL)} (journal), or a URL such as postgresql://user@host/name'
        )
    writable_folder(path.parent)


def shown(where: str) -> str:
    """The storage for messages and logs: without a password."""
    if '://' not in where:
        return where
    try:
        return sqlalchemy.make_url(where).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return where.partition('://')[0] + '://...'


def _database(url: str) -> BaseStorage:
    kwargs = (
        {'connect_args': {'timeout': LOCK_SECONDS}}
        if url.startswith('sqlite')
        else {'pool_pre_ping': True}  # an evaluation may outlast the server's patience
    )
    for remaining in reversed(range(OPENING_TRIES)):
        try:
            # The wrapper that keeps finished trials in memory; what create_study uses as well.
            return optuna.storages.get_storage(RDBStorage(url, engine_kwargs=kwargs))
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # Processes that start together race for creating the tables; the losers look again.
            racing = isinstance(
                error,
                sqlalchemy.exc.OperationalError
                | sqlalchemy.exc.IntegrityError
                | sqlalchemy.exc.ProgrammingError
                | optuna.exceptions.StorageInternalError,
            )
            if not racing or not remaining:
                raise StudyError(
                    f'storage {shown(url)}: cannot be opened: {one_line(error)}'
                ) from None
            time.sleep(random.SystemRandom().uniform(0.05, 0.3))
        except (ImportError, RuntimeError) as error:
            raise StudyError(f'storage {shown(url)}: {one_line(error)}') from None
    raise AssertionError('unreachable')


def _journal(path: Path) -> BaseStorage:
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError, AssertionError, OSError) as error:
        kind = 'not a journal' if isinstance(error, json.JSONDecodeError) else 'damaged journal'
        raise StudyError(f'storage {path}: {kind}: {one_line(error)}') from None


def one_line(error: BaseException) -> str:
    """What the database says itself."""
    cause = error.__cause__ or error
    origin = getattr(cause, 'orig', None) or cause
    return ' '.join(str(origin).split())[:200] or type(origin).__name__
