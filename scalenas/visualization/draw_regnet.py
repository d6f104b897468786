"""RegNets: a box per block, as high as the stage is wide, in one row."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import RegNetArch, Size

from .draw_chain import Box, chain_parts, draw_parts


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
    draw_parts(chain_parts(arch, kernel, stages, size or arch.size), path, headline, notes)
