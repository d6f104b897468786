#!/usr/bin/env python3
"""From nothing to a result: makes the environment once, then runs the demo, tests or a command.

python3.11 tools/bootstrap.py demo [segmentation|pose|detection|trees|scalenet|bignas] [OPTION ...]
python3.11 tools/bootstrap.py test [args of pytest]
python3.11 tools/bootstrap.py run -- COMMAND ...
source "$(python3.11 tools/bootstrap.py env [basic])/bin/activate"

Needs Python 3.11 and a package index that pip can reach; no root. All but `env basic` and the demos
of segmentation, scalenet and bignas compile mmcv's operators, and need a C++ compiler, too.
Environments lie in $SCALENAS_ENV_HOME, else $XDG_CACHE_HOME/scalenas/envs, else
~/.cache/scalenas/envs, one a set of requirements, and are shared by all clones.

SCALENAS_TORCH         what to install as torch, default: torch===2.13.0 torchvision===0.28.0
SCALENAS_TORCH_INDEX   an extra package index for it
SCALENAS_MMCV_CUDA=1   compile mmcv's operators for the GPU too (needs nvcc of torch's CUDA version)
"""

import os
import subprocess
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(
        'bootstrap: this is Python %d.%d, and the pinned packages are for Python 3.11: '  # noqa: UP031 (old Pythons)
        'run `python3.11 tools/bootstrap.py ...`' % sys.version_info[:2]
    )
if sys.platform == 'win32':
    sys.exit('bootstrap: Windows is not supported: use Linux, macOS or WSL')

import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from projects.environment.build import Builder
from projects.environment.errors import SetupError
from projects.environment.pip import activated
from projects.environment.plan import read_plan

CLONE = Path(__file__).resolve().parents[1]
LINTERS = (
    ['ruff', 'check', '.'],
    ['ruff', 'format', '--check', '.'],
    ['mypy'],
)


def main(arguments: list[str]) -> int:
    """Run one sub-command; returns the exit code of what it ran."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ('', [])
    if name in HELP:
        print(__doc__)
        return 0
    if name not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    command = COMMANDS[name]
    # What can be answered without an environment is answered before one is made.
    if set(rest if command.own_options else rest[:1]) & set(HELP):
        print(command.usage)
        return 0
    wrong = command.wrong(rest)
    if wrong:
        print(f'bootstrap: {wrong}', file=sys.stderr)
        return 2
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _interrupted)  # also where a background shell had told us to ignore it
    try:
        plan = read_plan(CLONE / 'requirements')
        basic = command.basic(rest)
        builder = Builder(plan.basic() if basic else plan)
        home = builder.build()
        if basic:
            builder.use()
    except SetupError as error:
        print(f'bootstrap: {error}', file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f'bootstrap: {error}: check the folder, or name another in SCALENAS_ENV_HOME',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(
            '\nbootstrap: interrupted; the same command continues where this one stopped',
            file=sys.stderr,
        )
        return 130
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler if sign == signal.SIGINT else signal.SIG_DFL)
    return command.act(home, rest)


@dataclass(frozen=True)
class Command:
    """A sub-command: its help, what is wrong with its arguments ('': nothing), what it does.

    `own_options` is False where words after the first belong to another command; `basic` says with
    which arguments it works without what has to be compiled.
    """

    usage: str
    wrong: Callable[[list[str]], str]
    act: Callable[[Path, list[str]], int]
    own_options: bool = True
    basic: Callable[[list[str]], bool] = lambda rest: False


def demo(home: Path, rest: list[str]) -> int:
    """Run tools/demo.py."""
    return _become(home, ['python', str(CLONE / 'tools' / 'demo.py'), *rest])


CRASH = ('--max-worker-restart', '0')
"""A crash ends the run: with loadscope, pytest-xdist 3.8.0 waits forever after a restart."""

DONE = 'SCALENAS_TESTS_DONE'
"""Variable that names a file of tests that have ended, see tests/finished.py."""


def test(home: Path, rest: list[str]) -> int:
    """Run the linters, then pytest, whose last line comes last; non-zero when one failed.

    When a process of the tests dies, as for lack of memory or in somebody's compiled library, it is
    said how, and what has not ended by then runs in new ones: a test that dies twice has failed.
    """
    variables = {**_inside(home), 'OMP_NUM_THREADS': '1'}
    failed = []
    for command in LINTERS:
        print(f'$ {" ".join(command)}', flush=True)
        if subprocess.run(command, cwd=CLONE, env=variables, check=False).returncode:
            failed.append(' '.join(command))
    if failed:
        print(f'FAILED: {", ".join(failed)} (see above); the exit code will say so', flush=True)
    # A module's tests in one process, which makes what they share once; long modules first.
    pytest = ['pytest', '-m', 'not slow', '-n', '2', '--dist', 'loadscope', *CRASH, *rest]
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder, 'done')
        done.touch()
        variables[DONE] = str(done)
        died = list[str]()
        while True:
            print(f'$ {" ".join(pytest)}', flush=True)
            code = subprocess.run(pytest, cwd=CLONE, env=variables, check=False).returncode
            lines, before = done.read_text().splitlines(), len(died)
            died = [line for line in lines if line.startswith('died ')]
            if len(died) == before or len(set(died)) < len(died):
                break
            ended = [line for line in lines if line.startswith('ended ')]
            print(f'a process {ended[-1]}; {died[-1]}: running what is left', flush=True)
        if died:
            failed += [line for line in lines if line.startswith('failed ')]
    return code or int(bool(failed))


def run(home: Path, rest: list[str]) -> int:
    """Run any command."""
    return _become(home, _command(rest))


def env(home: Path, rest: list[str]) -> int:
    """Print the environment's folder, and nothing else, on stdout."""
    print(home)
    return 0


