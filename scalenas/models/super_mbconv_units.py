"""The units of MBConv networks within their supernet: what is held, which slices run, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from scalenas.arch import MBBlock, MBConvArch
from scalenas.arch.mbconv_units import ConvUnit, MBUnit
from scalenas.space import MBConvHull

from .blocks import ConvNorm, SqueezeExcitation, place, recomputed
from .layers import Build, ChannelSlice, run_conv, run_norm
from .mbconv import MBConvBlock, run_mbconv, skips
from .weight_slices import NORM_KEYS, Align, WeightSlice, window


def run_conv_norm(unit: ConvNorm, part: ChannelSlice, x: Tensor) -> Tensor:
    """x: (N, c_in, H, W) -> (N, c_out, H', W') with the part's channels and kernel."""
    x = run_conv(unit.get_submodule('conv'), part, x)
    # Bound anew, so that the map before the norm is not kept while the next one is made.
    x = run_norm(unit.norm, part.channels, x)
    result: Tensor = unit.activate(x)
    return result


def run_squeeze(se: SqueezeExcitation, parts: Mapping[str, ChannelSlice], x: Tensor) -> Tensor:
    """Squeeze-excitation of the channels of x; `parts` by the names of its two convolutions."""
    squeeze, excite = se.names
    factors = run_conv(se.get_submodule(squeeze), parts[squeeze], x.mean((2, 3), keepdim=True))
    factors = run_conv(se.get_submodule(excite), parts[excite], se.activate(factors))
    return x * factors.sigmoid()


_ANY = (1, 1)  # a size: that of no module depends on it


@dataclass(frozen=True)
class BlockSharing:
    """The blocks held at one place, and the one of them that runs as a choice.

    `held`: all choices of a place -> the held blocks, by the end of their names ('' for no end);
    `name`: a choice -> that end.
    """

    held: Callable[[Sequence[MBBlock]], Mapping[str, MBBlock]]
    name: Callable[[MBBlock], str]


def _largest(blocks: Sequence[MBBlock]) -> dict[str, MBBlock]:
    kernels, expands, squeezes = zip(*blocks, strict=True)
    return {'': MBBlock(max(kernels), max(expands), any(squeezes))}


def _choice(block: MBBlock) -> str:
    return f'k{block.kernel}_e{block.expand}{"_se" if block.se else ""}'


SHARED_BLOCK = BlockSharing(_largest, lambda block: '')
"""One block that all choices are cut from."""

BLOCK_PER_CHOICE = BlockSharing(lambda blocks: {_choice(block): block for block in blocks}, _choice)
"""A block of its own for every choice."""


def build_largest(
    root: nn.Module, hull: MBConvHull, block_sharing: BlockSharing, build: Build
) -> None:
    """Puts the modules below `root`, under the names of a static network where they are one."""
    template, activation = hull.template, hull.template.activation
    before = hull.stems
    place(
        root,
        'layers.0',
        ConvNorm(build, template.in_channels, before[-1], 3, 2, activation=activation),
    )
    for s, stage in enumerate(hull.stages, 1):
        blocks = block_sharing.held(stage.blocks)
        for b in range(stage.depth):
            inputs, stride = (before, stage.stride) if b == 0 else (stage.widths, 1)
            project = b == 0 and template.shortcut == 'projected'
            for end, (kernel, expand, se) in blocks.items():
                c_in, c_out = inputs[-1], stage.widths[-1]
                squeeze = template.squeeze(c_in, expand) if se else 0
                unit = MBUnit(c_in, c_out, kernel, expand, squeeze, stride, _ANY, project)
                block = MBConvBlock(unit, activation, build, 0.0)
                same = inputs == stage.widths and len(inputs) == 1
                if project and not same and 'shortcut' not in block._modules:
                    # The largest network needs none here, but one with a narrower end does.
                    block.shortcut = ConvNorm(build, c_in, c_out, 1)
                block.skips = project or b > 0 or (same and stride == 1)
                place(root, '.'.join(filter(None, (f'layers.{s}.{b}', end))), block)
        before = stage.widths
    end_unit = ConvUnit(before[-1], hull.conv_outs[-1], 1, 1, _ANY)
    place(
        root,
        f'layers.{len(hull.stages) + 1}',
        ConvNorm(build, end_unit.c_in, end_unit.c_out, 1, activation=activation),
    )


