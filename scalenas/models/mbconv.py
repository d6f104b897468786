"""The MBConv backbone: EfficientNet, ScaleNet and BigNAS networks of any arch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import MBConvArch
from scalenas.arch.mbconv_units import ConvUnit, MBUnit

from .blocks import AbstractBlock, ConvNorm, DropPath, SqueezeExcitation
from .layers import Build
from .staged import AbstractStagedNet
from .static_net import StaticNet

_SQUEEZE = ('conv1.conv', 'conv2.conv')


@final
class MBConvBlock(AbstractBlock):
    """1x1 expand, kxk depthwise [+ SE], 1x1 project; a skip where the unit has one."""

    def __init__(self, unit: MBUnit, activation: str, build: Build, drop_path_rate: float) -> None:
        super().__init__()
        inner, self.stride = unit.c_in * unit.expand, unit.stride
        if unit.expand != 1:
            self.expand_conv = ConvNorm(build, unit.c_in, inner, 1, activation=activation)
        self.depthwise_conv = ConvNorm(
            build, inner, inner, unit.kernel, unit.stride, inner, activation
        )
        if unit.squeeze:
            self.se = SqueezeExcitation(inner, unit.squeeze, _SQUEEZE, activation)
        self.linear_conv = ConvNorm(build, inner, unit.c_out, 1)
        self.skips = skips(unit)
        if unit.project and unit.c_in != unit.c_out:
            self.shortcut = ConvNorm(build, unit.c_in, unit.c_out, 1)
        self.drop_path = DropPath(drop_path_rate)
        self.with_cp = build.with_cp

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.linear_conv.norm

    def unit(self, name: str) -> ConvNorm:
        """One of its convolutions with norm."""
        found = self._modules[name]
        assert isinstance(found, ConvNorm)
        return found

    def _run(self, x: Tensor) -> Tensor:
        parts: Any = self._modules
        return run_mbconv(parts, self.skips, self.stride, x)


def run_mbconv(
    parts: Mapping[str, Callable[[Tensor], Tensor]], skips: bool, stride: int, x: Tensor
) -> Tensor:
    """What an MBConv block computes from its parts, by name; it need not have all of them."""
    out = x
    for name in ('expand_conv', 'depthwise_conv', 'se', 'linear_conv'):
        if name in parts:
            out = parts[name](out)
    if not skips:
        return out
    if stride == 2:
        # Odd sides round up, as they do in the convolutions beside it.
        x = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
    if 'shortcut' in parts:
        x = parts['shortcut'](x)
    return x + parts['drop_path'](out)


def skips(unit: MBUnit) -> bool:
    """True for a block with a skip."""
    return unit.project or (unit.stride == 1 and unit.c_in == unit.c_out)


class MBConvNet(AbstractStagedNet[MBConvArch]):
    """Its modules, for an arch that is one: see `ScaleMBConvNet`."""

    block_unit = MBUnit

    # As mmpretrain, but fan-in: fan-out of a depthwise convolution counts channels that no output
    # sees, and starts it near zero.
    default_init = (
        {'type': 'Kaiming', 'layer': 'Conv2d', 'mode': 'fan_in'},
        {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
    )

    @property
    def steps(self) -> Sequence[nn.Module]:
        """Stem, stages, and conv_out."""
        return list(self.get_submodule('layers').children())

    def _block(self, unit: MBUnit, build: Build, drop_path_rate: float) -> nn.Module:
        return MBConvBlock(unit, self.arch.activation, build, drop_path_rate)

    def _conv(self, unit: ConvUnit, build: Build) -> nn.Module:
        return ConvNorm(
            build,
            unit.c_in,
            unit.c_out,
            unit.kernel,
            unit.stride,
            activation=self.arch.activation,
        )


@final
class ScaleMBConvNet(StaticNet, MBConvNet):
    """The network of one MBConv arch, in place of `EfficientNet` in the OpenMMLab packages.

    Module paths are those of `arch.layers(size)`. Padding is symmetric; for weights that were
    trained with TensorFlow's padding, and for those of mmpretrain, set
    `conv_cfg=dict(type='Conv2dAdaptivePadding')` and `norm_cfg=dict(type='BN', eps=1e-3)`.
    Steps are the stem, the stages, and conv_out where there is one. The map before each halving is
    what dense heads take, e.g. `out_indices=(2, 3, 5, 7)` in EfficientNet. Arguments: those of
    `AbstractStagedNet`.
    """

    arch_type = MBConvArch
