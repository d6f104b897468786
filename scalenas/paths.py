"""Files: where the package's own lie, whether results can be kept, by what content is known."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from scalenas.errors import UserError, unreadable


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        with open(path, 'rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except OSError as error:
        raise unreadable(path, error, UserError) from None


_HERE = Path(__file__).resolve().parent


def resource(relative: str) -> Path:
    """Path of a shipped file or folder, such as `model_zoo/archs`.

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    for root in (_HERE.parent, _HERE / '.mim'):
        # A checkout is known by its setup.py: site-packages may hold a foreign `configs`.
        if (root / relative).exists() and (root.name == '.mim' or (root / 'setup.py').exists()):
            return root / relative
    raise FileNotFoundError(f'scalenas was installed without {relative}; install it again')


def writable_folder(path: str | Path) -> Path:
    """The folder at `path`, made if need be: asked for before anything costly is done for it.

    Raises:
        UserError: when it cannot be made, is a file, or takes no new files.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        problem = 'cannot be a folder, a file is in its way'
        raise UserError(problem, where=folder, hint='name another') from None
    except OSError as error:
        problem = f'cannot be made: {error.strerror}'
        raise UserError(problem, where=folder, hint='name another') from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError('no files can be written there', where=folder, hint='name another')
    return folder


def new_file(path: str | Path, force: bool = False) -> Path:
    """The path of a file that is not there yet (`force`: or is), in a folder that is there.

    Raises:
        UserError: when either is otherwise.
    """
    path = Path(path)
    if path.exists() and not (force and path.is_file()):
        raise UserError('exists already', where=path, hint='choose another name or remove it')
    if not path.parent.is_dir():
        raise UserError('no such folder to write into', where=path.parent, hint='make it first')
    return path
