"""Times that were measured, kept in a folder: one JSON file for each network in each setting."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalenas.errors import unreadable, unwritable
from scalenas.paths import writable_folder
from scalenas.staging import write_whole

from .reliability import LatencyError, check_time

try:
    import fcntl
except ImportError:  # without locks, of two processes at the same moment one is kept
    fcntl = None  # type: ignore[assignment]

Key = Mapping[str, Any]
"""All that a network's times depend on: itself, size, batch, runtime, device, ... Plain data."""

Ticket = str
"""A round of a sitting, `SITTING/NUMBER`: networks with the same ticket were timed together."""


@dataclass
class Entry:
    """What is known of one network: seconds by ticket, and its peak memory in bytes."""

    seconds: dict[Ticket, float] = field(default_factory=dict)
    memory: int | None = None


def digest(value: object) -> str:
    """A short fingerprint of plain data."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Cache:
    """Entries by key.

    Files are replaced as a whole, and what two processes add at the same time is all kept.

    Raises:
        UserError: where the folder cannot be written into.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = writable_folder(folder)

    def path(self, key: Key) -> Path:
        """Where the entry of a key lies."""
        return self.folder / f'{digest(key)}.json'

    def read(self, key: Key) -> Entry:
        """What is known; an empty entry where nothing is.

        Raises:
            LatencyError: for a file that is damaged.
        """
        path = self.path(key)
        try:
            text = path.read_text(encoding='utf-8')
        except FileNotFoundError:
            return Entry()
        except OSError as error:
            raise unreadable(path, error, LatencyError) from None
        try:
            data = json.loads(text)
            if data['key'] != json.loads(json.dumps(key)):
                raise ValueError('it is of another key')
            memory = data['memory']
            seconds = {str(t): check_time(s, str(t)) for t, s in data['seconds'].items()}
            return Entry(seconds, None if memory is None else int(memory))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise unreadable(
                path, error, LatencyError, hint='remove it; its network is measured again'
            ) from None

    def add(self, key: Key, entry: Entry) -> None:
        """Keep what `entry` has, with what is there.

        Raises:
            LatencyError: for a file that is damaged, or cannot be written.
        """
        with self._alone():
            known = self.read(key)
            memory = known.memory if entry.memory is None else entry.memory
            seconds = {**known.seconds, **entry.seconds}
            plain = {'key': key, 'memory': memory, 'seconds': seconds}
            path = self.path(key)
            try:
                write_whole(path, json.dumps(plain, indent=1, allow_nan=False) + '\n')
            except OSError as error:
                raise unwritable(path, error, LatencyError) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with open(self.folder / '.lock', 'w') as file:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield
