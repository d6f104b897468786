"""Timing several networks in interleaved rounds; each round is kept, so a measurement resumes."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from .cache import Cache, Entry, Key, Ticket, digest
from .reliability import LatencyError, Times, check_time

Visit = Callable[[], float]
"""Runs a network that is loaded and warm, and gives back the seconds of a batch."""

KEPT_EVERY = 5.0
"""Seconds of measuring that a kill may lose."""


@dataclass(frozen=True)
class Candidate:
    """A network to be timed.

    Attributes:
        name: in tables.
        key: what its times depend on; equal keys are equal networks in equal settings.
        opened: loads it and warms it up; inside, it can be visited.
    """

    name: str
    key: Key
    opened: Callable[[], AbstractContextManager[Visit]]


def order(names: Sequence[str], number: int, seed: int) -> list[str]:
    """The order of a round: each has its own, so a slow moment hits any network."""
    shuffled = list(names)
    random.Random(f'{seed}/{number}').shuffle(shuffled)
    return shuffled


def measure(
    candidates: Sequence[Candidate],
    cache: Cache,
    rounds: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> Times:
    """Times of all candidates in `rounds` common rounds, in their order.

    Rounds in which all of them were timed together before are taken from the cache; times of
    different rounds are never compared. Whatever ends it, the same call goes on.

    Raises:
        LatencyError: for two candidates of one name, or a time that is not above 0.
    """
    by_name = {candidate.name: candidate for candidate in candidates}
    if len(by_name) < len(candidates):
        got = [candidate.name for candidate in candidates]
        raise LatencyError('two networks have one name', where='networks', got=got)
    known = {name: dict(cache.read(each.key).seconds) for name, each in by_name.items()}
    sitting = digest([sorted(digest(each.key) for each in candidates), seed])
    tickets = _common(known)
    todo = [
        (number, ticket)
        for number in range(rounds)
        if (ticket := f'{sitting}/{number}') not in tickets
    ][: max(0, rounds - len(tickets))]
    if len(todo) < rounds:
        say(f'{rounds - len(todo)} of {rounds} rounds are there already')
    if todo:
        _visit(by_name, known, todo, cache, seed, say)
    chosen = _common(known)[:rounds]
    rows = (tuple(known[name][ticket] for ticket in chosen) for name in by_name)
    return Times(tuple(by_name), tuple(rows))


def known_times(candidates: Sequence[Candidate], cache: Cache, rounds: int) -> Times | None:
    """What `measure` would take from the cache; None where it would have to measure.

    Raises:
        LatencyError: for an entry that is damaged.
    """
    known = {each.name: cache.read(each.key).seconds for each in candidates}
    chosen = _common(known)[:rounds] if known else []
    if len(chosen) < rounds:
        return None
    rows = (tuple(known[name][ticket] for ticket in chosen) for name in known)
    return Times(tuple(known), tuple(rows))


def _common(known: dict[str, dict[Ticket, float]]) -> list[Ticket]:
    first, *others = known.values()
    return [ticket for ticket in first if all(ticket in each for each in others)]


def _visit(
    by_name: dict[str, Candidate],
    known: dict[str, dict[Ticket, float]],
    todo: Sequence[tuple[int, Ticket]],
    cache: Cache,
    seed: int,
    say: Callable[[str], None],
) -> None:
    with ExitStack() as stack, _kept(by_name, cache) as new:
        visits = {}
        for n, (name, candidate) in enumerate(by_name.items(), 1):
            visits[name] = stack.enter_context(candidate.opened())
            say(f'loaded {n} of {len(by_name)}: {name}')
        start = time.monotonic()
        for done, (number, ticket) in enumerate(todo, 1):
            for name in order(list(by_name), number, seed):
                if ticket not in known[name]:
                    value = check_time(visits[name](), name)
                    known[name][ticket] = value
                    new.add(name, ticket, value)
            new.keep(KEPT_EVERY)
            left = (time.monotonic() - start) / done * (len(todo) - done)
            say(f'round {done} of {len(todo)}, about {left:.0f} s left')


class _Kept:
    """Times that are not in the cache yet."""

    def __init__(self, by_name: dict[str, Candidate], cache: Cache) -> None:
        self._by_name, self._cache = by_name, cache
        self._new: dict[str, Entry] = {}
        self._last = time.monotonic()

    def add(self, name: str, ticket: Ticket, seconds: float) -> None:
        self._new.setdefault(name, Entry()).seconds[ticket] = seconds

    def keep(self, every: float = 0.0) -> None:
        """Write them, but not more often than `every` so many seconds."""
        if time.monotonic() - self._last < every:
            return
        while self._new:
            name, entry = next(iter(self._new.items()))
            self._cache.add(self._by_name[name].key, entry)
            del self._new[name]
        self._last = time.monotonic()


@contextlib.contextmanager
def _kept(by_name: dict[str, Candidate], cache: Cache) -> Iterator[_Kept]:
    """What was added is written on the way out, after Ctrl-C and errors, too."""
    kept = _Kept(by_name, cache)
    try:
        yield kept
    finally:
        kept.keep()
