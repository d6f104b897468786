#!/usr/bin/env python3
"""From nothing to a result: makes the environment once, then runs the demo, tests or a command.

python3.11 tools/bootstrap.py demo [segmentation|pose|detection|scalenet|bignas] [its arguments]
python3.11 tools/bootstrap.py test [args of pytest]
python3.11 tools/bootstrap.py run -- COMMAND ...
source "$(python3.11 tools/bootstrap.py env)/bin/activate"

Needs Python 3.11, a C++ compiler and a package index that pip can reach; no root.
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
from pathlib import Path

from environment.build import Builder
from environment.errors import SetupError
from environment.pip import activated
from environment.plan import read_plan

CLONE = Path(__file__).resolve().parents[1]
LINTERS = (
    ['ruff', 'check', '.'],
    ['ruff', 'format', '--check', '.'],
    ['mypy'],
)


def main(arguments: list[str]) -> int:
    """Run one sub-command; returns the exit code of what it ran."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ('', [])
    if name in ('', '-h', '--help') or name not in COMMANDS:
        print(__doc__, file=sys.stdout if name in ('-h', '--help') else sys.stderr)
        return 0 if name in ('-h', '--help') else 2
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _interrupted)  # also where a background shell had told us to ignore it
    try:
        home = Builder(read_plan(CLONE / 'requirements')).build()
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
    return COMMANDS[name](home, rest)


def demo(home: Path, rest: list[str]) -> int:
    """Run tools/demo.py."""
    return _become(home, ['python', str(CLONE / 'tools' / 'demo.py'), *rest])


def test(home: Path, rest: list[str]) -> int:
    """Run the linters, then pytest, whose last line comes last; non-zero when one failed."""
    variables = {**_inside(home), 'OMP_NUM_THREADS': '1'}
    failed = []
    for command in LINTERS:
        print(f'$ {" ".join(command)}', flush=True)
        if subprocess.run(command, cwd=CLONE, env=variables, check=False).returncode:
            failed.append(' '.join(command))
    if failed:
        print(f'FAILED: {", ".join(failed)} (see above); the exit code will say so', flush=True)
    # A module's tests in one process, which makes what they share once; long modules first.
    pytest = ['pytest', '-m', 'not slow', '-n', '2', '--dist', 'loadscope', *rest]
    print(f'$ {" ".join(pytest)}', flush=True)
    code = subprocess.run(pytest, cwd=CLONE, env=variables, check=False).returncode
    return code or int(bool(failed))


def run(home: Path, rest: list[str]) -> int:
    """Run any command."""
    command = rest[1:] if rest[:1] == ['--'] else rest
    if not command:
        print('bootstrap: run what? Write: tools/bootstrap.py run -- COMMAND ...', file=sys.stderr)
        return 2
    return _become(home, command)


def env(home: Path, rest: list[str]) -> int:
    """Print the environment's folder, and nothing else, on stdout."""
    if rest:
        print(f'bootstrap: env takes no arguments, got {" ".join(rest)}', file=sys.stderr)
        return 2
    print(home)
    return 0


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


COMMANDS = {'demo': demo, 'test': test, 'run': run, 'env': env}

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
