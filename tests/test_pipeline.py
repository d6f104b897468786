"""Chains of commands: what is done is not done again, what failed is."""

import sys

import pytest

from scalenas.errors import UserError
from scalenas.pipeline import Step, run_steps


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
    with pytest.raises(UserError, match='exit code 3'):
        run_steps(steps, tmp_path / 'stamps')
    gate.touch()
    run_steps(steps, tmp_path / 'stamps')
    assert log.read_text().splitlines() == ['', '--resume']


def test_later_steps_do_not_run_after_a_failure(tmp_path, log):
    with pytest.raises(UserError, match=r'step 1 \(bad\)'):
        run_steps([step(log, 'bad', 'sys.exit(1)'), step(log)], tmp_path / 'stamps')
    assert count(log) == 1


def test_a_promise_is_checked(tmp_path, log):
    with pytest.raises(UserError, match='made no'):
        run_steps([step(log, makes=[tmp_path / 'nothing'])], tmp_path / 'stamps')
