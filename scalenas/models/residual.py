"""Residual blocks: two 3x3 convolutions, or 1x1, 3x3, 1x1, with ReLU after the sum."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch.hrnet_units import EXPANSION

from .blocks import AbstractBlock
from .layers import Build, norm_abbreviation


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


def basic_block(channels: int, build: Build) -> ResidualBlock:
    """Two 3x3 convolutions."""
    return ResidualBlock([(channels, channels, 3)] * 2, build)


def bottleneck(c_in: int, inner: int, build: Build) -> ResidualBlock:
    """1x1, 3x3, and 1x1 to four times the inner channels."""
    return ResidualBlock(
        [(c_in, inner, 1), (inner, inner, 3), (inner, EXPANSION * inner, 1)], build
    )
