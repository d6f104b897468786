"""Journals that were cut, damaged, or left locked: mended before anything is written."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scalenas.arch import Arch
from scalenas.search import Record, SearchStudy, StudyError, run_search
from scalenas.search.journal import MendingJournal
from scalenas.search.recovery import Recovery, record_of
from scalenas.search.study import Candidate

from .table import evolution, open_study, score, search_in_memory

NUM = 20
SEARCH = {'num_initial': 8, 'num_parents': 4, 'num_total': NUM}


@pytest.fixture(scope='module')
def expected() -> list[Record]:
    return search_in_memory(evolution(**SEARCH))


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a search to its end, by a process that is gone."""
    path = tmp_path_factory.mktemp('whole') / 'study.journal'
    study = open_study(str(path))
    started = f'"started":"{study.worker.started}"'.encode()
    run_search(evolution(**SEARCH), study, score)
    return path.read_bytes().replace(started, b'"started":"1"')


def again(path: Path) -> tuple[list[Record], int]:
    """What the same command finds, and how many networks it evaluates for that."""
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        return score(arch)

    return run_search(evolution(**SEARCH), open_study(str(path)), evaluate), len(calls)


@pytest.mark.parametrize('share', [0.02, 0.3, 0.5, 0.77, 0.999])
@pytest.mark.longer
def test_a_cut_journal_goes_on(
    share: float, tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    path = tmp_path / 'study.journal'
    size = int(len(whole) * share)
    path.write_bytes(whole[:size])
    complete = whole[:size].count(b'"state":1')
    records, evaluated = again(path)
    assert records == expected
    assert evaluated <= NUM - complete + 1
    assert all(record_of(line) for line in path.read_bytes().splitlines())
    half = whole[:size].rpartition(b'\n')[2]
    assert Path(f'{path}.cut').read_bytes() == half + b'\n'


def test_a_line_that_lacks_its_end_only_is_kept(
    tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    path = tmp_path / 'study.journal'
    path.write_bytes(whole[:-1])
    assert again(path) == (expected, 0)
    assert not Path(f'{path}.cut').exists()


def test_a_line_is_cut_while_workers_run(tmp_path: Path) -> None:
    """Another program's half line, such as a dashboard's that was killed."""
    path = tmp_path / 'study.journal'
    study = open_study(str(path))
    with open(path, 'ab') as file:
        file.write(b'{"op_code":8,"worker_id":"x","tri')
    assert run_search(evolution(**SEARCH), study, score) == search_in_memory(evolution(**SEARCH))
    assert Path(f'{path}.cut').read_bytes() == b'{"op_code":8,"worker_id":"x","tri\n'


def test_what_stock_optuna_made_of_a_half_line_is_mended(
    tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    """Its next writer appends to the half line, and from then on nobody can read the file."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = tmp_path / 'study.journal'
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    complete = path.read_bytes().count(b'"state":1')
    with pytest.raises((ValueError, AssertionError)):
        JournalStorage(JournalFileBackend(str(path))).create_new_study([1, 1], 'another')  # type: ignore[list-item]
    before = path.read_bytes()
    records, evaluated = again(path)
    assert records == expected
    assert evaluated <= NUM - complete + 1
    assert Path(f'{path}.damaged-1').read_bytes() == before


def damaged(data: bytes, rng: random.Random) -> bytes:
    """With some bytes in the middle that are no longer what they were."""
    start = rng.randrange(len(data) - 400)
    size = rng.choice([1, 3, 40, 400])
    kind = rng.randrange(4)
    if kind == 0:
        middle = b'\0' * size
    elif kind == 1:
        middle = rng.randbytes(size)
    elif kind == 2:  # a whole line is gone
        lines = data.splitlines(keepends=True)
        lines[rng.randrange(len(lines))] = b'#' * 50 + b'\n'
        return b''.join(lines)
    else:
        middle = b'\n' * size
    return data[:start] + middle + data[start + size :]


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.longer
def test_no_network_gets_the_result_of_another(seed: int, tmp_path: Path, whole: bytes) -> None:
    """Whatever is damaged: what is kept is true, the rest is evaluated again."""
    path = tmp_path / 'study.journal'
    broken = damaged(whole, random.Random(seed))
    path.write_bytes(broken)
    try:
        kept = SearchStudy.read(str(path)).records()
    except StudyError:  # its settings were hit: then it is not taken for the study
        kept = []
    assert path.read_bytes() == broken
    for record in kept:
        assert record.metrics == score(record.arch)
    try:
        records, evaluated = again(path)
    except StudyError:
        assert not kept
        return
    assert records == search_in_memory(evolution(**SEARCH))
    assert evaluated <= NUM - len(kept)  # less where only the line that ends a trial was hit


def test_a_lost_line_costs_its_network_alone(
    tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    """Also where the line made a trial, by whose number all later lines are counted."""
    lines = whole.splitlines(keepends=True)
    made = [i for i, line in enumerate(lines) if line.startswith(b'{"op_code":4,')]
    lines[made[7]] = b'\0' * (len(lines[made[7]]) - 1) + b'\n'
    path = tmp_path / 'study.journal'
    path.write_bytes(b''.join(lines))
    kept = {record.slot for record in SearchStudy.read(str(path)).records()}
    assert kept == set(range(NUM)) - {7}
    assert again(path) == (expected, 1)
    # Mended in its place: who reads on from a known position finds the same lines there.
    assert path.read_bytes().splitlines()[-1][:20] != b''
    assert path.read_bytes().find(lines[made[9]]) == b''.join(lines).find(lines[made[9]])


def test_the_line_that_made_the_study_may_be_lost(
    tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    path = tmp_path / 'study.journal'
    first, _, rest = whole.partition(b'\n')
    path.write_bytes(first.replace(b'"op_code":0', b'"op_c?de":0') + b'\n' + rest)
    assert again(path) == (expected, 0)
    path.write_bytes(b'#' * len(first) + b'\n' + rest)
    study = SearchStudy.read(str(path))
    assert (study.name, study.records()) == ('recovered-0', expected)
    path.write_bytes(rest)  # nothing is in its place
    study = SearchStudy.read(str(path))
    assert (study.name, study.records()) == ('recovered-0', expected)
    open_study(str(path))
    assert SearchStudy.names(str(path)) == ['recovered-0', 'test']


@pytest.mark.parametrize('end', [b'\n\n', b'\r\n\r\n', b'\n \n'])
def test_blank_lines_cost_nothing(
    end: bytes, tmp_path: Path, whole: bytes, expected: list[Record]
) -> None:
    path = tmp_path / 'study.journal'
    path.write_bytes(whole.replace(b'\n', end))
    assert SearchStudy.read(str(path)).records() == expected
    assert again(path) == (expected, 0)


@pytest.mark.parametrize(
    'content',
    [b'a log\nwithout an end', b'SQLite format 3\0\n\0', b'{"a": 1}\n{"op_code":0', b'x'],
)
def test_a_file_of_another_program_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'train.log'
    path.write_bytes(content)
    with pytest.raises(StudyError) as error:
        open_study(str(path))
    assert str(path) in error.value.where
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ['train.log']


def test_a_damaged_journal_that_is_worked_on_is_left_alone(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / 'study.journal'
    study = open_study(str(path))
    arch = evolution().space.smallest()
    process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    try:
        study.worker = type(study.worker)(
            study.worker.machine, study.worker.node, process.pid, '', 'other'
        )
        assert study.claim([Candidate(0, arch, evolution().cost(arch), 0)]) is not None
        broken = path.read_bytes().replace(b'"op_code":2', b'"op_code":\0', 1)
        path.write_bytes(broken)
        with pytest.raises(StudyError) as error:
            open_study(str(path))
        assert str(process.pid) in error.value.problem
        assert path.read_bytes() == broken
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize('content', [b'', b'{"op_code":0,"worker_id":"a'])
def test_a_journal_that_holds_nothing_yet_begins(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'study.journal'
    path.write_bytes(content)
    open_study(str(path))
    assert SearchStudy.names(str(path)) == ['test']


def test_an_empty_journal_is_read_as_empty(tmp_path: Path) -> None:
    path = tmp_path / 'study.journal'
    path.touch()
    assert SearchStudy.names(str(path)) == []
    with pytest.raises(StudyError) as error:
        SearchStudy.read(str(path))
    assert error.value.where.endswith('study.journal')
    assert path.read_bytes() == b''


HOLD = """
import os, signal, sys
from scalenas.search.journal import MendingJournal
journal = MendingJournal(sys.argv[1])
journal._lock.acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize('relative', [False, True])
@pytest.mark.longer
def test_the_lock_of_a_killed_writer_is_taken_over(
    relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, where Optuna waits 30 s, or for ever where the path is relative."""
    monkeypatch.chdir(tmp_path)
    Path('runs').mkdir()
    where = 'runs/study.journal' if relative else str(tmp_path / 'runs/study.journal')
    open_study(where)
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, '-c', HOLD, where], env={**os.environ, 'PYTHONPATH': str(root)})
    assert os.path.lexists(f'{where}.lock')
    start = time.monotonic()
    open_study(where)
    assert time.monotonic() - start < 10
    assert not os.path.lexists(f'{where}.lock')


def test_a_write_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'study.journal'
    open_study(str(path))
    before = path.read_bytes()
    journal = MendingJournal(str(path))
    real, done = os.write, []

    def write(file: int, data: bytes) -> int:
        if done:
            raise OSError(28, 'No space left on device')
        done.append(data)
        return real(file, data[:7])

    with monkeypatch.context() as patch:
        patch.setattr('scalenas.search.journal.os.write', write)
        with pytest.raises(OSError, match='No space'):
            journal.append_logs([{'op_code': 0, 'worker_id': ''}])
    assert done
    assert path.read_bytes() == before


def test_a_record_says_what_it_needs() -> None:
    line = b'{"op_code":8,"worker_id":"a-1","trial_id":3,"user_attr":{"heartbeat":1}}'
    assert record_of(line) == json.loads(line)
    for old, new in ((b'8', b'99'), (b'"a-1"', b'1'), (b'3', b'"3"'), (b'{"heartbeat":1}', b'0')):
        assert record_of(line.replace(old, new, 1)) is None
    recovery = Recovery(line + b'\n', Path('x'))
    assert not recovery.is_needed


def test_a_full_disk_leaves_a_damaged_journal_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'study.journal'
    open_study(str(path))
    first, rest = path.read_bytes().split(b'\n', 1)
    broken = b'#' * len(first) + b'\n' + rest
    path.write_bytes(broken)
    before = {path.name for path in tmp_path.iterdir()}
    recovery = Recovery(broken, path)
    assert recovery.is_needed

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        recovery.write()
    assert {path.name for path in tmp_path.iterdir()} == before
    assert path.read_bytes() == broken
