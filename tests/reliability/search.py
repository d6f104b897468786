"""Workers of a search, killed at random moments, while its storage stops or its disk fills up.

A search of milliseconds on a real storage: each worker is a process that the harness kills with
SIGKILL and starts again, until so many were killed. Then the records must be those of a search
that nobody disturbed: none lost of which a worker had said that it is kept, none kept twice.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scalenas.arch import Arch
from scalenas.errors import UserError
from scalenas.search import Record, SearchStudy, front_of, run_search

from ..search.postgres import INITDB, Server, running_server
from ..search.table import OBJECTIVES, evolution, key, open_study, score, search_in_memory

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

STORAGES = ('sqlite', 'journal', 'postgresql')
FORK = multiprocessing.get_context('fork')  # what is imported here need not be again
KILL_EVERY = (0.0, 0.6)  # seconds
AWAY = (0.5, 2.0)  # seconds that a server or a disk is away
PATIENCE = 240  # seconds that a round may take to its end once nobody disturbs it
AGAIN = 3  # exit code of a worker that could not start; its user gives the command again
HEADER = '| storage | workers | kills | stops | records | lost | twice | fronts equal | seconds |'
RULE = '|---|---|---|---|---|---|---|---|---|'


@dataclass
class Tally:
    """What came of it, over all rounds."""

    kills: int = 0
    stops: int = 0
    records: int = 0
    lost: int = 0
    twice: int = 0
    equal: bool = True
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """True when nothing was lost and the fronts are those of an undisturbed search."""
        return self.equal and not self.lost and not self.twice

    def row(self, storage: str, workers: int) -> str:
        """A row under `HEADER`."""
        cells = (storage, workers, self.kills, self.stops, self.records, self.lost, self.twice)
        ends = ('yes' if self.equal else 'NO', f'{self.seconds:.0f}')
        return '| ' + ' | '.join(map(str, (*cells, *ends))) + ' |'


class Told:
    """Notes what a worker was told is kept."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def evaluated(self, record: Record, seconds: float) -> None:
        line = json.dumps([record.slot, key(record.arch), dict(record.metrics)]) + '\n'
        with open(self._file, 'a') as file:
            file.write(line)

    def update(self, records: Sequence[Record]) -> None:
        pass

    def waiting(self, running: Sequence[tuple[int, str]]) -> None:
        pass


