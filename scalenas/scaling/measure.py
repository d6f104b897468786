"""Timing scaled networks in shuffled rounds; each time is a line of a journal, so a run resumes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, Size
from scalenas.errors import foreign
from scalenas.staging import write_whole

from .latency import Kind
from .runtime import Net, Timing, order, timing
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
            times = {
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
        self.runs, self._started = times, bool(lines)


Timer = Callable[[Arch, Size, Kind], Sequence[float]]
"""Seconds of each run of a network; none where it does not fit in memory."""


def measure(
    nets: Sequence[Net],
    kinds: Sequence[Kind],
    journal: Journal,
    timer: Timer,
    rounds: int,
    seed: int,
    say: Callable[[str], None],
) -> None:
    """Time every network in every round, but for what the journal has; each is written at once."""
    todo = [
        (n, net, kind)
        for n, net in order(nets, rounds, seed)
        for kind in kinds
        if (net.name, n, kind) not in journal
    ]
    total = len(nets) * rounds * len(kinds)
    if len(todo) < total:
        say(f'{total - len(todo)} of {total} timings are there already')
    start = time.monotonic()
    for done, (n, net, kind) in enumerate(todo, 1):
        runs = tuple(timer(net.arch, net.size, kind))
        journal.add((net.name, n, kind), runs)
        # The order is random, so what is left takes as long as what is done.
        left = (time.monotonic() - start) / done * (len(todo) - done)
        height, width = net.size
        outcome = f'{1e3 * min(runs):.2f} ms' if runs else 'no memory'
        say(
            f'{total - len(todo) + done}/{total} {net.name}, {height}x{width}, {kind}: {outcome}; '
            f'about {_span(left)} left'
        )


def timings(
    nets: Sequence[Net], kind: Kind, journal: Journal, statistic: str = 'median'
) -> tuple[list[Timing], list[str]]:
    """What the journal says of each network, and the names of those without memory."""
    runs = {net.name: journal.of(net.name, kind) for net in nets}
    measured = [timing(net, runs[net.name], statistic) for net in nets if runs[net.name]]
    return measured, [name for name, seconds in runs.items() if not seconds]


def _span(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