def _command(rest: list[str]) -> list[str]:
    return rest[1:] if rest[:1] == ['--'] else rest


def _become(home: Path, command: list[str]) -> int:
    """Replace this process, so that signals and the exit code are the command's own."""
    try:
        os.execvpe(command[0], command, _inside(home))
    except OSError as error:
        print(f'bootstrap: cannot run {command[0]}: {error.strerror}', file=sys.stderr)
    return 127


def _inside(home: Path) -> dict[str, str]:
    """The variables of a command: the environment's programs and this clone's package first."""
    path = os.pathsep.join(filter(None, [str(CLONE), os.environ.get('PYTHONPATH')]))
    return {**activated(home, dict(os.environ)), 'PYTHONPATH': path}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _no_demo(rest: list[str]) -> str:
    if not rest or rest[0].startswith('-') or rest[0] in DEMOS:
        return ''
    return f'no demo is called {rest[0]!r}; there are {", ".join(DEMOS)}'


def _no_command(rest: list[str]) -> str:
    return '' if _command(rest) else 'run what? Write: tools/bootstrap.py run -- COMMAND ...'


def _arguments(rest: list[str]) -> str:
    return '' if rest in ([], ['basic']) else f"env takes 'basic' or nothing, got {' '.join(rest)}"


def _compiles_nothing(rest: list[str]) -> bool:
    return not set(rest) & set(WITH_OPERATORS)


def _none(rest: list[str]) -> str:
    return ''


HELP = ('-h', '--help')
DEMOS = ('segmentation', 'pose', 'detection', 'trees', 'scalenet', 'bignas')
WITH_OPERATORS = ('pose', 'detection', 'trees')
COMMANDS = {
    'demo': Command(
        f"""usage: bootstrap.py demo [{'|'.join(DEMOS)}] [OPTION ...]

Makes the environment if need be (6 GB, about 3 minutes; for pose, detection and trees 10, since
mmcv's operators are compiled), then runs a demo in it. The options are those of tools/demo.py:
bootstrap.py run -- python tools/demo.py --help""",
        _no_demo,
        demo,
        basic=_compiles_nothing,
    ),
    'test': Command(
        """usage: bootstrap.py test [ARGUMENT ...]

Makes the environment if need be (6 GB, about 10 minutes), then runs the linters and the tests in
it. The arguments are those of pytest, such as -k WORD or -m slow; more:
bootstrap.py run -- pytest --help""",
        _none,
        test,
    ),
    'run': Command(
        """usage: bootstrap.py run -- COMMAND ...

Makes the environment if need be (6 GB, about 10 minutes), then runs COMMAND in it, with this
clone's package.""",
        _no_command,
        run,
        own_options=False,
    ),
    'env': Command(
        """usage: bootstrap.py env [basic]

Makes the environment if need be (6 GB, about 10 minutes) and prints its folder, and nothing else:

    source "$(bootstrap.py env)/bin/activate"

With `basic`, which takes about 3 minutes, nothing is compiled: segmentation and classification
work, detection and pose do not, nor the tests. Without it, what is missing is added to the folder.
""",
        _arguments,
        env,
        basic=lambda rest: rest == ['basic'],
    ),
}

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
