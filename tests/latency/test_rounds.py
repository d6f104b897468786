"""Interleaved rounds with fake clocks: what is visited when, what is kept, what goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scalenas.latency.cache import Cache, Entry
from scalenas.latency.reliability import LatencyError
from scalenas.latency.rounds import Candidate, Visit, measure, order
from tests.errors import contains, raises

pytestmark = pytest.mark.fast


class Bench:
    """Candidates with times that are known, and a list of who was visited."""

    def __init__(self, **means: float) -> None:
        self.means = means
        self.visited: list[str] = []
        self.loaded: Counter[str] = Counter()
        self.stop_at: int | None = None

    def candidates(self, *names: str, **setting: object) -> list[Candidate]:
        return [
            Candidate(name, {'net': name, **setting}, lambda n=name: self._opened(n))
            for name in names or self.means
        ]

    @contextmanager
    def _opened(self, name: str) -> Iterator[Visit]:
        self.loaded[name] += 1

        def visit() -> float:
            if len(self.visited) == self.stop_at:
                raise KeyboardInterrupt
            self.visited.append(name)
            return self.means[name] * len(self.visited)

        yield visit


def test_every_network_once_a_round_in_an_order_of_its_own(tmp_path: Path) -> None:
    bench = Bench(a=1.0, b=2.0, c=3.0)
    times = measure(bench.candidates(), Cache(tmp_path), 6, seed=3)
    assert times.names == ('a', 'b', 'c')
    rounds = [bench.visited[3 * n : 3 * n + 3] for n in range(6)]
    assert all(sorted(each) == ['a', 'b', 'c'] for each in rounds)
    assert rounds == [order(['a', 'b', 'c'], n, 3) for n in range(6)]
    assert len({tuple(each) for each in rounds}) > 2
    assert times.seconds[0][0] == bench.visited.index('a') + 1
    state = random.getstate()
    order(['a', 'b'], 0, 0)
    assert random.getstate() == state


def test_nothing_is_measured_twice(tmp_path: Path) -> None:
    bench = Bench(a=1.0, b=2.0, c=3.0)
    first = measure(bench.candidates(), Cache(tmp_path), 5)
    said: list[str] = []
    again = measure(bench.candidates(), Cache(tmp_path), 5, say=said.append)
    assert (again, len(bench.visited), said) == (first, 15, ['5 of 5 rounds are there already'])
    assert bench.loaded == {'a': 1, 'b': 1, 'c': 1}
    # Some of them were timed together, too.
    part = measure(bench.candidates('c', 'a'), Cache(tmp_path), 5)
    assert (part.seconds, len(bench.visited)) == ((first.seconds[2], first.seconds[0]), 15)
    # More rounds go on after those.
    more = measure(bench.candidates(), Cache(tmp_path), 7)
    assert [row[:5] for row in more.seconds] == list(first.seconds)
    assert len(bench.visited) == 21


def test_times_of_other_rounds_are_not_compared(tmp_path: Path) -> None:
    bench = Bench(a=1.0, b=2.0)
    measure(bench.candidates('a'), Cache(tmp_path), 4)
    measure(bench.candidates('b'), Cache(tmp_path), 4)
    both = measure(bench.candidates(), Cache(tmp_path), 4)
    assert len(bench.visited) == 4 + 4 + 8
    assert min(both.seconds[0]) > 8 * 1.0
    # Another setting, or seed, is another measurement.
    measure(bench.candidates(threads=2), Cache(tmp_path), 4)
    assert len(bench.visited) == 24
    assert measure(bench.candidates(), Cache(tmp_path), 4, seed=1) == both, 'seeds only order'


@pytest.mark.parametrize('stop_at', [0, 1, 4, 5, 8])
def test_ctrl_c_loses_nothing(tmp_path: Path, stop_at: int) -> None:
    bench = Bench(a=1.0, b=2.0, c=3.0)
    bench.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        measure(bench.candidates(), Cache(tmp_path), 3)
    bench.stop_at = None
    measure(bench.candidates(), Cache(tmp_path), 3)
    whole = Bench(a=1.0, b=2.0, c=3.0)
    measure(whole.candidates(), Cache(tmp_path / 'other'), 3)
    assert bench.visited == whole.visited, 'as if nobody had stopped it'


@pytest.mark.parametrize('value', [0.0, -1.0, float('nan'), float('inf')])
def test_what_is_no_time_stops_and_is_not_kept(tmp_path: Path, value: float) -> None:
    bench = Bench(a=1.0, b=value)
    with raises(LatencyError, where='time of b', allowed='a finite number > 0'):
        measure(bench.candidates(), Cache(tmp_path), 3)
    assert Cache(tmp_path).read({'net': 'b'}) == Entry()


def test_two_of_one_name_die(tmp_path: Path) -> None:
    bench = Bench(a=1.0)
    with raises(LatencyError, where='networks', got=['a', 'a']):
        measure([*bench.candidates(), *bench.candidates()], Cache(tmp_path), 3)


@pytest.mark.parametrize(
    'text',
    [
        *('', '{', '[]', '{"key": {"net": "a"}}', '{"key": {"net": "b"}, "seconds": {}}'),
        '{"key": {"net": "a"}, "memory": null, "seconds": {"x/0": 0}}',
        '{"key": {"net": "a"}, "memory": null, "seconds": {"x/0": NaN}}',
        '{"key": {"net": "a"}, "memory": null, "seconds": {"x/0": "1"}}',
        '{"key": {"net": "a"}, "memory": "much", "seconds": {}}',
        '{"key": {"net": "a"}, "memory": null, "seconds": [1]}',
    ],
)
def test_a_damaged_entry_is_one_line(tmp_path: Path, text: str) -> None:
    cache, key = Cache(tmp_path), {'net': 'a'}
    cache.path(key).write_text(text)
    bench = Bench(a=1.0)
    for action in (
        lambda: cache.read(key),
        lambda: cache.add(key, Entry({'y/0': 1.0})),
        lambda: measure(bench.candidates(), cache, 3),
    ):
        with raises(LatencyError, where=cache.path(key), hint=contains('remove it')):
            action()
    assert cache.path(key).read_text() == text
    assert not bench.visited


def test_an_entry_keeps_all_that_it_was_given(tmp_path: Path) -> None:
    cache, key = Cache(tmp_path / 'made'), {'net': 'a', 'size': [4, 6]}
    assert cache.read(key) == Entry()
    cache.add(key, Entry({'x/0': 0.5}, 7))
    cache.add(key, Entry({'x/1': 0.25}))
    assert cache.read(key) == Entry({'x/0': 0.5, 'x/1': 0.25}, 7)
    assert json.loads(cache.path(key).read_text())['key'] == key
    assert cache.read({**key, 'size': [4, 8]}) == Entry()
    (tmp_path / 'file').write_text('')
    with raises(where=tmp_path / 'file', problem=contains('a file is in its way')):
        Cache(tmp_path / 'file')


def _add(folder: Path, worker: int) -> None:
    cache = Cache(folder)
    for n in range(20):
        cache.add({'net': 'a'}, Entry({f'{worker}/{n}': 1.0 + worker}))


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context('fork' if hasattr(os, 'fork') else 'spawn')
    workers = [context.Process(target=_add, args=(tmp_path, n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(Cache(tmp_path).read({'net': 'a'}).seconds) == 40


def test_what_was_measured_is_written_on_the_way(tmp_path: Path, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    bench, seen = Bench(a=1.0), []

    def say(text: str) -> None:
        now[0] += 3.0
        if text.startswith('round'):
            seen.append(len(Cache(tmp_path).read({'net': 'a'}).seconds))

    measure(bench.candidates(), Cache(tmp_path), 6, say=say)
    assert seen == [0, 2, 2, 4, 4, 6]