class ActiveUnit(NamedTuple):
    """A unit that runs: its name alone and in the supernet, and the cut of each of its layers."""

    name: str
    held: str
    unit: MBUnit | ConvUnit
    module: nn.Module
    cuts: Mapping[str, ChannelSlice]


def alike(one: ActiveUnit, other: ActiveUnit) -> bool:
    """True when two networks compute the same in a unit, at one size."""
    same = astuple(replace(one.unit, size=_ANY)) == astuple(replace(other.unit, size=_ANY))
    return same and one.held == other.held and one.cuts == other.cuts


def active_units(
    root: nn.Module, arch: MBConvArch, block_sharing: BlockSharing, align: Align
) -> list[list[ActiveUnit]]:
    """The units of `arch` in the supernet `root`, by step, in the order in which they run.

    Raises:
        UserError: for a kernel or channels that the supernet does not hold.
    """
    steps: list[list[ActiveUnit]] = [[] for _ in range(len(arch.stages) + 2)]
    for name, unit in arch.units(arch.size):
        assert isinstance(unit, MBUnit | ConvUnit)
        held = name
        if isinstance(unit, MBUnit):
            end = block_sharing.name(MBBlock(unit.kernel, unit.expand, unit.squeeze > 0))
            held = f'{name}.{end}' if end else name
        module = root.get_submodule(held)
        cuts = {}
        for layer in unit.layers():
            conv = module.get_submodule(layer.name)
            assert isinstance(conv, nn.Conv2d)
            whole = tuple(conv.weight.shape)
            shape = (layer.c_out, layer.c_in // layer.groups, layer.kernel, layer.kernel)
            weight = window(shape, whole, align)
            cuts[layer.name] = ChannelSlice(weight, window(shape[:1], whole[:1], align))
        steps[int(name.split('.')[1])].append(ActiveUnit(name, held, unit, module, cuts))
    return steps


def run_unit(active: ActiveUnit, x: Tensor, with_cp: bool) -> Tensor:
    """x: (N, c_in, H, W) -> (N, c_out, H', W')."""
    if isinstance(active.module, ConvNorm):
        return run_conv_norm(active.module, active.cuts['conv'], x)
    if with_cp and x.requires_grad:
        result: Tensor = recomputed(active.module, partial(_run_block, active), x)
        return result
    return _run_block(active, x)


def _run_block(active: ActiveUnit, x: Tensor) -> Tensor:
    block, unit, cuts = active.module, active.unit, active.cuts
    assert isinstance(block, MBConvBlock)
    assert isinstance(unit, MBUnit)
    parts: dict[str, Callable[[Tensor], Tensor]] = {'drop_path': block.drop_path}
    for name in cuts:
        part = name.partition('.')[0]
        if part == 'se':
            inner = {key.removeprefix('se.'): cut for key, cut in cuts.items()}
            parts['se'] = partial(run_squeeze, block.se, inner)
        else:
            parts[part] = partial(run_conv_norm, block.unit(part), cuts[name])
    return run_mbconv(parts, skips(unit), unit.stride, x)


def parts_of(steps: Sequence[Sequence[ActiveUnit]]) -> dict[str, WeightSlice]:
    """State-dict key of the static network -> its part of the supernet's tensors."""
    slices: dict[str, WeightSlice] = {}
    for active in (active for step in steps for active in step):
        for layer in active.unit.layers():
            own, held = (f'{name}.{layer.name}' for name in (active.name, active.held))
            cut = active.cuts[layer.name]
            slices[f'{own}.weight'] = WeightSlice(f'{held}.weight', cut.weight)
            if layer.bias:
                slices[f'{own}.bias'] = WeightSlice(f'{held}.bias', cut.channels)
            if layer.norm:
                norms = (f'{name.rpartition(".")[0]}.bn' for name in (own, held))
                own, held = norms
                for key in NORM_KEYS['bn']:
                    index = () if key == 'num_batches_tracked' else cut.channels
                    slices[f'{own}.{key}'] = WeightSlice(f'{held}.{key}', index)
    return slices
