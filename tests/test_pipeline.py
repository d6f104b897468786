"""Chains of commands: what is done is not done again, what failed is."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from scalenas.pipeline import Step, run_steps
from tests.errors import contains, raises


def count(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def log(tmp_path):
    return tmp_path / 'log.txt'


def step(log, title='write', code='', needs=(), makes=None, resume=()):
    program = f'import sys; open({str(log)!r}, "a").write(" ".join(sys.argv[1:]) + "\\n"); {code}'
    makes = (log,) if makes is None else makes
    return Step(title, (sys.executable, '-c', program), tuple(needs), tuple(makes), tuple(resume))


def test_finished_steps_are_kept(tmp_path, log, capfd):
    for _ in range(2):
        run_steps([step(log)], tmp_path / 'stamps')
    assert count(log) == 1
    assert 'done before' in capfd.readouterr().out


def test_a_changed_input_runs_again(tmp_path, log):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    run_steps([step(log, needs=[config])], tmp_path / 'stamps')
    config.write_text('a = 2')
    run_steps([step(log, needs=[config])], tmp_path / 'stamps')
    assert count(log) == 2


def test_a_lost_output_runs_again(tmp_path, log):
    run_steps([step(log)], tmp_path / 'stamps')
    log.unlink()
    run_steps([step(log)], tmp_path / 'stamps')
    assert count(log) == 1


def test_an_unfinished_step_is_resumed(tmp_path, log):
    gate = tmp_path / 'gate'
    code = f'import pathlib; sys.exit(0 if pathlib.Path({str(gate)!r}).exists() else 3)'
    steps = [step(log, code=code, resume=['--resume'])]
    with raises(where=contains('step 1'), problem=contains('exit code 3')):
        run_steps(steps, tmp_path / 'stamps')
    gate.touch()
    run_steps(steps, tmp_path / 'stamps')
    assert log.read_text().splitlines() == ['', '--resume']


def test_later_steps_do_not_run_after_a_failure(tmp_path, log):
    with raises(where='step 1 (bad)', problem=contains('exit code 1')):
        run_steps([step(log, 'bad', 'sys.exit(1)'), step(log)], tmp_path / 'stamps')
    assert count(log) == 1


@pytest.mark.parametrize('rest', ['', '{"do', '3'])
def test_a_stamp_that_was_cut_off_says_nothing(tmp_path, log, rest):
    run_steps([step(log)], tmp_path / 'stamps')
    (tmp_path / 'stamps/01.json').write_text(rest)
    run_steps([step(log)], tmp_path / 'stamps')
    assert count(log) == 2


def test_what_outlives_a_killed_run_is_waited_for(tmp_path, log):
    """A second training must not write what the first, whose parent was killed, still writes."""
    gate, pid = tmp_path / 'gate', tmp_path / 'pid'
    code = (
        f'import os, pathlib, time; begun = pathlib.Path({str(pid)!r}); end = time.time() + 100\n'
        f'while begun.exists() and not pathlib.Path({str(gate)!r}).exists(): '
        'assert time.time() < end; time.sleep(0.05)\n'
    )
    wait = step(log, code=code, resume=['--resume'])
    pid.touch()
    run = (
        'import pathlib, sys; from scalenas.pipeline import Step, run_steps; '
        f'run_steps([Step(*{(wait.title, wait.command, (), ())!r})], '
        f'pathlib.Path({str(tmp_path / "stamps")!r}))'
    )
    first = subprocess.Popen([sys.executable, '-c', run], stdout=subprocess.DEVNULL)
    while count(log) < 1:
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    second = subprocess.Popen(
        [sys.executable, '-c', run], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert second.stdout is not None
    assert 'waiting for its end' in second.stdout.readline()
    time.sleep(0.5)
    assert count(log) == 1
    gate.touch()
    assert second.wait(timeout=100) == 0
    assert count(log) == 2


def test_stamps_that_cannot_be_kept_are_one_line(tmp_path, log):
    (tmp_path / 'stamps').write_text('a file')
    with raises(where=tmp_path / 'stamps', problem=contains('cannot be a folder')):
        run_steps([step(log)], tmp_path / 'stamps')
    assert count(log) == 0


def test_a_promise_is_checked(tmp_path, log):
    with raises(where=contains('step 1'), problem=contains(tmp_path / 'nothing')):
        run_steps([step(log, makes=[tmp_path / 'nothing'])], tmp_path / 'stamps')


def beside(log, title, code, makes=()):
    return replace(step(log, title, code, makes=makes, resume=['--resume']), share=1.0)


def test_two_run_side_by_side_with_one_thread_each(tmp_path, log, capfd):
    """Each of two waits for a file of the other: one after the other, neither would end."""
    a, b = tmp_path / 'a', tmp_path / 'b'
    code = (
        'import os, pathlib, time; pathlib.Path({0!r}).touch(); end = time.time() + 60\n'
        'while not pathlib.Path({1!r}).exists(): assert time.time() < end; time.sleep(0.01)\n'
        "print('threads', os.environ['OMP_NUM_THREADS'])"
    )
    steps = [
        beside(log, 'a', code.format(str(a), str(b))),
        beside(log, 'b', code.format(str(b), str(a))),
        step(log, 'after'),
    ]
    for _ in range(2):
        run_steps(steps, tmp_path / 'stamps')
    assert count(log) == 3
    said = capfd.readouterr().out
    assert said.count('min left') == 2
    assert said.count('done before') == 3
    assert 'threads 1' not in said
    assert (tmp_path / 'stamps/01.log').read_text() == 'threads 1\n'


def test_side_by_side_a_step_waits_for_what_it_needs(tmp_path, log):
    """Also when it comes before a step that could run, and when what it needs is made anew."""
    made, free = tmp_path / 'made', tmp_path / 'free'
    make = f"import pathlib, time; time.sleep(0.5); pathlib.Path({str(made)!r}).write_text('1')"
    read = f'print(open({str(made)!r}).read())'
    steps = [
        beside(log, 'make', make, (made,)),
        replace(beside(log, 'read', read), needs=(made,)),
        beside(log, 'free', f"open({str(free)!r}, 'w')", (free,)),
    ]
    run_steps(steps, tmp_path / 'stamps')
    assert (tmp_path / 'stamps/02.log').read_text() == '1\n'
    assert free.stat().st_mtime_ns < made.stat().st_mtime_ns
    steps[0] = beside(log, 'make', make.replace("'1'", "'2'"), (made,))
    run_steps(steps, tmp_path / 'stamps')
    assert (tmp_path / 'stamps/02.log').read_text() == '1\n2\n'
    assert count(log) == 5


def test_a_failure_ends_what_runs_beside_it_and_keeps_what_is_done(tmp_path, log):
    gate, pid = tmp_path / 'gate', tmp_path / 'pid'
    ready = f'import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); '
    slow = ready + f'time.sleep(0 if pathlib.Path({str(gate)!r}).exists() else 60)'
    bad = (
        f'import pathlib, time\nwhile not pathlib.Path({str(pid)!r}).exists(): time.sleep(0.01)\n'
        f'sys.exit(0 if pathlib.Path({str(gate)!r}).exists() else 3)'
    )
    steps = [beside(log, 'well', ''), beside(log, 'slow', slow), beside(log, 'bad', bad)]
    began = time.monotonic()
    with raises(where='step 3 (bad)', hint=contains('03.log')):
        run_steps(steps, tmp_path / 'stamps')
    assert time.monotonic() - began < 50
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    gate.touch()
    run_steps(steps, tmp_path / 'stamps')
    assert sorted(log.read_text().splitlines()) == ['', '', '', '--resume', '--resume']


def test_without_locks_it_runs_all_the_same(tmp_path, log, monkeypatch, capfd):
    """As on network file systems that have none; it is said."""

    def refuse(*_):
        raise OSError(38, 'Function not implemented')

    monkeypatch.setattr('fcntl.flock', refuse)
    run_steps([step(log)], tmp_path / 'stamps')
    assert count(log) == 1
    assert 'Function not implemented: do not start this twice' in capfd.readouterr().out
