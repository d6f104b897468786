"""The RegNet backbone: X, Y, Z, ResNet and ResNeXt networks of any arch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import RegNetArch
from scalenas.arch.regnet_units import RegBlock, RegHead, RegStem

from .backbone import as_arch
from .blocks import ACTIVATIONS, AbstractBlock, ConvNorm, DropPath, SqueezeExcitation
from .layers import Build
from .staged import AbstractStagedNet


@final
class RegNetBlock(AbstractBlock):
    """1x1, 3x3 in groups [+ SE], 1x1; a skip where the unit has one; activation after the sum.

    The last convolution of a `linear` block (Z) has no activation, nor has its sum.
    """

    def __init__(
        self, unit: RegBlock, activation: str, linear: bool, build: Build, drop_path_rate: float
    ) -> None:
        super().__init__()
        inner, stride = unit.inner, unit.stride
        self.conv1 = ConvNorm(build, unit.c_in, inner, 1, activation=activation)
        self.conv2 = ConvNorm(build, inner, inner, 3, stride, unit.groups, activation)
        if unit.squeeze:
            self.se = SqueezeExcitation(inner, unit.squeeze, ('fc1', 'fc2'), activation)
        self.conv3 = ConvNorm(build, inner, unit.c_out, 1)
        same = stride == 1 and unit.c_in == unit.c_out
        self.skips = same or unit.project
        if self.skips and not same:
            self.downsample = ConvNorm(build, unit.c_in, unit.c_out, 1, stride)
        self.drop_path = DropPath(drop_path_rate)
        self.activate = nn.Identity() if linear else ACTIVATIONS[activation]()
        self.with_cp = build.with_cp

    def _run(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        if 'se' in self._modules:
            out = self.se(out)
        out = self.conv3(out)
        if self.skips:
            skip = self.downsample(x) if 'downsample' in self._modules else x
            out = skip + self.drop_path(out)
        return self.activate(out)


class PooledStem(ConvNorm):
    """The stem of ResNet: convolution, norm, activation, 3x3 max pooling of stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, c_in, H, W) -> (N, c_out, ceil(H / 4), ceil(W / 4))."""
        return F.max_pool2d(super().forward(x), 3, 2, 1)


@final
class ScaleRegNet(AbstractStagedNet[RegNetArch]):
    """The network of one RegNet arch, in place of `RegNet` in mmdet and mmpretrain.

    Module paths are those of `arch.layers(size)`, named after timm's RegNet.

    Args:
        arch: a zoo name, the path of a YAML file, or its content.
        out_indices: steps that give maps: 0 the stem, s stage s, one more conv_out (where the arch
            has one); negative ones count from the end. Default: the last. Dense heads take
            (1, 2, 3, 4).
        frozen_stages: this step and all before it are frozen; -1 freezes none.
        norm_eval: keep batch norms in eval mode while training.
        norm_cfg: default BN.
        conv_cfg: default Conv2d.
        with_cp: keep only the input of every block, compute the rest again backwards.
        drop_path_rate: of the last block; falls linearly to 0 at the first.
        pretrained: the older way to say `init_cfg=dict(type='Pretrained', checkpoint=...)`.
        in_channels: default: what the arch says.

    Raises:
        UserError: for arguments that exclude each other, or name no network.
    """

    def __init__(
        self,
        arch: RegNetArch | Mapping[str, Any] | str,
        out_indices: Sequence[int] = (-1,),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: Mapping[str, Any] | None = None,
        conv_cfg: Mapping[str, Any] | None = None,
        with_cp: bool = False,
        drop_path_rate: float = 0.0,
        pretrained: str | None = None,
        init_cfg: Any = None,
        in_channels: int | None = None,
    ) -> None:
        found = as_arch(arch, RegNetArch)
        super().__init__(
            found if in_channels is None else found.with_(in_channels=in_channels),
            2 if found.stem_type == 'simple' else 4,
            out_indices,
            frozen_stages,
            norm_eval,
            Build(conv_cfg, norm_cfg or {'type': 'BN'}, with_cp),
            drop_path_rate,
            pretrained,
            init_cfg,
        )

    @property
    def steps(self) -> Sequence[nn.Module]:
        """Stem, stages, and the last convolution."""
        return list(self.children())

    @property
    def _activation(self) -> str:
        return 'swish' if self.arch.block == 'z' else 'relu'

    def _block(self, unit: RegBlock, build: Build, drop_path_rate: float) -> nn.Module:
        linear = self.arch.block == 'z'
        return RegNetBlock(unit, self._activation, linear, build, drop_path_rate)

    def _conv(self, unit: RegStem | RegHead, build: Build) -> nn.Module:
        c_in, c_out, activation = unit.c_in, unit.c_out, self._activation
        if isinstance(unit, RegHead):
            return ConvNorm(build, c_in, c_out, 1, activation=activation)
        stem = ConvNorm if self.arch.stem_type == 'simple' else PooledStem
        return stem(build, c_in, c_out, unit.kernel, 2, activation=activation)
