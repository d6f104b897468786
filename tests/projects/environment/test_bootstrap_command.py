"""The command itself, on an environment that stands ready: paths, variables, exit codes."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from projects.environment.plan import read_plan

ROOT = Path(__file__).resolve().parents[3]
BOOTSTRAP = ROOT / 'tools' / 'bootstrap.py'
STANDARD = (3, 11)

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != STANDARD, reason='the bootstrap is for 3.11'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty virtual environment with the stamp of a finished one."""
    home = read_plan(ROOT / 'requirements', {'SCALENAS_ENV_HOME': str(tmp_path)}).home
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(home)], check=True)
    (home / '.steps').mkdir()
    for step in read_plan(ROOT / 'requirements', {}).steps:
        (home / '.steps' / step.name).touch()
    (home / '.steps' / 'complete').touch()
    return home


def bootstrap(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: os.environ[key] for key in os.environ if not key.startswith('SCALENAS_')}
    return subprocess.run(
        [sys.executable, str(BOOTSTRAP), *arguments],
        env={**kept, 'SCALENAS_ENV_HOME': str(home.parent), **variables},
        cwd=home.parent if home.exists() else None,
        capture_output=True,
        text=True,
        check=False,
    )


def program(home: Path, name: str, prints: str, code: int = 0) -> None:
    path = home / 'bin' / name
    path.write_text(f'#!/bin/sh\necho "{prints}"\nexit {code}\n')
    path.chmod(0o755)


def test_env_prints_the_folder_and_nothing_else(home: Path) -> None:
    done = bootstrap(home, 'env')
    assert (done.returncode, done.stdout, done.stderr) == (0, f'{home}\n', '')


