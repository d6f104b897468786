"""How long a forward or a training step takes on a device, measured: median and spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from scalenas.arch import Size
from scalenas.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of one forward of a batch: median, and the quartiles around it."""

    median: float
    lower: float
    upper: float
    repeats: int
    batch: int
    device: str

    def __str__(self) -> str:
        return (
            f'{self.median * 1e3:.2f} ms ({self.lower * 1e3:.2f} to {self.upper * 1e3:.2f}), '
            f'batch {self.batch} on {self.device}, {self.repeats} runs'
        )


@torch.no_grad()
def measure_latency(
    model: nn.Module,
    size: Size,
    device: str = 'cpu',
    repeats: int = 30,
    warm_up: int = 5,
    batch: int = 1,
    in_channels: int = 3,
) -> Latency:
    """Latency of `model` as it stands on `device`, from images to raw outputs.

    Every run is waited for, so that nothing of it hides behind the next. The model is neither
    moved nor switched: give it in eval mode, on that device.
    """
    if repeats < 4:
        raise EvaluationError(where='repeats', got=repeats, allowed='4 or more, for quartiles')
    images = torch.zeros(batch, in_channels, *size, device=device)
    args = (images, None, 'tensor') if isinstance(model, BaseModel) else (images,)
    seconds = timed(lambda: model(*args), device, repeats, warm_up)
    lower, median, upper = statistics.quantiles(seconds, n=4)
    return Latency(median, lower, upper, repeats, batch, device)


def timed(
    action: Callable[[], object],
    device: str | torch.device,
    repeats: int,
    warm_up: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds of each of `repeats` calls, after `warm_up` that do not count; each is waited for."""
    on_gpu = torch.device(device).type == 'cuda'
    seconds = []
    for run in range(warm_up + repeats):
        if on_gpu:
            torch.cuda.synchronize(device)
        start = clock()
        action()
        if on_gpu:
            torch.cuda.synchronize(device)
        if run >= warm_up:
            seconds.append(clock() - start)
    return seconds


def training_step(net: nn.Module, images: Tensor) -> Callable[[], None]:
    """A training step of a backbone as an action: SGD with momentum, mean square as its loss."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.stack([y.square().mean() for y in net(images)]).sum().backward()
        optimizer.step()

    return run
