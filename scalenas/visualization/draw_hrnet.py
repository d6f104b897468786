"""HRNet-style networks: a lane per resolution, a box per block, a line per fusion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalenas.arch import HRArch, HRModule, Size

from .figure import BLACK, GREEN, GREY, VERMILION, canvas

LANES = ('#9AD0F0', '#56A7DC', '#1F73B0', '#0B3F73')
"""Fine to coarse: one hue, darker with each halving."""

BLOCK, RUN, STEP, GAP = 0.5, 0.6, 1.32, 0.55  # lengths along a lane; RUN is that of a fusion
UP, DOWN = VERMILION, GREEN


def draw_hrnet(arch: HRArch, path: str | Path, headline: str, size: Size | None = None) -> None:
    """Draw an HRNet-style network under a headline; the size of its input changes nothing.

    Source: the manner of ScaleNAS (Cheng et al. 2020), figure 8, for all modules at once.
    """
    num_lanes = len(arch.stages) + 1
    steps = sum(module.num_steps for module in arch.modules)
    start = 1.3 + 0.62 * arch.stage1_blocks
    length = start + steps * STEP + len(arch.modules) * GAP + 0.6
    with canvas(path, max(8.5, 0.48 * length + 1.0), 0.75 * num_lanes + 1.9) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(-1.9, length)
        axes.set_ylim(-num_lanes + 0.35, 1.25)
        _lane_labels(axes, arch)
        end = _entry(axes, arch)
        opened = 1
        for s, stage in enumerate(arch.stages, 2):
            for m, module in enumerate(stage.modules):
                while opened < s:
                    _line(axes, (end, -(opened - 1)), (end + GAP, -opened), GREY, style='--')
                    opened += 1
                label, own = f's{s}.m{m}', module.inner_channels(stage.channels)
                shares = [n / c for n, c in zip(own, stage.channels, strict=True)]
                end = _module(axes, module, end, label, shares, s % 2 == 0, new=m == 0)
        _outputs(axes, arch, end)
        inside = any(module.inner for module in arch.modules)
        _legend(figure, 4 if length > 26 else 2, inside)
        axes.set_title(headline, loc='left', fontsize=12)


def _lane_labels(axes: Any, arch: HRArch) -> None:
    for i, channels in enumerate(arch.stages[-1].channels):
        axes.text(-0.25, -i, f'1/{4 * 2**i}', ha='right', va='center', weight='bold')
        axes.text(-0.25, -i - 0.27, f'{channels} ch', ha='right', va='center', fontsize=9)


def _entry(axes: Any, arch: HRArch) -> float:
    """Stem and stage 1, on the finest lane; returns where they end."""
    _line(axes, (0, 0), (1.1 + 0.62 * arch.stage1_blocks, 0), GREY)
    _box(axes, 0.05, 0, 0.85, '#DDDDDD', 'stem')
    for b in range(arch.stage1_blocks):
        _box(axes, 1.1 + 0.62 * b, 0, BLOCK, '#DDDDDD')
    middle = 1.1 + 0.31 * arch.stage1_blocks - 0.08
    axes.text(middle, 0.62, 'stage 1', ha='center', va='center', fontsize=9)
    return 1.1 + 0.62 * arch.stage1_blocks


def _module(
    axes: Any,
    module: HRModule,
    start: float,
    label: str,
    shares: Sequence[float],
    shade: bool,
    new: bool,
) -> float:
    from matplotlib.patches import Rectangle

    left, lanes = start + GAP, len(module.depths)
    width = module.num_steps * STEP
    axes.add_patch(
        Rectangle(
            (left - 0.12, -lanes + 0.42),
            width + 0.12,
            lanes - 0.02,
            facecolor='#F3F3F3' if shade else '#E6E9EE',
            edgecolor='none',
            zorder=0,
        )
    )
    axes.text(left + width / 2, 0.83, label, ha='center', va='center', weight='bold')
    counts = f'{module.num_blocks} / {module.num_fusions}'
    axes.text(left + width / 2, 0.57, counts, ha='center', va='center', fontsize=9)
    for i, depth in enumerate(module.depths):
        # The lane of a branch that opens here starts where the line from its source ends.
        begin = left if new and i == lanes - 1 else start
        _line(axes, (begin, -i), (left + width, -i), GREY)
        for t in range(depth):
            colour = LANES[min(i, len(LANES) - 1)]
            _box(axes, left + t * STEP, -i, BLOCK, colour, share=shares[i])
    for t, rows in enumerate(module.fusions):
        x = left + t * STEP + BLOCK + 0.06
        for i, sources in enumerate(rows):
            for k in sources:
                _line(axes, (x, -k), (x + RUN, -i), UP if k > i else DOWN, width=1.4)
            if sources:
                axes.plot([x + RUN], [-i], 'o', color=BLACK, markersize=3.6, zorder=5)
    return left + width


def _outputs(axes: Any, arch: HRArch, end: float) -> None:
    for i, _ in enumerate(arch.out_channels):
        axes.annotate(
            '',
            (end + 0.55, -i),
            (end - 0.02, -i),
            arrowprops={'arrowstyle': '-|>', 'color': BLACK, 'linewidth': 1.2},
        )


def _legend(figure: Any, num_columns: int, inside: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=UP, label='from a coarser branch (1x1, upsampled)'),
        Line2D([], [], color=DOWN, label='from a finer branch (3x3, stride 2)'),
        Line2D([], [], color=GREY, linestyle='--', label='new branch'),
        Line2D(
            [],
            [],
            linestyle='',
            marker='s',
            markersize=9,
            color=LANES[1],
            label='block (above: blocks / fusions of a module)'
            + (', its height is the share of channels inside' if inside else ''),
        ),
    ]
    figure.legend(
        handles=handles, loc='outside lower left', ncols=num_columns, fontsize=9, columnspacing=1.4
    )


def _box(
    axes: Any, x: float, y: float, width: float, colour: str, text: str = '', share: float = 1.0
) -> None:
    from matplotlib.patches import FancyBboxPatch

    height = 0.4 * min(share, 1.0)
    style = 'round,pad=0,rounding_size=0.07'
    axes.add_patch(
        FancyBboxPatch(
            (x, y - height / 2),
            width,
            height,
            boxstyle=style,
            facecolor=colour,
            edgecolor='white',
            zorder=3,
        )
    )
    if text:
        axes.text(x + width / 2, y, text, ha='center', va='center', fontsize=9, zorder=4)


def _line(
    axes: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    width: float = 1.2,
    style: str = '-',
) -> None:
    axes.plot(
        [start[0], end[0]],
        [start[1], end[1]],
        color=colour,
        linewidth=width,
        linestyle=style,
        solid_capstyle='round',
        zorder=1 if colour == GREY else 2,
    )
