"""Making the environment with a stand-in for pip: resumed, locked, repaired, and aloud."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from projects.environment.build import Builder
from projects.environment.errors import SetupError
from projects.environment.plan import Plan, Step

ROOT = Path(__file__).resolve().parents[3]
STEPS = tuple(Step(name, f'installing {name}', 'a moment', ()) for name in ('one', 'two', 'three'))
MORE = Step('more', 'compiling more', 'a moment', (), full=True)
SCRIPT = """
import sys, time
from pathlib import Path
root = Path(sys.argv[1])
with open(root / 'ran', 'a') as ran:
    print(sys.argv[2], file=ran)
site = Path(sys.prefix, 'lib', f'python3.{sys.version_info[1]}', 'site-packages')
info = site / f'{sys.argv[2]}-1.dist-info'
if (root / f'slow-{sys.argv[2]}').exists():
    print('[3/7] c++ nms.o', flush=True)
    (root / 'sleeping').touch()
    time.sleep(float((root / f'slow-{sys.argv[2]}').read_text()))
if (root / f'fail-{sys.argv[2]}').exists():
    sys.exit('No space left on device')
info.mkdir(exist_ok=True)
(info / 'RECORD').touch()
"""


def plan_in(root: Path) -> Plan:
    return Plan(STEPS, (), '', False, root / 'abc', 'key')


def fake_pip(step: Step, plan: Plan) -> Iterator[list[str]]:
    yield [str(plan.python), '-I', '-c', SCRIPT, str(plan.root), step.name]


def builder(root: Path) -> Builder:
    return Builder(plan_in(root), fake_pip, lambda *_: None, io.StringIO(), news_every=0.1)


def said(made: Builder) -> str:
    assert isinstance(made.out, io.StringIO)
    return made.out.getvalue()


def ran(root: Path) -> list[str]:
    return (root / 'ran').read_text().split()


def start(root: Path) -> subprocess.Popen[str]:
    """A builder in a process of its own, ended by signals as the command is."""
    code = (
        'import sys, signal; sys.path.insert(0, sys.argv[1]); from pathlib import Path; '
        'signal.signal(signal.SIGINT, signal.default_int_handler); '
        f'from {__name__} import builder; from dataclasses import replace; '
        'replace(builder(Path(sys.argv[2])), out=sys.stderr).build()'
    )
    command = [sys.executable, '-c', code, str(ROOT), str(root)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_step_runs_once_and_a_second_start_does_nothing(tmp_path: Path) -> None:
    first = builder(tmp_path)
    assert first.build() == tmp_path / 'abc'
    assert '[3/3] installing three: done' in said(first)
    again = builder(tmp_path)
    assert again.ready()
    assert again.build() == tmp_path / 'abc'
    assert said(again) == ''
    assert ran(tmp_path) == ['one', 'two', 'three']


def test_a_failed_step_says_why_and_the_next_start_continues_there(tmp_path: Path) -> None:
    (tmp_path / 'fail-two').touch()
    failed = builder(tmp_path)
    with pytest.raises(
        SetupError, match=r'installing two failed \(exit code 1\), log .*disk is full'
    ):
        failed.build()
    assert '    | No space left on device' in said(failed)
    (tmp_path / 'fail-two').unlink()
    again = builder(tmp_path)
    again.build()
    assert '1 of 3 steps were finished before' in said(again)
    assert ran(tmp_path) == ['one', 'two', 'two', 'three']


def test_only_the_end_of_a_long_log_is_shown(tmp_path: Path) -> None:
    noise = [sys.executable, '-c', 'for i in range(100): print("line", i)\nraise SystemExit(3)']
    failed = Builder(plan_in(tmp_path), lambda *_: [noise], lambda *_: None, io.StringIO())
    with pytest.raises(SetupError, match='exit code 3'):
        failed.build()
    shown = [line for line in said(failed).splitlines() if line.startswith('    | ')]
    assert (len(shown), shown[0], shown[-1]) == (30, '    | line 70', '    | line 99')
    assert 'line 0\n' in plan_in(tmp_path).log.read_text()


def test_a_long_step_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / 'slow-two').write_text('0.5')
    made = builder(tmp_path)
    made.build()
    assert '      installing two: 3 of 7 files, 0 s (a moment)' in said(made)


def test_an_interruption_ends_the_step_and_the_next_start_continues(tmp_path: Path) -> None:
    (tmp_path / 'slow-two').write_text('600')
    process = start(tmp_path)
    wait_for((tmp_path / 'sleeping').exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    (tmp_path / 'slow-two').unlink()
    again = builder(tmp_path)
    again.build()
    assert 'waiting' not in said(again)  # the interrupted step has let go of the lock
    assert ran(tmp_path) == ['one', 'two', 'two', 'three']


def test_after_kill_9_the_next_start_waits_for_the_orphaned_step(tmp_path: Path) -> None:
    (tmp_path / 'slow-two').write_text('1')
    process = start(tmp_path)
    wait_for((tmp_path / 'sleeping').exists)
    process.kill()
    process.communicate()
    again = builder(tmp_path)
    again.build()
    assert 'another start is making an environment' in said(again)
    assert ran(tmp_path)[-1] == 'three'
    assert again.ready()


def test_a_second_start_waits_and_uses_what_the_first_made(tmp_path: Path) -> None:
    (tmp_path / 'slow-two').write_text('1')
    process = start(tmp_path)
    wait_for((tmp_path / 'sleeping').exists)
    second = builder(tmp_path)
    second.build()
    _, first_said = process.communicate(timeout=60)
    assert process.returncode == 0, first_said
    assert 'waiting for it' in said(second)
    assert '[1/3]' not in said(second)
    assert ran(tmp_path) == ['one', 'two', 'three']


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path: Path) -> None:
    builder(tmp_path).build()
    (tmp_path / 'abc' / 'bin' / 'python').unlink()
    again = builder(tmp_path)
    assert not again.ready()
    again.build()
    assert 'the environment is broken' in said(again)
    assert ran(tmp_path) == ['one', 'two', 'three'] * 2


def test_a_python_that_does_not_start_counts_as_gone(tmp_path: Path) -> None:
    builder(tmp_path).build()
    python = tmp_path / 'abc' / 'bin' / 'python'
    python.unlink()
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    assert not builder(tmp_path).ready()


def test_a_distribution_removed_by_hand_is_noticed_and_comes_back(tmp_path: Path) -> None:
    made = builder(tmp_path)
    made.build()
    (two,) = (tmp_path / 'abc').rglob('two-1.dist-info')
    shutil.rmtree(two)
    again = builder(tmp_path)
    assert not again.ready()
    again.build()
    assert 'missing from the environment: two-1.dist-info' in said(again)
    assert two.is_dir()


def test_half_a_distribution_does_not_pass_for_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / 'fail-two').touch()
    with pytest.raises(SetupError):
        builder(tmp_path).build()
    (one,) = (tmp_path / 'abc').rglob('one-1.dist-info')
    half = one.with_name('torch-2.dist-info')  # a killed pip: files unpacked, RECORD not written
    half.mkdir()
    (half / 'METADATA').touch()
    (tmp_path / 'fail-two').unlink()
    builder(tmp_path).build()
    assert not half.exists()
    assert one.is_dir()


def test_a_venv_without_its_first_step_is_made_again(tmp_path: Path) -> None:
    (tmp_path / 'fail-one').touch()
    with pytest.raises(SetupError):
        builder(tmp_path).build()
    leftover = tmp_path / 'abc' / 'leftover'
    leftover.touch()
    (tmp_path / 'fail-one').unlink()
    builder(tmp_path).build()
    assert not leftover.exists()


def test_what_a_killed_pip_unpacked_is_cleared_away(tmp_path: Path) -> None:
    scratch = plan_in(tmp_path).scratch
    scratch.mkdir(parents=True)
    (scratch / 'torch.whl').touch()
    builder(tmp_path).build()
    assert not scratch.exists()


def in_parts(root: Path) -> tuple[Builder, Builder]:
    """Builders of the basic and of the full environment in one folder."""
    full = replace(builder(root), plan=replace(plan_in(root), steps=(*STEPS, MORE)))
    return replace(full, plan=full.plan.basic(), out=io.StringIO()), full


def test_the_full_environment_adds_to_the_basic_one(tmp_path: Path) -> None:
    basic, full = in_parts(tmp_path)
    basic.build()
    assert ran(tmp_path) == ['one', 'two', 'three']
    assert (basic.ready(), full.ready()) == (True, False)
    assert full.build() == basic.plan.home
    assert '3 of 4 steps were finished before' in said(full)
    assert ran(tmp_path) == ['one', 'two', 'three', 'more']
    assert (basic.ready(), full.ready()) == (True, True)
    shutil.rmtree(next((tmp_path / 'abc').rglob('more-1.dist-info')))
    assert not full.ready()
    full.build()
    assert full.ready()


def test_nothing_is_added_under_a_command_that_runs(tmp_path: Path) -> None:
    basic, full = in_parts(tmp_path)
    basic.build()
    code = (
        'import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import os; '
        f'from {__name__} import in_parts; in_parts(Path(sys.argv[2]))[0].use(); '
        'os.execvp("sh", ["sh", "-c", "echo runs; read line"])'
    )
    user = subprocess.Popen(
        [sys.executable, '-c', code, str(ROOT), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == 'runs\n'
    thread = threading.Thread(target=full.build)
    thread.start()
    wait_for(lambda: 'a command runs in' in said(full))
    assert ran(tmp_path) == ['one', 'two', 'three']
    assert basic.build() == full.plan.home  # those that need no more do not wait
    user.communicate('\n')
    thread.join(60)
    assert ran(tmp_path)[3:] == ['more']


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        builder(tmp_path / 'envs').build()
