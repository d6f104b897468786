"""The units of a network within its supernet: where each lies, which part of it runs, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from scalenas.arch import MBBlock, MBConvArch
from scalenas.arch.mbconv_units import ConvUnit, MBUnit

from .blocks import ConvNorm
from .mbconv import MBConvBlock, run_mbconv, skips
from .parts import NORM_KEYS, Align, Part, window
from .recompute import recomputed
from .super_mbconv_blocks import Holding
from .super_parts import Cut, run_conv_norm, run_squeeze


class Live(NamedTuple):
    """A unit that runs: its name alone and in the supernet, and the cut of each of its layers."""

    name: str
    held: str
    unit: MBUnit | ConvUnit
    module: nn.Module
    cuts: Mapping[str, Cut]


def live_units(
    root: nn.Module, arch: MBConvArch, holding: Holding, align: Align
) -> list[list[Live]]:
    """The units of `arch` in the supernet `root`, by step, in the order in which they run.

    Raises:
        UserError: for a kernel or channels that the supernet does not hold.
    """
    steps: list[list[Live]] = [[] for _ in range(len(arch.stages) + 2)]
    for name, unit in arch.units(arch.size):
        assert isinstance(unit, MBUnit | ConvUnit)
        held = name
        if isinstance(unit, MBUnit):
            end = holding.name(MBBlock(unit.kernel, unit.expand, unit.squeeze > 0))
            held = f'{name}.{end}' if end else name
        module = root.get_submodule(held)
        cuts = {}
        for layer in unit.layers():
            conv = module.get_submodule(layer.name)
            assert isinstance(conv, nn.Conv2d)
            whole = tuple(conv.weight.shape)
            shape = (layer.c_out, layer.c_in // layer.groups, layer.kernel, layer.kernel)
            weight = window(shape, whole, align)
            cuts[layer.name] = Cut(weight, window(shape[:1], whole[:1], align))
        steps[int(name.split('.')[1])].append(Live(name, held, unit, module, cuts))
    return steps


def run_unit(live: Live, x: Tensor, with_cp: bool) -> Tensor:
    """x: (N, c_in, H, W) -> (N, c_out, H', W')."""
    if isinstance(live.module, ConvNorm):
        return run_conv_norm(live.module, live.cuts['conv'], x)
    if with_cp and x.requires_grad:
        return recomputed(live.module, partial(_run_block, live), x)
    return _run_block(live, x)


def _run_block(live: Live, x: Tensor) -> Tensor:
    block, unit, cuts = live.module, live.unit, live.cuts
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


def parts_of(steps: Sequence[Sequence[Live]]) -> dict[str, Part]:
    """State-dict key of the static network -> its part of the supernet's tensors."""
    found: dict[str, Part] = {}
    for live in (live for step in steps for live in step):
        for layer in live.unit.layers():
            own, held = (f'{name}.{layer.name}' for name in (live.name, live.held))
            cut = live.cuts[layer.name]
            found[f'{own}.weight'] = Part(f'{held}.weight', cut.weight)
            if layer.bias:
                found[f'{own}.bias'] = Part(f'{held}.bias', cut.channels)
            if layer.norm:
                norms = (f'{name.rpartition(".")[0]}.bn' for name in (own, held))
                own, held = norms
                for key in NORM_KEYS['bn']:
                    index = () if key == 'num_batches_tracked' else cut.channels
                    found[f'{own}.{key}'] = Part(f'{held}.{key}', index)
    return found
