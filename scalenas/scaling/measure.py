"""Timing scaled networks into a journal, in shuffled rounds, with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from scalenas.arch import Arch, Size

from .journal import Journal
from .latency import Kind
from .runtime import Net, Timing, order, timing

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
        found = f'{1e3 * min(runs):.2f} ms' if runs else 'no memory'
        say(
            f'{total - len(todo) + done}/{total} {net.name}, {height}x{width}, {kind}: {found}; '
            f'about {_span(left)} left'
        )


def timings(
    nets: Sequence[Net], kind: Kind, journal: Journal, statistic: str = 'median'
) -> tuple[list[Timing], list[str]]:
    """What the journal says of each network, and the names of those without memory."""
    runs = {net.name: journal.of(net.name, kind) for net in nets}
    found = [timing(net, runs[net.name], statistic) for net in nets if runs[net.name]]
    return found, [name for name, seconds in runs.items() if not seconds]


def _span(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
