"""A runtime with a clock of its own, by which it is known how long a network takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from scalenas.deploy import RUNTIMES, Runtime, stopwatch


@dataclass
class Lab:
    """Now, and how long a network takes; every forward moves the clock on."""

    seconds: Callable[[nn.Module], float] = lambda net: 1e-6 * weights(net)
    now: float = 0.0
    runs: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    extra: Iterator[float] = field(default_factory=lambda: iter(()))
    loads: list[dict[str, Any]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now


def weights(net: nn.Module) -> int:
    """Weights of the convolutions and linear layers."""
    layers = (m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    return sum(layer.weight.numel() for layer in layers)


def install(monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Makes the runtime 'lab' known, and its clock that of all stopwatches."""
    lab = Lab()

    class LabRuntime(Runtime):
        name: ClassVar[str] = 'lab'
        packages: ClassVar[tuple[str, ...]] = ('torch',)
        precisions: ClassVar[tuple[str, ...]] = ('fp32', 'int8')

        def load(
            self,
            net: nn.Module,
            images: torch.Tensor,
            precision: str | None = None,
            device: str = 'cpu',
            threads: int = 1,
            calibration: Any = (),
        ) -> Any:
            assert len(calibration) == 1
            with torch.no_grad():
                net(images)
            lab.loads.append({'precision': precision, 'device': device, 'threads': threads})
            taken = lab.seconds(net)

            def session(array: np.ndarray) -> list[np.ndarray]:
                assert array.dtype == np.float32
                lab.now += taken + next(lab.extra, 0.0)
                lab.runs.append((taken, array.shape))
                return []

            return session

        def _load(self, *_: Any) -> Any:
            raise AssertionError('load does it')

    monkeypatch.setitem(RUNTIMES, 'lab', LabRuntime())
    monkeypatch.setattr(stopwatch, 'CLOCKS', {'wall': lab.clock, 'processor': lab.clock})
    return lab
