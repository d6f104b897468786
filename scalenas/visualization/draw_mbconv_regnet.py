"""MBConv networks and RegNets: a box per block, as high as the stage is wide, in one row."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import MBConvArch, RegNetArch, Size

from .draw_arch import Box, chain_segments, draw_segments


def draw_mbconv(
    arch: MBConvArch, path: str | Path, headline: str, size: Size | None = None
) -> None:
    """Draw an MBConv network under a headline; map sizes are those for `size`."""
    stages = [
        ('', tuple(Box(kernel, f'e{expand}', se) for kernel, expand, se in stage.blocks))
        for stage in arch.stages
    ]
    notes = ('depthwise', 'e6: six times the channels inside')
    draw_segments(chain_segments(arch, 3, stages, size or arch.size), path, headline, notes)


def draw_regnet(
    arch: RegNetArch, path: str | Path, headline: str, size: Size | None = None
) -> None:
    """Draw a RegNet under a headline; map sizes are those for `size`."""
    squeezes = arch.block != 'x'
    stages = [
        (
            f'{stage.inner // stage.group_width} x g{stage.group_width}',
            (Box(3, '', squeezes),) * stage.depth,
        )
        for stage in arch.stages
    ]
    kernel = 3 if arch.stem_type == 'simple' else 7
    notes = ('in groups', 'n x gc: n groups of c channels')
    draw_segments(chain_segments(arch, kernel, stages, size or arch.size), path, headline, notes)
