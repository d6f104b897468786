"""Measured times on disk: one line each, written at once, read back when a run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalenas.errors import foreign
from scalenas.staging import write_whole

from .latency import Kind
from .strategy import ScalingError

Key = tuple[str, int, Kind]
"""Name of a network, round, kind of run."""


class Journal:
    """A file of timings under one setting; an existing one is gone on with.

    A last line that a kill cut short is dropped. Nothing is written before the first timing.

    Raises:
        ScalingError: for a file of another setting, or one that is no journal.
    """

    def __init__(self, path: str | Path, setting: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.setting = json.loads(json.dumps(setting))
        self.runs: dict[Key, tuple[float, ...]] = {}
        self._started = False
        if self.path.exists():
            self._read()

    def __contains__(self, key: Key) -> bool:
        return key in self.runs

    def add(self, key: Key, seconds: tuple[float, ...]) -> None:
        """Write the runs of one network; empty for one that did not fit in memory."""
        lines = [] if self._started else [json.dumps(self.setting)]
        name, number, kind = key
        row = {'net': name, 'round': number, 'kind': kind, 'seconds': seconds}
        lines.append(json.dumps(row))
        with self.path.open('a', encoding='utf-8') as file:
            file.write(''.join(f'{line}\n' for line in lines))
            file.flush()
            os.fsync(file.fileno())
        self._started = True
        self.runs[key] = tuple(seconds)

    def of(self, name: str, kind: Kind) -> tuple[float, ...]:
        """All runs of a network over all rounds; empty where any round had no memory for it."""
        rounds = [runs for (net, _, k), runs in self.runs.items() if (net, k) == (name, kind)]
        return () if not all(rounds) else tuple(second for runs in rounds for second in runs)

    def _read(self) -> None:
        text = self.path.read_text(encoding='utf-8')
        whole = text[: text.rfind('\n') + 1]
        lines = whole.splitlines()
        try:
            setting, *rows = (json.loads(line) for line in lines) if lines else ({},)
            if not isinstance(setting, dict):
                raise TypeError('its first line is no setting')
            found = {
                (str(row['net']), int(row['round']), row['kind']): tuple(map(float, row['seconds']))
                for row in rows
            }
        except (ValueError, TypeError, KeyError) as error:
            problem = f'not a file of timings ({foreign(error)})'
            raise ScalingError(problem, where=self.path, hint='choose another --out') from None
        for name in dict.fromkeys([*self.setting, *setting]) if lines else ():
            if setting.get(name) != self.setting.get(name):
                raise ScalingError(
                    f'measured with another {name}',
                    where=self.path,
                    got=setting.get(name),
                    allowed=[self.setting.get(name)],
                    hint='choose another --out, or the same settings',
                )
        if whole != text:
            write_whole(self.path, whole)
        self.runs, self._started = found, bool(lines)
