"""A stopwatch: loads a network on a device and gives the seconds of a forward, again and again."""

from __future__ import annotations

import platform
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.arch import Size
from scalenas.arch.strict import as_choice, as_int
from scalenas.errors import UserError
from scalenas.latency import Visit

from .nets import GraphFile
from .runtime import Session, runtime

CLOCKS = {'wall': time.perf_counter, 'processor': time.process_time}
WARM_UP = 3


class Stopwatch(ABC):
    """What times networks: a runtime in this process, or a command that asks a device.

    Attributes:
        batch: images of a run.
    """

    batch: int

    @property
    @abstractmethod
    def setting(self) -> dict[str, Any]:
        """All that times depend on but the network and the size of its images; plain data."""

    @abstractmethod
    def opened(self, net: nn.Module, size: Size, channels: int) -> AbstractContextManager[Visit]:
        """Loads a network for images of `size`; inside, each visit gives the seconds of a batch.

        Raises:
            UserError: where the device does not take it, or has no memory for it.
        """


@dataclass(frozen=True)
class RuntimeStopwatch(Stopwatch):
    """Times in this process, by a runtime.

    A visit runs the network once untimed, for what was run before it has left the caches in its
    own state, and then takes the median of `runs`. With the clock 'processor', seconds are those
    that this process has computed: what else runs on the machine does not count, and several
    threads would add up. It says nothing about a GPU.

    Raises:
        UserError: for a runtime, precision or device that is not there, or a clock that cannot
            time it.
    """

    name: str = 'torch'
    precision: str | None = None
    device: str = 'cpu'
    threads: int = 1
    batch: int = 1
    runs: int = 3
    clock: str = 'wall'

    def __post_init__(self) -> None:
        adapter = runtime(self.name)
        for name in ('threads', 'batch', 'runs'):
            as_int(getattr(self, name), name)
        as_choice(self.clock, 'clock', tuple(CLOCKS))
        if self.clock == 'processor' and (self.device != 'cpu' or self.threads > 1):
            raise UserError(
                'adds up the time of all threads, and does not see that of a GPU',
                where="clock 'processor'",
                got=f'{self.device}, {self.threads} threads',
                allowed='cpu and one thread',
            )
        adapter.check(self.precision, self.device)

    @property
    def setting(self) -> dict[str, Any]:
        """Runtime, version, precision, device, threads, batch, runs and clock."""
        adapter = runtime(self.name)
        return {
            'runtime': f'{self.name} {adapter.version()}',
            'precision': self.precision or adapter.precisions[0],
            'device': self.device,
            'machine': device_name(self.device),
            'threads': self.threads,
            'batch': self.batch,
            'runs': self.runs,
            'clock': self.clock,
        }

    @contextmanager
    def opened(self, net: nn.Module, size: Size, channels: int) -> Iterator[Visit]:
        """Loads the network, and runs it a few times."""
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(self.batch, channels, *size, generator=generator)
        with no_memory(self, size):
            session = self._session(net, images)
            del net  # many networks may be loaded at a time, and a session has what it needs
            array, clock = images.numpy(), CLOCKS[self.clock]
            for _ in range(WARM_UP):
                session(array)

        def visit() -> float:
            session(array)
            return statistics.median(_seconds(lambda: session(array), clock, self.runs))

        yield visit

    def _session(self, net: nn.Module, images: Tensor) -> Session:
        adapter = runtime(self.name)
        if isinstance(net, GraphFile):
            if self.precision not in (None, 'fp32'):
                raise UserError('an ONNX file is as it is', where='precision', got=self.precision)
            return adapter.load_file(net.path, tuple(images.shape), self.device, self.threads)
        # Numbers do not matter for its time: int8 has the ranges of random images.
        return adapter.load(net, images, self.precision, self.device, self.threads, (images,))


class NoMemoryError(UserError):
    """A network that a device has no memory for."""


@contextmanager
def no_memory(stopwatch: RuntimeStopwatch, size: Size) -> Iterator[None]:
    """Raises NoMemoryError where torch runs out of it."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise NoMemoryError(
            f'has no memory for this network at {size[0]}x{size[1]}, batch {stopwatch.batch}',
            where=f'device {stopwatch.device}',
        ) from None


def _seconds(
    action: Callable[[], object], clock: Callable[[], float], repeats: int
) -> Iterator[float]:
    for _ in range(repeats):
        start = clock()
        action()
        yield clock() - start


def device_name(device: str) -> str:
    """The device's own name, as its maker calls it."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.get_device_name(device)
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:  # not a Linux
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
