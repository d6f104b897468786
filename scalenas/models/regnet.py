"""The RegNet backbone: X, Y, Z, ResNet and ResNeXt networks of any arch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import RegNetArch
from scalenas.arch.regnet_units import RegBlock, RegHead, RegStem

from .backbone import StaticNet
from .blocks import ACTIVATE, AbstractBlock, ConvNorm, DropPath, SqueezeExcitation
from .layers import Build
from .renaming import check_options, key_map_of
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
        self.activate = nn.Identity() if linear else ACTIVATE[activation]()
        self.with_cp = build.with_cp

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.conv3.norm

    def _run(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        if 'se' in self._modules:
            out = self.se(out)
        out = self.conv3(out)
        if self.skips:
            skip = self.downsample(x) if 'downsample' in self._modules else x
            out = skip + self.drop_path(out)
        result: Tensor = self.activate(out)
        return result


class PooledStem(ConvNorm):
    """The stem of ResNet: convolution, norm, activation, 3x3 max pooling of stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, c_in, H, W) -> (N, c_out, ceil(H / 4), ceil(W / 4))."""
        return F.max_pool2d(super().forward(x), 3, 2, 1)


class RegNet(AbstractStagedNet[RegNetArch]):
    """Its modules, for an arch that is one: see `ScaleRegNet`."""

    block_unit = RegBlock

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


@final
class ScaleRegNet(StaticNet, RegNet):
    """The network of one RegNet arch, in place of `RegNet` in mmdet and mmpretrain.

    Module paths are those of `arch.layers(size)`, named after timm's RegNet. Steps are the stem,
    the stages, and conv_out where there is one. Dense heads take `out_indices=(1, 2, 3, 4)`.
    Arguments: those of `AbstractStagedNet`.
    """

    arch_type = RegNetArch


def timm_keys(arch: RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of timm's RegNet.

    Raises:
        CheckpointError: when timm has no such network.
    """
    check_options(arch, 'timm', stem_type='simple')
    theirs = {
        layer.name: (layer.name, f'{layer.name.rpartition(".")[0]}.bn') for layer in arch.layers()
    }
    return key_map_of(arch, theirs)


def timm_caveat(arch: RegNetArch) -> str:
    """A RegNetZ without last convolution (`regnetz_040`) activates its last map there."""
    if arch.block == 'z' and arch.conv_out is None:
        return 'timm applies one more SiLU to the last map before it pools; here it is missing'
    return ''


def mmpretrain_keys(arch: RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of mmpretrain's RegNet.

    Raises:
        CheckpointError: when mmpretrain has no such network.
    """
    check_options(arch, 'mmpretrain', block='x', conv_out=None, stem_type='simple')
    theirs = {'stem.conv': ('conv1', 'bn1')}
    for layer in arch.layers():
        if layer.name == 'stem.conv':
            continue
        stage, block, part, _ = layer.name.split('.')
        path = f'layer{stage[1:]}.{int(block[1:]) - 1}'
        if part == 'downsample':
            theirs[layer.name] = f'{path}.downsample.0', f'{path}.downsample.1'
        else:
            theirs[layer.name] = f'{path}.{part}', f'{path}.{part.replace("conv", "bn")}'
    return key_map_of(arch, theirs)
