"""The MBConv backbone: EfficientNet, ScaleNet and BigNAS networks of any arch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import MBConvArch
from scalenas.arch.mbconv_units import ConvUnit, MBUnit

from .backbone import as_arch, is_pretrained
from .blocks import AbstractBlock, ConvNorm, DropPath, SqueezeExcitation
from .layers import Build
from .resize import resized
from .staged import AbstractStagedNet

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


def zero_last_norms(blocks: Iterable[nn.Module]) -> None:
    """Residual branches that start as zero: every block of these is an identity at first.

    Source: BigNAS (Yu et al. 2020), section 3.2, "initialization".
    """
    for block in blocks:
        if isinstance(block, MBConvBlock) and block.skips:
            last = block.linear_conv
            nn.init.zeros_(last.get_submodule(last.norm_name).weight)  # type: ignore[arg-type]


@final
class ScaleMBConvNet(AbstractStagedNet[MBConvArch]):
    """The network of one MBConv arch, in place of `EfficientNet` in the OpenMMLab packages.

    Module paths are those of `arch.layers(size)`. Padding is symmetric; for weights that were
    trained with TensorFlow's padding, and for those of mmpretrain, set
    `conv_cfg=dict(type='Conv2dAdaptivePadding')` and `norm_cfg=dict(type='BN', eps=1e-3)`.

    Args:
        arch: a zoo name, the path of a YAML file, or its content.
        out_indices: steps that give maps: 0 the stem, s stage s, one more conv_out; negative ones
            count from the end. Default: the last, for `GlobalAveragePooling`. The map before each
            halving is what dense heads take, e.g. (2, 3, 5, 7) in EfficientNet.
        frozen_stages: this step and all before it are frozen; -1 freezes none.
        norm_eval: keep batch norms in eval mode while training.
        norm_cfg: default BN.
        conv_cfg: default Conv2d.
        with_cp: keep only the input of every block, compute the rest again backwards.
        drop_path_rate: of the last block; falls linearly to 0 at the first.
        zero_init_residual: every block with a skip starts as the identity.
        resize: first bring images to the arch's resolution, as the supernet does that the net was
            cut from; otherwise they are taken at any size.
        pretrained: the older way to say `init_cfg=dict(type='Pretrained', checkpoint=...)`.
        in_channels: default: what the arch says.

    Raises:
        UserError: for arguments that exclude each other, or name no network.
    """

    # As mmpretrain, but fan-in: fan-out of a depthwise convolution counts channels that no output
    # sees, and starts it near zero.
    default_init = (
        {'type': 'Kaiming', 'layer': 'Conv2d', 'mode': 'fan_in'},
        {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
    )

    def __init__(
        self,
        arch: MBConvArch | Mapping[str, Any] | str,
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
        zero_init_residual: bool = False,
        resize: bool = False,
    ) -> None:
        found = as_arch(arch, MBConvArch)
        super().__init__(
            found if in_channels is None else found.with_(in_channels=in_channels),
            2,
            out_indices,
            frozen_stages,
            norm_eval,
            Build(conv_cfg, norm_cfg or {'type': 'BN'}, with_cp),
            drop_path_rate,
            pretrained,
            init_cfg,
        )
        self.zero_init_residual, self.resize = zero_init_residual, resize

    def init_weights(self) -> None:
        """Initialize, or load what `init_cfg` asks for."""
        super().init_weights()
        if self.zero_init_residual and not is_pretrained(self.init_cfg):
            zero_last_norms(self.modules())

    def _seen(self, x: Tensor) -> Tensor:
        return resized(x, self.arch.resolution) if self.resize else x

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