def work(where: str, folder: Path, seed: int, total: int, seconds: float) -> None:
    """A worker; its log and what it was told lie in `folder`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(
        filename=folder / f'log_{os.getpid()}', level=logging.INFO, force=True, format='%(message)s'
    )

    def evaluate(arch: Arch) -> dict[str, float]:
        time.sleep(seconds)
        return score(arch)

    try:
        study = open_study(where)
    except UserError as error:  # told in one line: such as a disk that is full when it starts
        logging.error('%s', error)
        os._exit(AGAIN)
    try:
        run_search(
            evolution(num_total=total),
            study,
            evaluate,
            seed=seed,
            progress=Told(folder / 'told'),
            poll_seconds=0.05,
        )
    except BaseException:
        logging.exception('ended')
        os._exit(1)
    os._exit(0)


class Place:
    """Where the studies of the rounds are, and how it goes away for a while."""

    def __init__(self, storage: str, folder: Path, server: Server | None) -> None:
        self._storage, self._folder, self._server = storage, folder, server

    def where(self, number: int) -> str:
        """The storage of a round. The server holds one database, so it is emptied."""
        if self._server is None:
            ending = 'db' if self._storage == 'sqlite' else 'journal'
            return str(self._folder / f'{number}.{ending}')
        import optuna

        url = self._server.url.replace('://', '+psycopg2://')
        for name in optuna.get_all_study_names(url):
            optuna.delete_study(study_name=name, storage=url)
        return self._server.url

    def go_away(self, seconds: float) -> None:
        """Stop the server, or fill the disk, for so long."""
        if self._server is not None:
            self._server.stop()
            time.sleep(seconds)
            self._server.start()
            return
        filler = self._folder / 'filler'
        deadline = time.monotonic() + seconds
        with open(filler, 'wb', buffering=0) as file:
            size = 65536
            while time.monotonic() < deadline:
                try:
                    file.write(b'\0' * size)
                except OSError:
                    size = max(1, size // 16)
                    time.sleep(0.01)
        filler.unlink()


@contextmanager
def place(storage: str) -> Iterator[Place]:
    """A server, or a disk of 64 MB of its own where that can be mounted."""
    with ExitStack() as stack:
        if storage == 'postgresql':
            yield Place(storage, Path(), stack.enter_context(running_server()))
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = ['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            sys.exit('a full disk is made by mounting one, which needs root; give --stops 0')
        stack.callback(subprocess.run, ['umount', '-l', str(folder)], check=True)
        yield Place(storage, folder, None)


@contextmanager
def plain_place(storage: str) -> Iterator[Place]:
    """The same where nothing goes away."""
    if storage == 'postgresql':
        with place(storage) as found:
            yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Place(storage, Path(folder), None)


@dataclass
class Round:
    """One search, from its first worker to its last record."""

    place: Place
    where: str
    folder: Path
    seed: int
    workers: int
    total: int
    seconds: float

    def start(self) -> ForkProcess:
        """A worker."""
        process = FORK.Process(
            target=work,
            args=(self.where, self.folder, self.seed, self.total, self.seconds),
            daemon=True,
        )
        process.start()
        return process

    def disturb(self, rng: random.Random, kills: int, stops: int, tally: Tally) -> None:
        """Until the search ends, or enough were killed; then to its end in peace."""
        running = [self.start() for _ in range(self.workers)]
        stop_at = set(rng.sample(range(kills), min(stops, kills)))
        done = 0
        while done < kills and any(process.exitcode is None for process in running):
            time.sleep(rng.uniform(*KILL_EVERY))
            if done in stop_at:
                stop_at.discard(done)
                self.place.go_away(rng.uniform(*AWAY))
                tally.stops += 1
            running = [self.start() if p.exitcode == AGAIN else p for p in running]
            victim = rng.randrange(len(running))
            if running[victim].exitcode is None:
                running[victim].kill()
                running[victim].join()
                done += 1
                running[victim] = self.start()
            elif running[victim].exitcode not in (0, AGAIN):
                break
        tally.kills += done
        deadline = time.monotonic() + PATIENCE
        for process in running:
            process.join(max(0.1, deadline - time.monotonic()))
            if process.exitcode == AGAIN:
                process = self.start()
                process.join(max(0.1, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
            if process.exitcode:
                self.fail(f'worker {process.pid} ended with {process.exitcode}')

    def fail(self, reason: str) -> None:
        """Show the logs and give up."""
        for log in sorted(self.folder.glob('log_*')):
            print(f'--- {log.name}\n{log.read_text()[-3000:]}', file=sys.stderr)
        sys.exit(f'{self.where}: {reason}')

    def check(self, tally: Tally) -> None:
        """Hold the records against an undisturbed search and against what workers were told."""
        expected = search_in_memory(evolution(num_total=self.total), self.seed)
        records = SearchStudy.read(self.where).records()
        found = {record.slot: record for record in records}
        file = self.folder / 'told'
        told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        for slot, name, metrics in told:
            record = found.get(slot)
            kept = record is not None and (key(record.arch), dict(record.metrics)) == (
                name,
                metrics,
            )
            tally.lost += not kept
        times = Counter(slot for slot, *_ in told)
        tally.twice += sum(count - 1 for count in times.values())
        tally.twice += len(records) - len(found)
        tally.records += len(records)
        fronts = [front_of(found, OBJECTIVES) for found in (records, expected)]
        tally.equal &= records == expected and fronts[0] == fronts[1]


def disturbed(
    storage: str,
    workers: int,
    kills: int,
    stops: int,
    seed: int = 0,
    total: int = 120,
    seconds: float = 0.03,
) -> Tally:
    """As many searches as it takes for so many kills, some of them beside a stop."""
    rng = random.Random(f'{storage}/{workers}/{seed}')
    tally, start, number = Tally(), time.monotonic(), 0
    with (place if stops else plain_place)(storage) as where:
        while tally.kills < kills:
            with tempfile.TemporaryDirectory() as folder:
                rounds = Round(
                    where, where.where(number), Path(folder), number, workers, total, seconds
                )
                left = kills - tally.kills
                rounds.disturb(rng, left, min(left, stops - tally.stops), tally)
                rounds.check(tally)
            number += 1
    tally.seconds = time.monotonic() - start
    return tally


def main(argv: Sequence[str]) -> int:
    """The rows of all storages and numbers of workers that are asked for."""
    parser = argparse.ArgumentParser(prog='python -m tests.reliability search')
    parser.add_argument('--storage', nargs='+', choices=STORAGES, default=STORAGES)
    parser.add_argument('--workers', nargs='+', type=int, default=(1, 4))
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--stops', type=int, default=5, help='of the server; or full disks')
    parser.add_argument('--total', type=int, default=120, help='networks of a search')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    if 'postgresql' in args.storage and INITDB is None:
        parser.error('postgresql needs the binaries of a server (initdb)')
    # Ended by others, it still takes its workers and its server along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f'{HEADER}\n{RULE}', flush=True)
    right = True
    for storage in args.storage:
        for workers in args.workers:
            tally = disturbed(storage, workers, args.kills, args.stops, args.seed, args.total)
            print(tally.row(storage, workers), flush=True)
            right &= tally.is_right
    return 0 if right else 1
