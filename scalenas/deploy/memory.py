"""Peak memory of a network on a device, measured in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from scalenas.arch import Size
from scalenas.errors import UserError

from .nets import subject
from .stopwatch import RuntimeStopwatch

P = ParamSpec('P')
T = TypeVar('T')
STATUS, RESET = Path('/proc/self/status'), Path('/proc/self/clear_refs')


def peak_memory(what: str, size: Size, stopwatch: RuntimeStopwatch) -> int | None:
    """Bytes that a network adds to a process at the peak of a forward; None where nobody can say.

    On a CPU: the largest resident size of a fresh process while the runtime runs the network, less
    its size before the network was built. What building and converting it took is given back to the
    system before, and does not count; weights that the runtime keeps do, and its arenas. That asks
    for Linux. On a GPU: the most that torch had allocated, for networks that torch runs.

    Args:
        what: as `subject` takes it.

    Raises:
        UserError: as `alone`.
    """
    return alone(_peak, what, size, stopwatch)


def alone(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What a function gives in a process of its own.

    Raises:
        UserError: when that process is killed, as a system does that has no memory left.
    """
    # Spawned: a fork would have the memory of this process, and its threads.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(function, *args, **options).result()
        except BrokenProcessPool:
            problem = 'the process that measures it was killed; is there memory enough?'
            hint = 'leave it out with --no-memory'
            raise UserError(problem, where='peak memory', hint=hint) from None


def _peak(what: str, size: Size, stopwatch: RuntimeStopwatch) -> int | None:
    import torch

    chosen = subject(what)
    _give_back()
    before = resident()
    with stopwatch.opened(chosen.make(size), size, chosen.channels) as visit:
        _give_back()
        if stopwatch.device != 'cpu':
            if not stopwatch.name.startswith('torch'):
                return None
            torch.cuda.reset_peak_memory_stats(stopwatch.device)
            visit()
            return int(torch.cuda.max_memory_allocated(stopwatch.device))
        try:
            RESET.write_text('5')  # the peak begins anew
        except OSError:
            return None
        visit()
        peak = resident('VmHWM')
    return None if before is None or peak is None else max(0, peak - before)


def _give_back() -> None:
    """What nothing holds any more is the system's again: on both sides of a difference."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL('libc.so.6').malloc_trim(0)


def resident(field: str = 'VmRSS') -> int | None:
    """Resident bytes of this process, or with 'VmHWM' their peak; None where it is not Linux."""
    try:
        text = STATUS.read_text()
    except OSError:
        return None
    found = re.search(rf'^{field}:\s*(\d+) kB', text, re.M)
    return None if found is None else 1024 * int(found[1])
