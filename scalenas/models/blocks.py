"""Parts that network families share: convolution with norm, squeeze-excitation, residual blocks.

A block may be recomputed in the backward pass instead of keeping its activations (`with_cp`). The
second run must give the same feature maps and have no side effects: batch norms would move their
running statistics twice, and flags (training, and so dropout) may have changed between forward and
backward.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from scalenas.arch.layer import EXPANSION

from .layers import Build, norm_abbreviation


def recomputed(root: nn.Module, run: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What `run(*args, **options)` gives; it is run again backwards, with `root` as it is now.

    `root` holds all modules that `run` runs.
    """
    flags = [(module, module.training) for module in root.modules()]

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _again(flags)

    return checkpoint(run, *args, use_reentrant=False, context_fn=contexts, **options)


@contextmanager
def _again(flags: list[tuple[nn.Module, bool]]) -> Iterator[None]:
    """Inside, modules have these training flags, and what they learn of the batch is not kept."""
    before = [(module, module.training) for module, _ in flags]
    # Norms write into copies. Without any they would save other tensors for backward, which is
    # an error; and a momentum of 0 would make NaN of a batch that is infinite.
    kept = [(module, dict(module._buffers)) for module, training in flags if training]
    try:
        for module, training in flags:
            module.training = training
        for module, buffers in kept:
            module._buffers.update({k: b.clone() for k, b in buffers.items() if b is not None})
        yield
    finally:
        for module, buffers in kept:
            module._buffers.update(buffers)
        for module, training in before:
            module.training = training


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
            result: Tensor = recomputed(self, self._run, x)
            return result
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
        result: Tensor = self.activate(x)
        return result


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
        result: Tensor = x * factors.sigmoid()
        return result


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


class ResidualBlock(AbstractBlock):
    """Convolutions with norms beside an identity (or projected) skip; ReLU after the sum."""

    def __init__(self, shapes: Sequence[tuple[int, int, int]], build: Build) -> None:
        """`shapes`: channels in, channels out and kernel of each convolution."""
        super().__init__()
        abbreviation = norm_abbreviation(build.norm_cfg)
        self.steps: list[tuple[str, str]] = []
        for n, (c_in, c_out, kernel) in enumerate(shapes, 1):
            conv, norm = f'conv{n}', f'{abbreviation}{n}'
            self.add_module(conv, build.conv(c_in, c_out, kernel))
            self.add_module(norm, build.norm(c_out))
            self.steps.append((conv, norm))
        c_in, c_out = shapes[0][0], shapes[-1][1]
        self.downsample: nn.Module | None = None
        if c_in != c_out:
            self.downsample = build.unit(c_in, c_out, 1, 1, relu=False)
        self.with_cp = build.with_cp

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.get_submodule(self.steps[-1][1])

    def _run(self, x: Tensor) -> Tensor:
        out, modules = x, self._modules
        for conv, norm in self.steps:
            if out is not x:
                out = F.relu(out, inplace=True)
            out = modules[norm](modules[conv](out))  # type: ignore[misc]
        out += x if self.downsample is None else self.downsample(x)
        return F.relu(out, inplace=True)


def basic_block(channels: int, build: Build, inner: int | None = None) -> ResidualBlock:
    """Two 3x3 convolutions, with `inner` channels between them; by default as many as outside."""
    n = channels if inner is None else inner
    return ResidualBlock([(channels, n, 3), (n, channels, 3)], build)


def bottleneck(c_in: int, inner: int, build: Build) -> ResidualBlock:
    """1x1, 3x3, and 1x1 to four times the inner channels."""
    return ResidualBlock(
        [(c_in, inner, 1), (inner, inner, 3), (inner, EXPANSION * inner, 1)], build
    )
