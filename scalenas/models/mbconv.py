"""The MBConv backbone: EfficientNet, ScaleNet and BigNAS networks of any arch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import MBConvArch, find, list_archs, of_family
from scalenas.arch.mbconv_units import ConvUnit, MBUnit

from .backbone import StaticNet
from .blocks import AbstractBlock, ConvNorm, DropPath, SqueezeExcitation
from .growth import Adopted
from .layers import Build
from .renaming import check_options, key_map_of
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

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.linear_conv.norm

    def unit(self, name: str) -> ConvNorm:
        """One of its convolutions with norm."""
        unit = self._modules[name]
        assert isinstance(unit, ConvNorm)
        return unit

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


# With and without an expansion in front, timm counts convolutions and norms of a block anew.
_EXPANDED = {
    'expand_conv': ('conv_pw', 'bn1'),
    'depthwise_conv': ('conv_dw', 'bn2'),
    'linear_conv': ('conv_pwl', 'bn3'),
}
_PLAIN = {'depthwise_conv': ('conv_dw', 'bn1'), 'linear_conv': ('conv_pw', 'bn2')}
_SQUEEZE_KEYS = {'conv1': 'conv_reduce', 'conv2': 'conv_expand'}


def timm_keys(arch: MBConvArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of timm's EfficientNet.

    Networks whose name begins with `tf_` compute with TensorFlow's padding and epsilon.

    Raises:
        CheckpointError: when timm has no such network.
    """
    check_options(arch, 'timm', shortcut='identity')
    theirs = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            theirs[layer.name] = ('conv_head', 'bn2') if int(index) else ('conv_stem', 'bn1')
            continue
        stage, block, part = int(index) - 1, int(rest[0]), rest[1]
        path = f'blocks.{stage}.{block}'
        if part == 'se':
            theirs[layer.name] = f'{path}.se.{_SQUEEZE_KEYS[rest[2]]}', ''
        else:
            expand = arch.stages[stage].blocks[block].expand
            conv, norm = (_PLAIN if expand == 1 else _EXPANDED)[part]
            theirs[layer.name] = f'{path}.{conv}', f'{path}.{norm}'
    return key_map_of(arch, theirs)


def timm_caveat(arch: MBConvArch) -> str:
    """What a checkpoint does not tell: which padding its network computes with."""
    return "only if timm's name does not begin with `tf_`; those are timm-tf"


_FLAT = {
    'expand_conv': ('_expand_conv', '_bn0'),
    'depthwise_conv': ('_depthwise_conv', '_bn1'),
    'linear_conv': ('_project_conv', '_bn2'),
}
_FLAT_SQUEEZE = {'conv1': '_se_reduce', 'conv2': '_se_expand'}


def flat_keys(arch: MBConvArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of the EfficientNet of PyPI's efficientnet-pytorch.

    Those of efficientnet-lite-pytorch are the same. Both number the blocks of all stages in one
    row, and compute with TensorFlow's padding and epsilon.

    Raises:
        CheckpointError: when there is no such network.
    """
    check_options(arch, 'efficientnet-pytorch', shortcut='identity')
    starts = [0, *accumulate(len(stage.blocks) for stage in arch.stages)]
    theirs = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            theirs[layer.name] = ('_conv_head', '_bn1') if int(index) else ('_conv_stem', '_bn0')
            continue
        path = f'_blocks.{starts[int(index) - 1] + int(rest[0])}'
        if rest[1] == 'se':
            theirs[layer.name] = f'{path}.{_FLAT_SQUEEZE[rest[2]]}', ''
        else:
            conv, norm = _FLAT[rest[1]]
            theirs[layer.name] = f'{path}.{conv}', f'{path}.{norm}'
    return key_map_of(arch, theirs)


def mmpretrain_keys(arch: MBConvArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of mmpretrain's EfficientNet.

    Only the keys differ: it puts a stage of stride 1 into the entry before it.
    """
    places: list[tuple[int, int]] = []
    entry = offset = 0
    for s, stage in enumerate(arch.stages):
        if s == 0 or stage.stride != 1:
            entry, offset = entry + 1, 0
        places.append((entry, offset))
        offset += len(stage.blocks)
    theirs = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            path = f'layers.{entry + 1 if int(index) else 0}'
        else:
            there, start = places[int(index) - 1]
            path = '.'.join(['layers', str(there), str(start + int(rest[0])), *rest[1:-1]])
        theirs[layer.name] = f'{path}.conv', f'{path}.bn'
    return key_map_of(arch, theirs)


def adopted(
    backbone: Mapping[str, Any], options: Mapping[str, Any], single: bool, width: int | None
) -> Adopted | None:
    """A supernet around an `EfficientNet` of mmpretrain's that the zoo has: B0 to B7.

    Kernels and expansions are at most its own, stages one block shallower to one deeper: the
    largest network begins as it. One with another activation is none of them.
    """
    name = f'efficientnet_{backbone.get("arch", "b0")}'
    if str(backbone.get('type')).split('.')[-1] != 'EfficientNet' or single:
        return None
    activation = backbone.get('act_cfg') or {'type': 'Swish'}
    if width is not None or name not in list_archs() or activation.get('type') != 'Swish':
        return None
    arch = of_family(find(name), MBConvArch, 'model.backbone.arch')
    stages = []
    for stage in arch.stages:
        kernel = max(block.kernel for block in stage.blocks)
        expand = max(block.expand for block in stage.blocks)
        depth = len(stage.blocks)
        stages.append(
            {
                'width': stage.width,
                'depth': tuple(range(max(1, depth - 1), depth + 2)),
                'kernel': tuple(k for k in (3, 5, 7) if k <= kernel),
                'expand': tuple(e for e in (1, 3, 4, 6) if e <= expand and (e > 1 or expand == 1)),
                'se': any(block.se for block in stage.blocks),
                'stride': stage.stride,
            }
        )
    space = {
        'family': MBConvArch.family,
        'resolution': arch.resolution,
        'stem': arch.stem,
        'conv_out': arch.conv_out,
        'activation': arch.activation,
        'squeeze': arch.to_dict()['squeeze'],
        'in_channels': arch.in_channels,
        'stages': stages,
    }
    given = {key: backbone[key] for key in ('norm_cfg', 'conv_cfg', 'with_cp') if backbone.get(key)}
    net = {'type': 'scalenas.SuperMBConvNet', **options, **given, 'zero_init_residual': True}
    sampler = {'type': 'sandwich', 'seed': 0, 'num_random': 2}
    return Adopted(arch, net, space, sampler, {'arch': name})
