"""torch itself as a runtime, eager."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .runtime import Images, Runtime, Session, register_runtime


@dataclass(frozen=True)
class _Eager(Session):
    net: nn.Module

    @torch.inference_mode()
    def __call__(self, images: Images) -> list[NDArray[np.floating]]:
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            maps = self.net(torch.from_numpy(images).to(self.device))
            maps = (maps,) if isinstance(maps, Tensor) else maps
            return [each.float().cpu().numpy() for each in maps]  # which waits for a GPU
        finally:
            torch.set_num_threads(before)


@register_runtime
class TorchRuntime(Runtime):
    """torch, eager: the network as it is."""

    name: ClassVar[str] = 'torch'
    packages: ClassVar[tuple[str, ...]] = ('torch',)
    devices: ClassVar[tuple[str, ...]] = ('cpu', 'cuda')

    def _load(
        self, net: nn.Module, images: Tensor, precision: str, device: str, threads: int
    ) -> Session:
        return _Eager(f'torch {self.version()}', precision, device, threads, net.to(device).eval())
