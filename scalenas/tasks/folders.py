"""Which of many files are there?"""

from __future__ import annotations

import os


class Folders:
    """Answers from a list of each folder: a question per file takes minutes on a network's disk."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def has(self, path: str) -> bool:
        """Whether there is a file, or a folder, of this name."""
        folder, name = os.path.split(path)
        if folder not in self._names:
            known = os.listdir(folder or '.') if os.path.isdir(folder or '.') else []
            self._names[folder] = set(known)
        return name in self._names[folder]
