"""Studies in a database: which driver a URL means, and an SQLite file by its path."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import logging
import random
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage
from optuna.storages._cached_storage import _CachedStorage
from sqlalchemy.engine import URL

from .news import FollowedDatabase
from .record import StudyError, one_line

logger = logging.getLogger(__name__)

LOCK_SECONDS = 60  # how long a writer waits for the other writers of an SQLite file
OPENING_TRIES = 10
OPENING_SECONDS = 12.0  # for a server that starts; longer is rather a mistake in its URL
OLD_NAMES = {'postgres': 'postgresql'}

DRIVERS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    'postgresql': (
        ('psycopg2', 'psycopg2', 'psycopg2-binary'),
        ('psycopg', 'psycopg', 'psycopg[binary]'),
        ('pg8000', 'pg8000', 'pg8000'),
    ),
    'mysql': (
        ('mysqldb', 'MySQLdb', 'mysqlclient'),
        ('pymysql', 'pymysql', 'PyMySQL'),
        ('mysqlconnector', 'mysql.connector', 'mysql-connector-python'),
    ),
    'mariadb': (
        ('mysqldb', 'MySQLdb', 'mysqlclient'),
        ('pymysql', 'pymysql', 'PyMySQL'),
        ('mariadbconnector', 'mariadb', 'mariadb'),
    ),
    'oracle': (('oracledb', 'oracledb', 'oracledb'), ('cx_oracle', 'cx_Oracle', 'cx_Oracle')),
    'mssql': (('pyodbc', 'pyodbc', 'pyodbc'), ('pymssql', 'pymssql', 'pymssql')),
}
"""Database -> its drivers (SQLAlchemy's name, module, package to install), the tested one first.

SQLAlchemy has one driver of its own choice per database, which need not be the installed one.
"""

LIBPQ = {
    'connect_timeout': 10,
    'keepalives_idle': 30,
    'keepalives_interval': 10,
    'keepalives_count': 3,
}
"""Of psycopg and psycopg2: without them a lost connection is noticed after hours."""


AWAY = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.InternalError,
    sqlalchemy.exc.DisconnectionError,
    sqlalchemy.exc.TimeoutError,
    # Of a connection that was lost a moment ago, in the middle of something.
    sqlalchemy.exc.PendingRollbackError,
    sqlalchemy.exc.ResourceClosedError,
    OSError,
)
"""What a storage that is away answers: a server that stops or starts, a disk that is full."""


OTHER_TABLES = ('no such table', 'no such column', 'has no column named')
"""What SQLite says of tables that are not a study's, by the error that also means a full disk."""


def is_url(where: str) -> bool:
    """True for a URL, False for a path (which may well hold '://')."""
    return re.match(r'[A-Za-z][A-Za-z0-9+_.-]*://', where) is not None


def shown(where: str) -> str:
    """The storage for messages and logs: without a password."""
    if not is_url(where):
        return where
    try:
        return sqlalchemy.make_url(where).render_as_string(hide_password=True)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return where.partition('://')[0] + '://...'


def database_url(where: str) -> URL:
    """The URL, with an installed driver of its database.

    Raises:
        StudyError: for what is no URL or no database, or when no driver is installed.
    """
    try:
        url = sqlalchemy.make_url(where)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise StudyError(
            where=f'storage {shown(where)}', problem='not a URL such as postgresql://user@host/name'
        ) from None
    database, _, driver = url.drivername.partition('+')
    database = OLD_NAMES.get(database, database)
    rows = DRIVERS.get(database, ())
    if driver:
        package = {name: package for name, _, package in rows}.get(driver)
        module = {name: module for name, module, _ in rows}.get(driver)
        if module is not None and not _is_installed(module):
            raise StudyError(
                f'the driver {driver} is not installed',
                where=f'storage {shown(where)}',
                hint=f'pip install {package}',
            )
        return url.set(drivername=f'{database}+{driver}')
    if database == 'sqlite':
        return url
    if not rows:
        raise StudyError(
            where=f'storage {shown(where)}', got=database, allowed=[*DRIVERS, 'sqlite']
        )
    for name, module, _ in rows:
        if _is_installed(module):
            return url.set(drivername=f'{database}+{name}')
    raise StudyError(
        f'no driver for {database} is installed',
        where=f'storage {shown(where)}',
        hint=f'pip install {rows[0][2]}',
    )


def open_database(where: str, create: bool) -> BaseStorage:
    """The storage at a URL.

    Raises:
        StudyError: when it cannot be reached, or is not what it should be.
    """
    url = database_url(where)
    if url.get_backend_name() == 'sqlite':
        if url.database in (None, '', ':memory:') or 'mode=memory' in str(url):
            raise StudyError(
                'a study in memory is lost with its process',
                where=f'storage {where}',
                hint='name a file, such as sqlite:///study.db',
            )
        if not url.query:
            assert url.database is not None
            return open_sqlite(Path(url.database), create)
        return _open(where, url, {'connect_args': {'timeout': LOCK_SECONDS}}, create)
    _check_host(where, url)
    given: dict[str, object] = {}
    if url.get_driver_name() in ('psycopg', 'psycopg2'):
        given = {name: value for name, value in LIBPQ.items() if name not in url.query}
    # An evaluation may outlast the server's patience.
    return _open(where, url, {'pool_pre_ping': True, 'connect_args': given}, create)


def uncached(storage: BaseStorage) -> BaseStorage:
    """The storage without the memory that Optuna puts before a database.

    That knows a trial by its number alone.
    """
    return storage._backend if isinstance(storage, _CachedStorage) else storage


def open_sqlite(path: Path, create: bool) -> BaseStorage:
    """The storage in a file, which may have any name; without `create` nothing is added to it.

    Raises:
        StudyError: when the file is damaged, not SQLite, or (without `create`) holds no study.
    """
    if create:
        with contextlib.suppress(FileExistsError), open(path, 'xb'):
            pass

    connect = connector(path)
    _check_file(path, connect, create)
    # The path is not in the URL: there '?', '%' and braces mean something.
    return _open(str(path), URL.create('sqlite', database='study'), {'creator': connect}, create)


def connector(path: Path) -> Callable[[], sqlite3.Connection]:
    """Connects to the file at this very path, with any letters, which must be there."""
    # By URI, as only that way a file that is gone is not made anew.
    place = path.absolute().as_uri() + '?mode=rw'
    return lambda: sqlite3.connect(place, timeout=LOCK_SECONDS, check_same_thread=False, uri=True)


def _check_file(path: Path, connect: Callable[[], sqlite3.Connection], create: bool) -> None:
    where = f'storage {path}'
    try:
        with contextlib.closing(connect()) as connection:
            # Rolls back what a killed writer left half done, and finds pages that are cut off.
            answer = connection.execute('PRAGMA quick_check(1)').fetchone()[0]
            tables = {row[0] for row in connection.execute('SELECT name FROM sqlite_master')}
    except sqlite3.OperationalError as error:
        raise StudyError(f'cannot be opened: {one_line(error)}', where=where) from None
    except sqlite3.DatabaseError as error:
        answer = one_line(error)
    if answer != 'ok':
        raise StudyError(
            f'the file is damaged or not SQLite ({" ".join(str(answer).split())[:200]})',
            where=where,
            hint=f'sqlite3 {path.name} .recover may read what is left of it; or name another',
        )
    if not create and 'studies' not in tables:
        raise StudyError('holds no study', where=where)


def is_away(error: BaseException | None) -> bool:
    """True for what may pass; a file that is damaged, or no study's, stays so."""
    if isinstance(error, UnicodeError) or any(words in str(error) for words in OTHER_TABLES):
        return False
    if isinstance(error, AWAY):
        return True
    # psycopg2 has its base class for a server that went away; of SQLite that is a damaged file.
    return isinstance(error, sqlalchemy.exc.DBAPIError) and (
        error.connection_invalidated
        or (
            type(error.orig) is not sqlite3.DatabaseError
            and type(error) is sqlalchemy.exc.DatabaseError
        )
    )


def opening_seconds(where: str) -> float:
    """How long to wait for a storage that is to be opened: a server may be about to start."""
    return OPENING_SECONDS if is_url(where) and not where.startswith('sqlite') else 0.0


def _check_host(where: str, url: URL) -> None:
    if url.host and not url.host.startswith('/'):
        try:
            socket.getaddrinfo(url.host, None)
        except (OSError, UnicodeError):
            raise StudyError(
                'there is no such host', where=f'storage {shown(where)}', got=url.host
            ) from None


def _open(where: str, url: URL, kwargs: dict[str, Any], create: bool) -> BaseStorage:
    # Optuna formats the URL.
    text = url.render_as_string(hide_password=False).replace('{', '{{').replace('}', '}}')
    seconds = opening_seconds(where)
    start, logged = time.monotonic(), False
    for tried in itertools.count(1):
        try:
            backend = FollowedDatabase(text, engine_kwargs=kwargs, skip_table_creation=not create)
            # The wrapper that keeps finished trials in memory; what create_study uses as well.
            return optuna.storages.get_storage(backend)
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # Processes that start together race for creating the tables; the losers look again.
            away = is_away(error)
            racing = create and isinstance(
                error,
                sqlalchemy.exc.IntegrityError
                | sqlalchemy.exc.ProgrammingError
                | optuna.exceptions.StorageInternalError,
            )
            left = start + seconds - time.monotonic()
            # A server that is away is tried for a time; who answers, so often.
            tired = left <= 0 if seconds and away else tried >= OPENING_TRIES
            if not (racing or away) or tired:
                raise StudyError(
                    f'cannot be opened: {one_line(error)}', where=f'storage {shown(where)}'
                ) from None
            if seconds and away and not logged and tried >= OPENING_TRIES:
                logged = True
                logger.warning(
                    'storage %s: %s; waiting for it for up to %d s',
                    shown(where),
                    one_line(error),
                    left,
                )
            time.sleep(random.SystemRandom().uniform(0.05, 0.3))
        except (ImportError, RuntimeError, LookupError, TypeError, ValueError) as error:
            raise StudyError(
                f'cannot be opened: {one_line(error)}', where=f'storage {shown(where)}'
            ) from None
    raise AssertionError('unreachable')


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of its package
        return False
