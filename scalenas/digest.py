"""By what a file is known, wherever it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import UserError, unreadable


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
