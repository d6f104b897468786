"""Where studies are kept: an SQLite file, a database server, or a journal file."""

from __future__ import annotations

from pathlib import Path

from optuna.storages import BaseStorage

from scalenas.paths import writable_folder

from .databases import is_url, open_database, open_sqlite
from .journal import open_journal
from .record import StudyError

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
