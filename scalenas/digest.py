"""By what a file is known, wherever it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import UserError


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        with open(path, 'rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except FileNotFoundError:
        raise UserError(f'{path}: no such file') from None
    except OSError as error:
        raise UserError(f'{path}: cannot be read: {error.strerror}') from None
