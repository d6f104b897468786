"""Parts that network families share: convolution with norm, squeeze-excitation, residual blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from .layers import Build, norm_abbreviation
from .recompute import recomputed

ACTIVATE: dict[str, Callable[[], nn.Module]] = {
    'swish': nn.SiLU,
    'relu': partial(nn.ReLU, inplace=True),
    'relu6': partial(nn.ReLU6, inplace=True),
    'hswish': nn.Hardswish,
}
"""Activation of an arch -> what makes the module."""


class AbstractBlock(nn.Module, ABC):
    """A block that, with `with_cp`, keeps its input only and computes the rest again backwards."""

    with_cp: bool
    skips: bool = True

    @property
    @abstractmethod
    def last_norm(self) -> nn.Module:
        """The norm before the sum: zero in it makes a block that skips an identity."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, c_in, H, W) -> (N, c_out, H', W')."""
        if self.with_cp and x.requires_grad:
            return recomputed(self, self._run, x)
        return self._run(x)

    @abstractmethod
    def _run(self, x: Tensor) -> Tensor: ...


class ConvNorm(nn.Module):
    """Convolution (`conv`), norm (`bn`), and perhaps an activation."""

    def __init__(
        self,
        build: Build,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.norm_name = norm_abbreviation(build.norm_cfg)
        self.conv = build.conv(c_in, c_out, kernel, stride, groups)
        self.add_module(self.norm_name, build.norm(c_out))
        self.activate = ACTIVATE[activation]() if activation else nn.Identity()

    @property
    def norm(self) -> nn.Module:
        """The norm, whatever it is called."""
        return self.get_submodule(self.norm_name)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, c_in, H, W) -> (N, c_out, ceil(H / stride), ceil(W / stride))."""
        x = self._modules[self.norm_name](self.conv(x))  # type: ignore[misc]
        return self.activate(x)


class SqueezeExcitation(nn.Module):
    """Channels of a map, each times a factor in 0..1 that all channel means decide."""

    def __init__(
        self, channels: int, squeeze: int, names: tuple[str, str], activation: str
    ) -> None:
        """`names`: module paths of the two convolutions, which differ between families."""
        super().__init__()
        self.names = names
        place(self, names[0], nn.Conv2d(channels, squeeze, 1))
        place(self, names[1], nn.Conv2d(squeeze, channels, 1))
        self.activate = ACTIVATE[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, channels, H, W) -> the same shape."""
        squeeze, excite = (self.get_submodule(name) for name in self.names)
        factors = excite(self.activate(squeeze(x.mean((2, 3), keepdim=True))))
        return x * factors.sigmoid()


class DropPath(nn.Module):
    """In training, drops what a block adds for a random share of images and scales up the rest.

    Source: Huang et al. 2016, stochastic depth; scaled as in timm and mmcv.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, ...) -> the same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * kept.to(x.dtype) / (1 - self.rate)


def zero_last_norms(root: nn.Module) -> None:
    """Every block below `root` that has a skip becomes an identity.

    Source: Goyal et al. 2017; for supernets BigNAS (Yu et al. 2020), section 3.2.
    """
    for block in root.modules():
        if isinstance(block, AbstractBlock) and block.skips:
            nn.init.zeros_(block.last_norm.weight)  # type: ignore[arg-type]


def place(root: nn.Module, path: str, module: nn.Module) -> None:
    """Puts `module` at a dotted path below `root`; containers on the way run in sequence."""
    first, _, rest = path.partition('.')
    if not rest:
        root.add_module(first, module)
        return
    if first not in root._modules:
        root.add_module(first, nn.Sequential())
    place(root.get_submodule(first), rest, module)