def test_the_printed_folder_can_be_activated(home: Path) -> None:
    line = f'source "$({sys.executable} {BOOTSTRAP} env)/bin/activate" && command -v python'
    variables = {**os.environ, 'SCALENAS_ENV_HOME': str(home.parent)}
    for name in ('SCALENAS_TORCH', 'SCALENAS_TORCH_INDEX', 'SCALENAS_MMCV_CUDA'):
        variables.pop(name, None)
    done = subprocess.run(
        ['bash', '-c', line], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(home / 'bin' / 'python')


def test_run_takes_this_clone_and_that_environment(home: Path) -> None:
    code = 'import os, sys; print(sys.prefix, os.environ["PYTHONPATH"], os.environ["VIRTUAL_ENV"])'
    done = bootstrap(home, 'run', '--', 'python', '-c', code, PYTHONPATH='mine')
    assert done.stdout.split() == [str(home), f'{ROOT}:mine', str(home)]


def test_the_environment_does_not_hold_the_clone(home: Path) -> None:
    done = bootstrap(home, 'run', '--', 'python', '-c', 'import scalenas; print(scalenas.__file__)')
    assert done.stdout.strip() == str(ROOT / 'scalenas' / '__init__.py')
    assert not list((home / 'lib').rglob('*scalenas*'))


def test_the_exit_code_is_the_commands_own(home: Path) -> None:
    assert bootstrap(home, 'run', '--', 'python', '-c', 'raise SystemExit(7)').returncode == 7


def test_a_command_that_does_not_exist(home: Path) -> None:
    done = bootstrap(home, 'run', '--', 'no-such-command')
    assert done.returncode == 127
    assert done.stderr == 'bootstrap: cannot run no-such-command: No such file or directory\n'


@pytest.mark.parametrize(
    ('linter', 'pytest_code', 'expected'), [(0, 0, 0), (0, 1, 1), (1, 0, 1), (0, 5, 5)]
)
def test_test_is_honest_and_ends_with_pytests_line(
    home: Path, linter: int, pytest_code: int, expected: int
) -> None:
    program(home, 'ruff', 'ruff $*', linter)
    program(home, 'mypy', 'mypy $*')
    program(home, 'pytest', 'pytest OMP=$OMP_NUM_THREADS $*', pytest_code)
    done = bootstrap(home, 'test', '-k', 'arch')
    lines = [line for line in done.stdout.splitlines() if not line.startswith('$')]
    shown = [line for line in lines if not line.startswith('FAILED')]
    assert shown == [
        'ruff check .',
        'ruff format --check .',
        'mypy ',
        'pytest OMP=1 -m not slow -n 2 --dist loadscope --max-worker-restart 0 -k arch',
    ]
    assert lines[-1].startswith('pytest')
    assert done.returncode == expected
    assert any(line.startswith('FAILED: ruff check') for line in lines) == bool(linter)


SUITE = """
import os, signal
from pathlib import Path

def test_before(): note('before')

def test_fails():
    note('fails')
    assert not FAILS

def test_dies():
    note('dies')
    if seen().count('dies') <= DIES:
        os.kill(os.getpid(), signal.SIGKILL)

def test_after(): note('after')

def note(name):
    with open('seen', 'a') as file:
        file.write(name + '\\n')

def seen(): return Path('seen').read_text().split()
"""


@pytest.mark.longer
@pytest.mark.parametrize(
    ('dies', 'fails', 'code', 'seen'),
    [
        (0, False, 0, ['before', 'fails', 'dies', 'after']),
        (1, False, 0, ['before', 'fails', 'dies', 'dies', 'after']),
        (2, False, 1, ['before', 'fails', 'dies', 'dies']),
        (1, True, 1, ['before', 'fails', 'dies', 'dies', 'after']),
    ],
)
def test_a_process_that_dies_costs_no_test_and_hides_no_failure(
    dies: int, fails: bool, code: int, seen: list[str], tmp_path: Path
) -> None:
    """With pytest itself, in one process of pytest-xdist."""
    text = SUITE.replace('DIES', str(dies)).replace('FAILS', str(fails))
    (tmp_path / 'test_it.py').write_text(text)
    (tmp_path / 'conftest.py').write_text(
        'from tests import finished\n'
        'def pytest_configure(config): finished.begin(config)\n'
        'def pytest_collection_modifyitems(items, config): finished.leave_out(items, config)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', RUN, str(BOOTSTRAP), str(tmp_path)],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTEST_ADDOPTS': '-p no:cacheprovider'},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert (tmp_path / 'seen').read_text().split() == seen
    assert ('exit status -9' in done.stdout) == bool(dies)


RUN = """
import os, runpy, sys
from pathlib import Path
main = runpy.run_path(sys.argv[1])
test = main['test']
inside = {key: value for key, value in os.environ.items() if not key.startswith('PYTEST_XDIST')}
test.__globals__.update(CLONE=Path(sys.argv[2]), LINTERS=(), _inside=lambda home: inside)
sys.exit(test(Path('.'), ['-n', '1']))
"""


@pytest.mark.parametrize(('arguments', 'code'), [((), 2), (('tset',), 2), (('--help',), 0)])
def test_usage(home: Path, arguments: tuple[str, ...], code: int) -> None:
    done = bootstrap(home, *arguments)
    assert done.returncode == code
    assert 'bootstrap.py demo' in (done.stderr if code else done.stdout)


@pytest.mark.parametrize('flag', ['-h', '--help'])
@pytest.mark.parametrize(
    'before', [('demo',), ('demo', 'pose'), ('test',), ('test', '-k', 'x'), ('run',), ('env',)]
)
def test_help_of_a_sub_command_makes_nothing(
    tmp_path: Path, before: tuple[str, ...], flag: str
) -> None:
    done = bootstrap(tmp_path / 'envs' / 'hash', *before, flag)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith(f'usage: bootstrap.py {before[0]}')
    assert not (tmp_path / 'envs').exists()


@pytest.mark.parametrize(
    'arguments', [('env', 'x'), ('env', '--x'), ('run',), ('run', '--'), ('demo', 'poes')]
)
def test_wrong_arguments_make_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = bootstrap(tmp_path / 'envs' / 'hash', *arguments)
    assert (done.returncode, done.stdout) == (2, '')
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / 'envs').exists()


def test_the_help_of_a_command_is_its_own(home: Path) -> None:
    for arguments in (('--', 'python', '-h'), ('python', '--help')):
        assert 'usage: python' in bootstrap(home, 'run', *arguments).stdout.replace(str(home), '')


def test_the_demos_are_those_that_there_are() -> None:
    from projects import demo

    assert runpy.run_path(str(BOOTSTRAP))['DEMOS'] == demo.DEMOS


@pytest.mark.parametrize('version', [(3, 8), (3, 13)])
def test_another_python_is_refused_in_one_line(version: tuple[int, int]) -> None:
    code = (
        f'import sys, runpy; sys.version_info = {(*version, 0)}; '
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, '-c', code, str(BOOTSTRAP), 'env']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert (
        f'Python {version[0]}.{version[1]}, and the pinned packages are for Python 3.11'
        in done.stderr
    )


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    inside_a_file = str(tmp_path / 'file' / 'envs')
    done = bootstrap(tmp_path / 'hash', 'env', SCALENAS_ENV_HOME=inside_a_file)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert 'SCALENAS_ENV_HOME' in done.stderr


def test_the_check_calls_the_test_command() -> None:
    text = (ROOT / '.ci' / 'run').read_text()
    assert 'set -euo pipefail' in text
    assert '"$python" tools/bootstrap.py test' in text
    assert os.access(ROOT / '.ci' / 'run', os.X_OK)
