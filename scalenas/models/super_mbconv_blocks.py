"""What an MBConv supernet holds: at every place the blocks that the networks of a space need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from scalenas.arch import MBBlock
from scalenas.arch.mbconv_units import ConvUnit, MBUnit
from scalenas.space import MBConvHull

from .blocks import ConvNorm, place
from .layers import Build
from .mbconv import MBConvBlock

_ANY = (1, 1)  # a size: that of no module depends on it


@dataclass(frozen=True)
class Holding:
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


ONE = Holding(_largest, lambda block: '')
"""One block that all choices are cut from."""

CHOICES = Holding(lambda blocks: {_choice(block): block for block in blocks}, _choice)
"""A block of its own for every choice."""


def build_held(root: nn.Module, hull: MBConvHull, holding: Holding, build: Build) -> None:
    """Puts the modules below `root`, under the names of a static network where they are one."""
    template, activation = hull.template, hull.template.activation
    before = hull.stems
    place(
        root,
        'layers.0',
        ConvNorm(build, template.in_channels, before[-1], 3, 2, activation=activation),
    )
    for s, stage in enumerate(hull.stages, 1):
        blocks = holding.held(stage.blocks)
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
