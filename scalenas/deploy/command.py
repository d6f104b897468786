"""A device that a command line of the user times: over ssh, adb, or however it is reached."""

from __future__ import annotations

import json
import os
import shlex
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scalenas.arch import Size
from scalenas.arch.strict import as_int
from scalenas.errors import LONGEST, UserError
from scalenas.latency import Visit, check_time

from .graph import need_packages, onnx_graph, read_graph
from .nets import GraphFile
from .stopwatch import Stopwatch

NET = '{net}'
WHERE = 'measure'


@dataclass(frozen=True)
class CommandStopwatch(Stopwatch):
    """Times by a command, which a shell runs once a visit.

    `{net}` in it becomes the path of the network as ONNX, `{height}` and `{width}` the size of its
    images. On the last line of its output it writes JSON, `{"ms": 12.5}` or `{"ms": [12.6, 12.4]}`,
    of which the median counts: milliseconds of a forward of `batch` images.

    Raises:
        UserError: for a command without `{net}`, a batch below 1, or where a package is missing
            that writes ONNX.
    """

    command: str
    timeout: float = 600.0
    batch: int = 1

    def __post_init__(self) -> None:
        if NET not in self.command:
            allowed = f'a command in which {NET} stands for the path of the network as ONNX'
            raise UserError(where=WHERE, got=self.command, allowed=allowed)
        as_int(self.batch, 'batch')
        need_packages('onnx', 'onnxruntime', where=WHERE)

    @property
    def setting(self) -> dict[str, Any]:
        """The command is all that is known of the device."""
        return {'runtime': f'command {self.command}', 'batch': self.batch}

    @contextmanager
    def opened(self, net: nn.Module, size: Size, channels: int) -> Iterator[Visit]:
        """Writes the network where the command finds it."""
        with tempfile.TemporaryDirectory(prefix='scalenas-') as folder:
            path = Path(folder, 'net.onnx')
            if isinstance(net, GraphFile):
                graph = read_graph(net.path)
            else:
                graph = onnx_graph(net, torch.zeros(self.batch, channels, *size))
            path.write_bytes(graph)
            yield lambda: self._visit(path, size)

    def _visit(self, path: Path, size: Size) -> float:
        line = self.command
        for place, value in ((NET, path), ('{height}', size[0]), ('{width}', size[1])):
            line = line.replace(place, shlex.quote(str(value)))
        return milliseconds(self._run(line)) / 1e3

    def _run(self, line: str) -> str:
        # A session of its own: what the shell has started ends with it.
        with subprocess.Popen(
            line,
            shell=True,
            encoding='utf-8',
            errors='replace',  # whatever a device prints before its answer
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=self.timeout)
            except BaseException as error:  # Ctrl-C, too
                # The shell may have ended, and what it started may hold its output.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                problem = f'the command took longer than {self.timeout:g} s'
                raise UserError(problem, where=WHERE, got=self.command) from None
        if process.returncode:
            said = ' '.join(err.split())[-LONGEST // 2 :]
            raise UserError(
                f'the command ended with {process.returncode}' + (f': {said}' if said else ''),
                where=WHERE,
            )
        return out


def milliseconds(text: str) -> float:
    """The median that a command's output says, in milliseconds.

    Raises:
        UserError: for an output that ends in no such line, or a time that is none.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        given = json.loads(lines[-1])['ms']
    except (IndexError, ValueError, TypeError, KeyError, RecursionError):
        raise UserError(
            where=f'{WHERE}: output of the command',
            got=lines[-1] if lines else '',
            allowed='a last line of JSON, such as {"ms": [12.6, 12.4]}',
        ) from None
    values = given if isinstance(given, list) and given else [given]
    return statistics.median(check_time(value, 'the command, in ms') for value in values)
