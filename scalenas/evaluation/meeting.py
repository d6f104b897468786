"""Several forwards of one net that meet at every norm, as the processes of SyncBN do.

Images of different sizes cannot be in one batch, and those of one size may be too many for it. In
a meeting each batch has a forward of its own, in a thread; of these one runs at a time. It stops
before a norm until all others are there, too: what they are going to be normalized by is then
written into the norm, and they go on.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@dataclass(frozen=True)
class Arrival:
    """What one forward brings to a norm: number, mean and variance (biased) of its values.

    `mean_buffer` and `var_buffer` are those that the norm will read; they may be parts of a
    supernet's.
    """

    norm: int
    count: int
    mean: Tensor
    var: Tensor
    mean_buffer: Tensor
    var_buffer: Tensor
    shape: tuple[int, ...]


Agree = Callable[[int, Sequence[Arrival]], None]
"""Given a norm and all that arrived there: writes their statistics into its buffers."""


def meet(norms: Sequence[_BatchNorm], calls: Sequence[Callable[[], object]], agree: Agree) -> None:
    """Runs all `calls`, forwards through `norms`, which are in eval mode.

    Where forwards stand before different norms, because one of them left some out, those at the
    first of these norms go on.
    """
    forwards = [_Forward(call) for call in calls]
    waiting: list[_Forward] = []  # in the order in which they came
    running = forwards[0]

    def go(forward: _Forward) -> None:
        nonlocal running
        running = forward
        if forward in waiting:
            waiting.remove(forward)
        if forward.go():
            waiting.append(forward)

    def arrive(norm: int, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        running.stop(_arrival(norm, module, inputs[0]))

    handles = [
        norm.register_forward_pre_hook(partial(arrive, index)) for index, norm in enumerate(norms)
    ]
    try:
        for forward in forwards:
            go(forward)
        while waiting:
            norm = min(forward.at.norm for forward in waiting)
            here = [forward for forward in waiting if forward.at.norm == norm]
            agree(norm, [forward.at for forward in forwards if forward in here])
            # Last come, first go: a norm that runs as a part of itself (`functional_call`) is put
            # together again in the reverse order of its being taken apart.
            for forward in reversed(here):
                go(forward)
    finally:
        for forward in (running, *reversed(waiting), *forwards):
            forward.quit()
        for handle in handles:
            handle.remove()


def _arrival(norm: int, module: nn.Module, x: Tensor) -> Arrival:
    assert isinstance(module, _BatchNorm)
    mean_buffer, var_buffer = module.running_mean, module.running_var
    assert mean_buffer is not None
    assert var_buffer is not None
    count = x.numel() // x.shape[1]
    if count:
        mean, var = torch.batch_norm_update_stats(x, mean_buffer, var_buffer, 1.0)
    else:
        mean, var = torch.zeros_like(mean_buffer), torch.zeros_like(var_buffer)
    return Arrival(norm, count, mean, var, mean_buffer, var_buffer, tuple(x.shape))


class _Quit(BaseException):
    """Ends a forward whose result nobody wants any more."""


class _Forward:
    """One call in a thread of its own, which runs only while the caller waits for it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._at: Arrival | None = None
        self._error: BaseException | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._is_over = self._is_unwanted = False
        run = partial(contextvars.copy_context().run, self._run, _modes())
        self._thread = threading.Thread(target=run, daemon=True)

    @property
    def at(self) -> Arrival:
        """Where it waits."""
        assert self._at is not None
        return self._at

    def go(self) -> bool:
        """Starts or goes on; True once it waits at the next norm, False when it is over."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self._stopped.acquire()
        if self._error is not None:
            raise self._error
        return not self._is_over

    def stop(self, at: Arrival) -> None:
        """For the forward itself: waits until it is told to go on."""
        self._at = at
        self._stopped.release()
        self._go.acquire()
        if self._is_unwanted:
            raise _Quit

    def quit(self) -> None:
        """Ends it wherever it is; one that runs ends at its next norm."""
        self._is_unwanted = True
        if self._thread.ident is not None:
            self._go.release()
            self._thread.join()

    def _run(self, modes: _Modes) -> None:
        try:
            with modes():
                self._call()
        except _Quit:
            pass
        except BaseException as error:  # raised again where the caller waits
            self._error = error
        self._is_over = True
        self._stopped.release()


_Modes = Callable[[], AbstractContextManager[None]]


def _modes() -> _Modes:
    """What torch knows by thread, as it is here: gradients, mixed precision, the GPU's stream."""
    gradients = torch.is_grad_enabled()
    mixed = [
        (kind, torch.get_autocast_dtype(kind))
        for kind in ('cpu', 'cuda')
        if torch.is_autocast_enabled(kind)
    ]
    cached = torch.is_autocast_cache_enabled()
    stream = torch.cuda.current_stream() if torch.cuda.is_initialized() else None

    @contextmanager
    def entered() -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.set_grad_enabled(gradients))
            for kind, dtype in mixed:
                stack.enter_context(torch.autocast(kind, dtype, cache_enabled=cached))
            if stream is not None:
                stack.enter_context(torch.cuda.stream(stream))
            yield

    return entered
