"""Latency of a forward or a training step on a device: median and spread, also of archs."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch, Size
from scalenas.errors import EvaluationError
from scalenas.models import backbone_type
from scalenas.registry import MODELS

from .device import choose_device


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


KINDS = ('inference', 'training')
CLOCKS = {'wall': time.perf_counter, 'processor': time.process_time}


class NetTimer:
    """Seconds of backbones on a device: `timer(arch, size, 'training')`, one entry a run.

    Images are random, and batch norms have the statistics of such images: zeros would let a GPU
    run faster than it does, and maps that vanish are slow on a CPU.

    With the clock 'processor', seconds are those that this process has computed: what else runs
    on the machine does not count, and several threads add up. It tells nothing about a GPU.

    Raises:
        EvaluationError: for a device that is not there, or the processor's clock on a GPU.
    """

    def __init__(
        self,
        device: str | None = None,
        batch: int = 1,
        repeats: int = 5,
        warm_up: int = 2,
        clock: str = 'wall',
    ) -> None:
        self.device = choose_device(device)
        self.batch, self.repeats, self.warm_up = batch, repeats, warm_up
        if clock not in CLOCKS:
            raise EvaluationError(where='clock', got=clock, allowed=CLOCKS)
        if clock == 'processor' and self.device.type != 'cpu':
            raise EvaluationError(
                where="device for clock='processor'", got=str(self.device), allowed='cpu'
            )
        self.clock = CLOCKS[clock]

    def __call__(self, arch: Arch, size: Size, kind: str = 'inference') -> list[float]:
        """Seconds of each run; empty where the device has no memory for it.

        Raises:
            EvaluationError: for a kind that is not 'inference' or 'training'.
        """
        if kind not in KINDS:
            raise EvaluationError(where='kind', got=kind, allowed=KINDS)
        # Random numbers for weights and images, and nobody else's.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # the GPUs' stay as they are
            try:
                return self._seconds(arch, size, kind)
            except torch.OutOfMemoryError:
                return []
            finally:
                gc.collect()
                if self.device.type == 'cuda':
                    torch.cuda.empty_cache()

    def latency(self, arch: Arch, size: Size) -> Latency:
        """Median and quartiles of inference; of two runs at least.

        Raises:
            EvaluationError: where the device has no memory for it.
        """
        lower, median, upper = statistics.quantiles(self._inference(arch, size), n=4)
        return Latency(median, lower, upper, self.repeats, self.batch, str(self.device))

    def ms(self, arch: Arch, size: Size) -> float:
        """Median milliseconds of inference: what a budget fit asks.

        Raises:
            EvaluationError: where the device has no memory for it.
        """
        seconds = self._inference(arch, size)
        return 1e3 * sorted(seconds)[len(seconds) // 2]

    def _inference(self, arch: Arch, size: Size) -> list[float]:
        seconds = self(arch, size)
        if not seconds:
            raise EvaluationError(
                f'has no memory for a network of {arch.num_blocks} blocks at {size[0]} x '
                f'{size[1]}, batch {self.batch}',
                where=f'device {self.device}',
            )
        return seconds

    def _seconds(self, arch: Arch, size: Size, kind: str) -> list[float]:
        net: nn.Module = MODELS.build({'type': backbone_type(arch), 'arch': arch.to_dict()})
        net.to(self.device)
        images = torch.randn(self.batch, _in_channels(arch), *size).to(self.device)
        if kind == 'training':
            step = training_step(net, images)
            return timed(step, self.device, self.repeats, self.warm_up, self.clock)
        for module in net.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = 1.0
        with torch.no_grad():
            net.train()
            net(images)
            net.eval()
            return timed(lambda: net(images), self.device, self.repeats, self.warm_up, self.clock)


def _in_channels(arch: Any) -> int:
    return int(arch.in_channels)


def device_name(device: str) -> str:
    """The device's own name, as its maker calls it."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.get_device_name(device)
    try:
        lines: Sequence[str] = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:  # not a Linux
        lines = ()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
