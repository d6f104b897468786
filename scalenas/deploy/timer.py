"""Times of single archs: what a budget fit asks, and what a study of scaled networks records."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.arch import Arch, Size
from scalenas.latency import Spread, Visit, check_time

from .nets import backbone, deployed_backbone, in_channels
from .stopwatch import CLOCKS, RuntimeStopwatch, Stopwatch, no_memory


@dataclass(frozen=True)
class NetTimer:
    """Seconds of backbones by a stopwatch: `timer(arch, size)`, one entry a visit.

    Args:
        plain: as they are trained, and not as they are deployed.
    """

    stopwatch: Stopwatch
    repeats: int = 15
    plain: bool = False

    def __call__(self, arch: Arch, size: Size) -> list[float]:
        """Seconds of each visit.

        Raises:
            UserError: where the device has no memory for it, or a time is none.
        """
        net = (backbone if self.plain else deployed_backbone)(arch, size)
        try:
            with self.stopwatch.opened(net, size, in_channels(arch)) as visit:
                return [check_time(visit(), arch.summary) for _ in range(self.repeats)]
        finally:
            del net
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()

    def spread(self, arch: Arch, size: Size) -> Spread:
        """Median and quartiles, in milliseconds."""
        return Spread.of([1e3 * seconds for seconds in self(arch, size)])

    def ms(self, arch: Arch, size: Size) -> float:
        """Median milliseconds: a measured column."""
        return self.spread(arch, size).median

    def text(self, spread: Spread) -> str:
        """Milliseconds with their quartiles, and where they are from."""
        about = self.stopwatch.setting
        where = ', '.join(str(about[k]) for k in ('runtime', 'precision', 'device') if k in about)
        return (
            f'{spread.median:.2f} ms ({spread.lower:.2f} to {spread.upper:.2f}), batch '
            f'{about["batch"]} in {where}, {self.repeats} visits'
        )


@dataclass(frozen=True)
class TrainingStopwatch(RuntimeStopwatch):
    """Times training steps of a backbone in torch, eager; a visit is one of them."""

    @property
    def setting(self) -> dict[str, Any]:
        """As that of inference, and what is timed."""
        return {**super().setting, 'kind': 'training'}

    @contextmanager
    def opened(self, net: nn.Module, size: Size, channels: int) -> Iterator[Visit]:
        """Moves the network to the device, and takes two steps."""
        clock = CLOCKS[self.clock]
        with no_memory(self, size):
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(self.batch, channels, *size, generator=generator)
            step = training_step(net.to(self.device), images.to(self.device))

            def visit() -> float:
                torch.set_num_threads(self.threads)
                with no_memory(self, size):
                    self._wait()
                    start = clock()
                    step()
                    self._wait()
                    return clock() - start

            visit()
            visit()
        yield visit

    def _wait(self) -> None:
        if self.device != 'cpu':
            torch.cuda.synchronize(self.device)


def training_step(net: nn.Module, images: Tensor) -> Callable[[], None]:
    """A training step of a backbone as an action: SGD with momentum, mean square as its loss."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.stack([y.square().mean() for y in net(images)]).sum().backward()
        optimizer.step()

    return run
