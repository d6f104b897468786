"""The commands of a step, and what its log says when one fails."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import SetupError
from .plan import Plan, Step

GIB = 2**30
DISK_GIB = 8
JOB_GIB = 2  # the compiler takes about 1.5 GiB for mmcv's largest file
COMPILERS = ('c++', 'g++', 'clang++')
FOREIGN = ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER', 'PIP_CONSTRAINT')

TROUBLE = {
    r'No space left on device': 'the disk is full: free about 8 GB, then repeat the command',
    r'NewConnectionError|NameResolution|name resolution|ConnectTimeout|ProxyError|unreachable': (
        "pip reaches no package index: check the network, the proxy and pip's configuration, "
        'then repeat the command'
    ),
    r'SSLError|CERTIFICATE_VERIFY_FAILED': (
        "the index's certificate is not accepted: name yours in PIP_CERT, then repeat the command"
    ),
    r'Killed signal terminated program|Cannot allocate memory': (
        'the compiler ran out of memory: repeat the command with MAX_JOBS=1'
    ),
    r'No matching distribution|Could not find a version': (
        "pip's index lacks a pinned version: check pip's index and SCALENAS_TORCH"
    ),
}


def commands(step: Step, plan: Plan) -> Iterator[list[str]]:
    """What a step runs, in order."""
    pip = [str(plan.python), '-m', 'pip']
    limits = [word for path in plan.constraints for word in ('-c', str(path))]
    if plan.index:
        limits += ['--extra-index-url', plan.index]
    if step.name == 'base':
        yield _first_pip(plan.python)
    if step.compile:
        yield from _compiled(step, plan, pip, limits)
    else:
        yield [*pip, 'install', *limits, *step.options, *step.packages]
    if step.imports:
        yield [str(plan.python), '-W', 'ignore', '-c', f'import {", ".join(step.imports)}']


def _first_pip(python: Path) -> list[str]:
    """The pip bundled with Python or, where a Linux distribution left that out, the host's."""
    if importlib.util.find_spec('ensurepip'):
        return [str(python), '-m', 'ensurepip']
    if importlib.util.find_spec('pip'):
        return [sys.executable, '-m', 'pip', '--python', str(python), 'install', 'pip']
    raise SetupError(f'{sys.executable} has neither ensurepip nor pip: install python3.11-venv')


def _compiled(step: Step, plan: Plan, pip: list[str], limits: list[str]) -> Iterator[list[str]]:
    """Fetch the source, build it in a kept folder (where ninja continues), keep the wheel."""
    python, source = str(plan.python), plan.wheels / 'source'
    # Debugging symbols cost a third of the time and change no code. In place of Python's own flags
    # setuptools takes the variable's, also for C++.
    flags = os.environ.get('CFLAGS') or sysconfig.get_config_var('CFLAGS')
    without_symbols = ['env', f'CFLAGS={flags} -g0']
    if not list(plan.wheels.glob('*.whl')):
        if not (source / 'unpacked').is_file():
            shutil.rmtree(source, ignore_errors=True)
            source.mkdir(parents=True)
            fetch = ['download', '--no-binary', ':all:', '--dest', str(source)]
            yield [*pip, *fetch, *limits, *step.options, *step.packages]
            yield [python, '-I', str(_UNPACK), str(source)]
            yield [*without_symbols, python, '-I', str(_PRECOMPILE), str(source / 'tree')]
        # No constraints here: pip refuses them for a folder, and --no-deps leaves none to apply.
        build = ['wheel', '-v', '--wheel-dir', str(source / 'wheel')]
        yield [*without_symbols, *pip, *build, *step.options, str(source / 'tree')]
        yield [python, '-c', _KEEP, str(source), str(plan.wheels)]
    # Over what was installed without operators, under the same name and version.
    over = ['install', '--no-deps', '--no-index', '--force-reinstall']
    yield [*pip, *over, *map(str, plan.wheels.glob('*.whl'))]


_UNPACK = Path(__file__).with_name('unpack.py')
_PRECOMPILE = Path(__file__).with_name('precompile.py')

_KEEP = """
import os, pathlib, shutil, sys
source, wheels = map(pathlib.Path, sys.argv[1:])
(wheel,) = (source / 'wheel').glob('*.whl')
os.replace(wheel, wheels / wheel.name)
shutil.rmtree(source)
"""


def variables(plan: Plan, base: Mapping[str, str]) -> dict[str, str]:
    """A step's environment variables: the caller's Python and pip targets do not leak in."""
    inside = activated(plan.home, {key: base[key] for key in base if key not in FOREIGN})
    inside.update(PIP_DISABLE_PIP_VERSION_CHECK='1', PIP_NO_INPUT='1', TMPDIR=str(plan.scratch))
    inside.setdefault('MAX_JOBS', str(jobs()))
    compiler = _compiler(base)
    if compiler:
        inside['CXX'] = compiler
    if plan.cuda:
        inside['FORCE_CUDA'] = '1'
    else:
        inside['CUDA_VISIBLE_DEVICES'] = ''  # else mmcv asks for nvcc wherever it sees a GPU
    return inside


def activated(home: Path, base: Mapping[str, str]) -> dict[str, str]:
    """`base` as `source home/bin/activate` leaves it, and without the user's site-packages."""
    path = os.pathsep.join([str(home / 'bin'), base.get('PATH', os.defpath)])
    inside = {**base, 'PATH': path, 'VIRTUAL_ENV': str(home), 'PYTHONNOUSERSITE': '1'}
    inside.pop('PYTHONHOME', None)
    return inside


def jobs() -> int:
    """How many compilers to run at once: one a core, fewer where memory is short."""
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return max(1, min(cores, memory // (JOB_GIB * GIB)))


def check_machine(plan: Plan, todo: list[Step]) -> None:
    """Find out before the first download what would fail after it.

    Raises: SetupError.
    """
    free = shutil.disk_usage(plan.root).free / GIB
    if len(todo) == len(plan.steps) and free < DISK_GIB:
        raise SetupError(
            f'{plan.root}: {free:.1f} GB free, about {DISK_GIB} GB are needed: '
            'free some space, or name another folder in SCALENAS_ENV_HOME'
        )
    if not any(step.needs_compiler for step in todo):
        return
    if not _compiler(os.environ):
        raise SetupError(f'no C++ compiler found ({", ".join(COMPILERS)}, $CXX): install g++')
    if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
        raise SetupError(f'{sys.executable} has no Python.h: install python3.11-dev')


def _compiler(base: Mapping[str, str]) -> str | None:
    names = (base['CXX'],) if base.get('CXX') else COMPILERS
    return next((name for name in names if shutil.which(name.split()[0])), None)


def diagnose(log: str) -> str:
    """What to do about the failure that a log shows."""
    advice = (TROUBLE[pattern] for pattern in TROUBLE if re.search(pattern, log))
    return next(advice, 'see the lines above; the same command continues here')
