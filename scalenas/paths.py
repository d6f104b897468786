"""Where the package's own files lie, in a checkout or a wheel, and whether results can be kept."""

from __future__ import annotations

import os
from pathlib import Path

from scalenas.errors import UserError

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
        raise UserError(
            f'{folder}: cannot be a folder, a file is in its way; name another'
        ) from None
    except OSError as error:
        raise UserError(f'{folder}: cannot be made: {error.strerror}; name another') from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f'{folder}: no files can be written there; name another folder')
    return folder


def new_file(path: str | Path, force: bool = False) -> Path:
    """The path of a file that is not there yet (`force`: or is), in a folder that is there.

    Raises:
        UserError: when either is otherwise.
    """
    path = Path(path)
    if path.exists() and not (force and path.is_file()):
        raise UserError(f'{path}: exists already; choose another name or remove it')
    if not path.parent.is_dir():
        raise UserError(f'{path.parent}: no such folder to write into; make it first')
    return path
