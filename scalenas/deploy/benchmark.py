"""Networks in runtimes, timed against each other: the table, and its reliability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Size
from scalenas.latency import (
    Cache,
    Candidate,
    Entry,
    Ranking,
    Spread,
    Times,
    measure,
    ranking,
    rounds_needed,
)
from scalenas.latency.reliability import LEAST_TAU, LEVEL, ratio

from .memory import peak_memory
from .nets import Subject, own_size, subject
from .stopwatch import RuntimeStopwatch, Stopwatch


def candidate(of: Subject, size: Size, stopwatch: Stopwatch, name: str = '') -> Candidate:
    """A network at a size, to be timed by a stopwatch."""
    key = {**of.key, 'size': list(size), **stopwatch.setting}
    return Candidate(
        name or of.name, key, lambda: stopwatch.opened(of.make(size), size, of.channels)
    )


@dataclass(frozen=True)
class Benchmark:
    """What was measured: seconds and peak memory of networks by one stopwatch, and their ranking.

    Attributes:
        setting: of the stopwatch.
        times: of all networks, in the order given.
        ranking: None of a single network, or of fewer than four rounds.
        memory: bytes, None where nobody can say.
        ratios: median of the time over that of the same network by the first stopwatch.
    """

    setting: Mapping[str, Any]
    times: Times
    ranking: Ranking | None
    memory: tuple[int | None, ...]
    ratios: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: times in milliseconds."""
        ranks = self.ranks()
        nets = [
            {
                'net': name,
                'ms': 1e3 * spread.median,
                'quartiles': [1e3 * spread.lower, 1e3 * spread.upper],
                'rank': ranks[name],
                'peak_bytes': memory,
                'ratio': share,
                'rounds_ms': [1e3 * value for value in row],
            }
            for name, spread, memory, share, row in zip(
                self.times.names,
                self.times.spreads(),
                self.memory,
                self.ratios,
                self.times.seconds,
                strict=True,
            )
        ]
        found = self.ranking
        about = None
        if found is not None:
            least = found.difference if found.difference < float('inf') else None
            about = {'tau': found.tau, 'least_tau': found.least_tau, 'smallest_difference': least}
        return {'setting': dict(self.setting), 'reliability': about, 'nets': nets}

    def ranks(self) -> dict[str, int | None]:
        """Rank of each network, 1 the fastest; equal for those that are tied; None without one."""
        ranks: dict[str, int | None] = dict.fromkeys(self.times.names)
        place = 1
        for group in self.ranking.groups if self.ranking is not None and self.ranking.holds else ():
            ranks.update(dict.fromkeys(group, place))
            place += len(group)
        return ranks

    def __str__(self) -> str:
        given, ranks = self.setting, self.ranks()
        head = ', '.join(text.format(given[name]) for name, text in HEAD.items() if name in given)
        rows = [('rank', 'net', 'ms', 'quartiles', 'peak MB', 'ratio')]
        spreads: dict[str, Spread] = dict(zip(self.times.names, self.times.spreads(), strict=True))
        for i in sorted(range(len(self.memory)), key=lambda i: self.times.spreads()[i].median):
            name, memory = self.times.names[i], self.memory[i]
            lower, median, upper = (1e3 * value for value in spreads[name])
            rank = '-' if ranks[name] is None else str(ranks[name])
            tied = '=' if list(ranks.values()).count(ranks[name]) > 1 and rank != '-' else ''
            rows.append(
                (
                    rank + tied,
                    name,
                    f'{median:.4g}',
                    f'{lower:.4g} to {upper:.4g}',
                    '-' if memory is None else f'{memory / 2**20:.0f}',
                    f'{self.ratios[i]:.3f}',
                )
            )
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        lines = [
            '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return '\n'.join([head, *lines, *self._reliability()])

    def _reliability(self) -> list[str]:
        found, rounds = self.ranking, self.times.rounds
        if found is None:
            return []
        lines = [f"split-half Kendall's tau {found.tau:.3f} over {rounds} rounds"]
        nets = len(self.times.names)
        if found.difference == float('inf'):
            lines.append(
                f'of {nets} networks none is separated in fewer than {rounds_needed(nets)} rounds'
            )
        else:
            lines.append(f'smallest significant difference: {found.difference:.1%}')
        if not found.holds:
            lines.append(
                f'no ranking: tau is below {found.least_tau:g}; more rounds, or a quieter machine'
            )
        elif any(len(group) > 1 for group in found.groups):
            lines.append(
                f'= tied: no significant difference at a level of {LEVEL:g} over all pairs'
            )
        return lines


HEAD = dict.fromkeys(('runtime', 'precision', 'device'), '{}')
HEAD |= {'threads': 'threads {}', 'batch': 'batch {}', 'clock': '{} clock'}


def benchmark(
    nets: Sequence[str],
    stopwatches: Sequence[Stopwatch],
    size: Size | None,
    cache: Cache,
    rounds: int,
    seed: int = 0,
    least_tau: float = LEAST_TAU,
    memory: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> list[Benchmark]:
    """Times networks by each stopwatch, all in the same rounds.

    Args:
        nets: as `subject` takes them.
        size: of the images; None for networks that have their own.
        least_tau: below this split-half tau nothing is ranked.
        memory: measure it, too, where it is not known.

    Raises:
        UserError: for a network, size or setting that is none, or a time that is not above 0.
    """
    subjects = [subject(net) for net in nets]
    sizes = [own_size(of.arch, size, of.name) for of in subjects]
    candidates = [
        candidate(of, at, stopwatch, f'{of.name} in {n}: {stopwatch.setting["runtime"]}')
        for n, stopwatch in enumerate(stopwatches)
        for of, at in zip(subjects, sizes, strict=True)
    ]
    times = measure(candidates, cache, rounds, seed, say)
    found, count = [], len(subjects)
    for n, stopwatch in enumerate(stopwatches):
        part = slice(n * count, (n + 1) * count)
        own = Times(tuple(of.name for of in subjects), times.seconds[part])
        peaks = [
            _memory(net, at, each, stopwatch, cache, memory)
            for net, at, each in zip(nets, sizes, candidates[part], strict=True)
        ]
        ratios = (
            ratio(row, first).ratio
            for row, first in zip(own.seconds, times.seconds[:count], strict=True)
        )
        ranked = None
        if count > 1 and rounds >= 4:
            ranked = ranking(own, least_tau=least_tau, seed=seed)
        found.append(Benchmark(stopwatch.setting, own, ranked, tuple(peaks), tuple(ratios)))
    return found


def _memory(
    net: str, size: Size, of: Candidate, stopwatch: Stopwatch, cache: Cache, asked: bool
) -> int | None:
    known = cache.read(of.key).memory
    if known is None and asked and isinstance(stopwatch, RuntimeStopwatch):
        known = peak_memory(net, size, stopwatch)
        cache.add(of.key, Entry({}, known))
    return known
