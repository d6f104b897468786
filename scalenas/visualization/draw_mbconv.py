"""MBConv networks: a box per block, as high as the stage is wide, in one row."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import MBConvArch, Size

from .draw_chain import Box, chain_parts, draw_parts


def draw_mbconv(
    arch: MBConvArch, path: str | Path, headline: str, size: Size | None = None
) -> None:
    """Draw an MBConv network under a headline; map sizes are those for `size`."""
    stages = [
        ('', tuple(Box(kernel, f'e{expand}', se) for kernel, expand, se in stage.blocks))
        for stage in arch.stages
    ]
    notes = ('depthwise', 'e6: six times the channels inside')
    draw_parts(chain_parts(arch, 3, stages, size or arch.size), path, headline, notes)
