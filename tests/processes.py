"""Processes of their own that need not import torch first: forks of one that has.

A fresh interpreter takes seconds for the imports that every tool needs, and the tools run some
hundred times in the tests. Of this package and of the task packages, whose import has effects, the
forked one has imported nothing.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import multiprocessing
import os
import random
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.multiprocessing import start_processes
from yapf.yapflib import yapf_api

from .conftest import leave_garbage, unformatted

ROOT = Path(__file__).resolve().parents[1]

FORKS = multiprocessing.get_context('forkserver')
PACKAGES = ('torch', 'torchvision', 'mmcv.ops', 'mmengine.runner', 'optuna')
THEIRS = ('torch._dynamo', 'scipy.stats', 'scipy.optimize', 'matplotlib.pyplot', 'timm', 'numba')
FORKS.set_forkserver_preload([*PACKAGES, *THEIRS])


OURS = (
    *('scalenas.training.launch', 'scalenas.training.options', 'scalenas.evaluation'),
    *('scalenas.export', 'scalenas.search', 'scalenas.scaling', 'scalenas.visualization'),
)
TASKS = (
    *('mmseg.models', 'mmseg.datasets', 'mmseg.evaluation', 'mmseg.engine', 'mmseg.visualization'),
    *('mmpretrain.models', 'mmpretrain.datasets', 'mmpretrain.evaluation'),
)
"""What the tools of these tests import of this package and of two task packages."""


def run_tool(
    tool: str | Path,
    *args: object,
    cwd: str | Path = ROOT,
    timeout: float = 300.0,
    warm: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs a script as its command line would; a bare name is one of this package's tools.

    `warm` saves a second: it has imported this package, mmseg and mmpretrain. It is for more runs
    of a tool of which another test sees that it imports what it needs.
    """
    script = ROOT / f'tools/{tool}.py' if isinstance(tool, str) else tool
    command = [str(script), *map(str, args)]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ('out', 'err')]
        task = (command, str(cwd), *map(str, files))
        if warm:
            pipe = _warm_one()
            pipe.send((task, timeout))
            status = pipe.recv()
        else:
            status = _run(FORKS, task, timeout)
        if status is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, status, *(file.read_text() for file in files))


FORGET = """
import sys
for name in [n for n in sys.modules if n.partition('.')[0] in ('mmcv', 'optuna')]:
    del sys.modules[name]
"""
"""Code that makes the process one that has not imported these: an import is seen again."""


def run_code(code: str, cwd: str | Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process that has imported neither this package nor a task package."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, 'code.py')
        script.write_text(code)
        return run_tool(script, cwd=cwd)


def _run(context: BaseContext, task: tuple[Any, ...], timeout: float) -> int | None:
    """Exit status of a process that does the task; None when it took too long."""
    process = context.Process(target=_become, args=task)  # type: ignore[attr-defined]
    process.start()
    process.join(timeout)
    status: int | None = process.exitcode
    if status is None:
        process.kill()
    return status


@functools.cache
def _warm_one() -> Connection:
    """The way to a process that has imported all, and does each task in a fork of its own."""
    ours, theirs = multiprocessing.Pipe()
    FORKS.Process(target=_serve, args=(theirs,)).start()
    theirs.close()
    atexit.register(ours.close)  # its end; multiprocessing waits for it after that
    return ours


def _serve(pipe: Connection) -> None:
    for name in (*OURS, *TASKS):
        importlib.import_module(name)
    gc.collect()
    while True:
        try:
            task, timeout = pipe.recv()
        except EOFError:
            return
        pipe.send(_run(multiprocessing.get_context('fork'), task, timeout))


FORMAT_CODE = yapf_api.FormatCode
"""yapf's own, for tests of the formatting itself."""


def start_beside(work: Callable[..., None], *args: object) -> None:
    """Two processes that each call work(rank, *args), until both have ended.

    Raises:
        torch.multiprocessing.ProcessException: when one fails.
    """
    start_processes(work, args, nprocs=2, start_method=FORKS.get_start_method())


def _become(command: list[str], cwd: str, out: str, err: str) -> None:
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        with open(path, 'wb') as file:
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(cwd)
    # As in a fresh interpreter, whose subprocesses find the package, and whose draws are its own.
    os.environ.update(PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    torch.set_num_threads(1)
    gc.freeze()
    leave_garbage()
    random.seed()
    np.random.seed()  # noqa: NPY002 (the global state is the one that the tools draw from)
    yapf_api.FormatCode = unformatted
    sys.argv = command
    sys.path.insert(0, str(Path(command[0]).parent))
    runpy.run_path(command[0], run_name='__main__')
