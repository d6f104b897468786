"""The study: kill it, interrupt it, share it, damage it; nothing is lost or done twice."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from scalenas.arch import Arch
from scalenas.errors import UserError
from scalenas.search import (
    CandidateError,
    ProgressLine,
    Record,
    SearchStudy,
    run_search,
)
from tests.errors import contains, raises

from .forked import Forked
from .table import (
    OBJECTIVES,
    counted,
    evolution,
    key,
    open_study,
    random_search,
    score,
    search_in_memory,
    worker,
)

STORAGES = ['study.db', 'study.journal']


@pytest.fixture(scope='module')
def expected() -> list[Record]:
    return search_in_memory(evolution())


def start(where: str, calls: Path, seconds: float = 0.01) -> Forked:
    return Forked(worker, where, str(calls), seconds)


def wait_for(calls: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(counted(calls)) < count:
        assert time.monotonic() < deadline, f'only {len(counted(calls))} evaluations'
        time.sleep(0.02)


def assert_complete(where: str, calls: Path, expected: list[Record], lost: int = 0) -> None:
    """The undisturbed records; every network once, but `lost` that a kill may have caught."""
    assert SearchStudy.read(where).records() == expected
    times = Counter(counted(calls))
    assert set(times) == {key(record.arch) for record in expected}
    assert sum(times.values()) <= len(expected) + lost


@pytest.mark.parametrize('name', STORAGES)
@pytest.mark.longer
def test_a_search_in_a_study_is_the_search(
    name: str, tmp_path: Path, expected: list[Record]
) -> None:
    where = str(tmp_path / name)
    seen: list[int] = []
    records = run_search(evolution(), open_study(where), score, after=lambda r: seen.append(len(r)))
    assert records == expected
    assert seen == [12, 18, 24, 30, 36, 40]
    again: list[Arch] = []
    assert run_search(evolution(), open_study(where), again.append) == expected  # type: ignore[arg-type]
    assert not again
    assert SearchStudy.names(where) == ['test']


@pytest.mark.longer
def test_optuna_reads_the_study(tmp_path: Path, expected: list[Record]) -> None:
    import optuna

    where = tmp_path / 'study.db'
    run_search(evolution(), open_study(str(where)), score)
    study = optuna.load_study(study_name='test', storage=f'sqlite:///{where}')
    names = [direction.name for direction in study.directions]
    assert names == ['MAXIMIZE', 'MINIMIZE']
    values = {tuple(trial.values) for trial in study.best_trials}
    assert values <= {(r.metrics['mIoU'], float(r.cost['macs'])) for r in expected}


@pytest.mark.parametrize('name', STORAGES)
@pytest.mark.longer
def test_a_killed_search_goes_on(name: str, tmp_path: Path, expected: list[Record]) -> None:
    where, calls = str(tmp_path / name), tmp_path / 'calls'
    for count in (5, 16):
        process = start(where, calls, 0.05)
        wait_for(calls, count)
        process.kill()
        process.wait()
    process = start(where, calls, 0.0)
    assert process.wait() == 0, process.errors()
    # A kill between the end of an evaluation and its first write may cost that one evaluation.
    assert_complete(where, calls, expected, lost=2)


@pytest.mark.parametrize('name', STORAGES)
@pytest.mark.longer
def test_three_workers_share_a_search(name: str, tmp_path: Path, expected: list[Record]) -> None:
    where, calls = str(tmp_path / name), tmp_path / 'calls'
    workers = [start(where, calls, 0.1) for _ in range(3)]
    for process in workers:
        assert process.wait() == 0, process.errors()
    assert_complete(where, calls, expected)
    pids = {line.split()[1] for line in calls.read_text().splitlines()}
    assert len(pids) >= 2


@pytest.mark.longer
def test_a_worker_takes_over_from_a_killed_one(tmp_path: Path, expected: list[Record]) -> None:
    where, calls = str(tmp_path / 'study.db'), tmp_path / 'calls'
    first = start(where, calls, 0.1)
    wait_for(calls, 3)
    second = start(where, calls, 0.05)
    wait_for(calls, 8)
    first.kill()  # not reaped on purpose: a zombie is dead, too
    assert second.wait() == 0, second.errors()
    assert first.wait() == -signal.SIGKILL
    assert_complete(where, calls, expected, lost=1)


@pytest.mark.longer
def test_ctrl_c_gives_the_network_back(tmp_path: Path, expected: list[Record]) -> None:
    where = str(tmp_path / 'study.db')
    done: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        if len(done) == 7:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        done.append(arch)
        return score(arch)

    study = open_study(where)
    with pytest.raises(KeyboardInterrupt):
        run_search(evolution(), study, evaluate)
    assert study.waiting_for() == []
    assert len(study.records()) == 7
    assert run_search(evolution(), open_study(where), score) == expected


@pytest.mark.longer
def test_a_result_written_before_the_end_counts(tmp_path: Path, expected: list[Record]) -> None:
    where = str(tmp_path / 'study.db')
    study = open_study(where)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    study._finish = stop  # type: ignore[method-assign]
    study.release = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run_search(evolution(), study, score)
    study._held.clear()  # as if the process had ended here
    del study._finish, study.release
    calls: list[Arch] = []
    again = open_study(where)
    again.worker = again._watch._me = study.worker

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        return score(arch)

    assert run_search(evolution(), again, evaluate) == expected
    assert len(calls) == 39


@pytest.mark.longer
def test_a_failing_network_is_tried_twice_and_stays_open(
    tmp_path: Path, expected: list[Record]
) -> None:
    where = str(tmp_path / 'study.db')
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        if arch == expected[2].arch:
            raise RuntimeError('out of memory')
        return score(arch)

    failed = contains('2 times', 'out of memory')
    with raises(CandidateError, where=lambda w: w.startswith('slot 2 ('), problem=failed):
        run_search(evolution(), open_study(where), evaluate)
    assert calls == [expected[i].arch for i in (0, 1, 2, 2)]
    assert run_search(evolution(), open_study(where), score) == expected


def test_a_mistake_of_the_user_ends_the_search_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        raise UserError('an image is missing', where='search_dataloader')

    study = open_study(str(tmp_path / 'study.db'))
    with raises(where='search_dataloader', problem='an image is missing'):
        run_search(evolution(), study, evaluate)
    assert len(calls) == 1
    assert 'Traceback' not in caplog.text
    assert study.waiting_for() == []


@pytest.mark.longer
def test_progress_counts_the_network_that_it_tells_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level('INFO')
    line = ProgressLine(OBJECTIVES, 3, io.StringIO())
    run_search(
        random_search(num_total=3), open_study(str(tmp_path / 'study.db')), score, progress=line
    )
    told = [text for text in caplog.messages if text.startswith('slot ')]
    assert [re.search(r'\] (\d/3) ', text)[1] for text in told] == ['1/3', '2/3', '3/3']


@pytest.mark.parametrize(
    ('metrics', 'where', 'got', 'allowed'),
    [
        ({'mIoU': float('nan')}, 'slot 0, mIoU', math.isnan, 'a finite number'),
        ({'mIoU': 1.0, 'loss': float('inf')}, 'slot 0, loss', float('inf'), 'a finite number'),
        ({'mDice': 0.5}, 'search.objectives', 'mIoU', ('mDice',)),
    ],
)
@pytest.mark.longer
def test_a_score_that_is_none_is_an_error(
    metrics: dict[str, float],
    where: str,
    got: object,
    allowed: object,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = open_study(str(tmp_path / 'study.db'))
    with raises(CandidateError, where=where, got=got, allowed=allowed):
        run_search(evolution(), study, lambda arch: metrics)
    assert study.records() == []
    # An arch is too long for the line.
    assert ("its arch: {'family': 'hrnet'" in caplog.text) == where.startswith('slot')


def test_a_score_that_does_not_exist_is_left_out(tmp_path: Path) -> None:
    """As the precision of a class of which the images have none."""
    study = open_study(str(tmp_path / 'study.db'))
    (record,) = run_search(
        random_search(num_total=1), study, lambda _: {'mIoU': 1.0, 'toaster': float('nan')}
    )
    assert record.metrics == {'mIoU': 1.0}
