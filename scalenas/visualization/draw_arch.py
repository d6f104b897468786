"""Drawings of networks: each family in its manner, any other as a chain of boxes, one per unit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalenas.arch import (
    Arch,
    Head,
    Layer,
    Size,
    Unit,
    out_size,
    section_of,
    sections,
)
from scalenas.arch.staged import StagedArch
from scalenas.complexity import PYCLS, Counter, Rule
from scalenas.family import family_of

from .figure import BLACK, GREY, ORANGE, canvas, nothing_to_draw

KERNELS = {3: '#7DBDE8', 5: '#1F73B0', 7: '#0B3F73'}
"""One hue, darker with each larger kernel."""

END = '#C9C9C9'
ENDS = ('stem', 'conv')
BLOCK, STEP, GAP, LEAST = 0.62, 0.76, 0.16, 1.7  # lengths along the row; LEAST is a stage's
HIGH = 1.9  # of the widest stage; others by square roots, or thin ones would vanish
MANY = 64  # from so many blocks on, equal neighbours share a box


@dataclass(frozen=True, slots=True)
class Box:
    """A block (or `times` equal ones): kernel, text inside, squeeze-excitation."""

    kernel: int
    text: str
    se: bool
    times: int = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A stage, the stem, or the last convolution: what stands over it, and its map's stride."""

    name: str
    width: int
    about: str
    boxes: tuple[Box, ...]
    stride: int
    size: Size


def chain_segments(
    arch: StagedArch, stem_kernel: int, stages: Sequence[tuple[str, tuple[Box, ...]]], size: Size
) -> list[Segment]:
    """Stem, stages and the last convolution; `stages`: what stands over each, and its boxes."""
    at, stride = out_size(size, 2), 2
    segments = [Segment('stem', arch.stem, '', (Box(stem_kernel, '', False),), stride, at)]
    if arch.stem_stride == 4:
        at, stride = out_size(at, 2), 4
    for s, (stage, (about, boxes)) in enumerate(zip(arch.stages, stages, strict=True), 1):
        at, stride = out_size(at, stage.stride), stride * stage.stride
        row = shared(boxes, arch.num_blocks)
        segments.append(Segment(f'stage {s}', stage.width, about, row, stride, at))
    if arch.conv_out is not None:
        segments.append(Segment('conv', arch.conv_out, '', (Box(1, '', False),), stride, at))
    return segments


def draw_segments(
    parts: Sequence[Segment], path: str | Path, headline: str, notes: tuple[str, str]
) -> None:
    """Draw parts in one row; `notes` say what a kernel is, and what the texts mean."""
    if not parts:
        raise nothing_to_draw(path, 'a network with layers')
    stages = [part.width for part in parts if part.name not in ENDS]
    widest = max(stages or [part.width for part in parts])
    spans = [max(LEAST, STEP * len(part.boxes) + GAP) for part in parts]
    length = sum(spans)
    with canvas(path, max(8.5, 0.48 * length + 0.6), 4.0) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(0, length)
        axes.set_ylim(-0.85, HIGH + 1.5)
        left = 0.0
        starts = []
        for part, span in zip(parts, spans, strict=True):
            starts.append(left)
            _part(axes, part, left, span, widest)
            left += span
        axes.plot([0.1, length - 0.1], [HIGH / 2] * 2, color=GREY, linewidth=1.2, zorder=1)
        _resolutions(axes, parts, [*starts, length])
        _legend(figure, parts, *notes)
        axes.set_title(headline, loc='left', fontsize=12)


def shared(boxes: tuple[Box, ...], num_blocks: int) -> tuple[Box, ...]:
    """Boxes one by one, or in a large network one for equal neighbours."""
    if num_blocks < MANY:
        return boxes
    runs = [list(run) for _, run in itertools.groupby(boxes)]
    return tuple(Box(run[0].kernel, run[0].text, run[0].se, len(run)) for run in runs)


def _part(axes: Any, part: Segment, left: float, span: float, widest: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    middle, end = left + span / 2, part.name in ENDS
    lines = [f'{part.width} ch', part.about]
    axes.text(middle, HIGH + 1.22, part.name, ha='center', va='center', weight='bold')
    for n, text in enumerate(filter(None, lines)):
        axes.text(middle, HIGH + 0.9 - 0.27 * n, text, ha='center', va='center', fontsize=9)
    high = min(HIGH, max(0.34, HIGH * math.sqrt(part.width / widest)))
    first = middle - (STEP * len(part.boxes) - (STEP - BLOCK)) / 2
    for b, box in enumerate(part.boxes):
        x, style = first + b * STEP, 'round,pad=0,rounding_size=0.07'
        colour = END if end else KERNELS.get(box.kernel, END)
        axes.add_patch(
            FancyBboxPatch(
                (x, (HIGH - high) / 2),
                BLOCK,
                high,
                boxstyle=style,
                facecolor=colour,
                edgecolor='white',
                zorder=3,
            )
        )
        ink = 'white' if not end and box.kernel in (5, 7) else BLACK
        at, top = (x + BLOCK / 2, HIGH / 2), (HIGH + high) / 2
        if box.text:
            axes.text(*at, box.text, ha='center', va='center', fontsize=8, color=ink, zorder=4)
        if box.times > 1:
            axes.text(at[0], top + 0.16, f'{box.times} x', ha='center', va='center', fontsize=9)
        if box.se:
            axes.plot(at[0], top, 'o', color=ORANGE, markersize=4.5, mec='white', zorder=5)


def _resolutions(axes: Any, parts: Sequence[Segment], starts: list[float]) -> None:
    """A field behind all parts of one resolution, and its name below."""
    from matplotlib.patches import Rectangle

    first = 0
    for n, (stride, run) in enumerate(itertools.groupby(parts, lambda part: part.stride)):
        members = list(run)
        left, right = starts[first], starts[first + len(members)]
        field = Rectangle(
            (left + 0.03, -0.75),
            right - left - 0.06,
            HIGH + 2.2,
            facecolor='#F3F3F3' if n % 2 else '#E6E9EE',
            edgecolor='none',
            zorder=0,
        )
        axes.add_patch(field)
        height, width = members[-1].size
        middle = (left + right) / 2
        axes.text(middle, -0.28, f'1/{stride}', ha='center', va='center', weight='bold')
        axes.text(middle, -0.56, f'{height}x{width}', ha='center', va='center', fontsize=9)
        first += len(members)


def _legend(figure: Any, parts: Sequence[Segment], kind: str, note: str) -> None:
    from matplotlib.lines import Line2D

    boxes = [box for part in parts for box in part.boxes if part.name not in ENDS]
    mark: dict[str, Any] = {'linestyle': '', 'marker': 's', 'markersize': 9}
    handles = [
        Line2D([], [], **mark, color=colour, label=f'{kernel}x{kernel} {kind}')
        for kernel, colour in KERNELS.items()
        if any(box.kernel == kernel for box in boxes)
    ]
    if any(box.se for box in boxes):
        handles.append(
            Line2D([], [], linestyle='', marker='o', color=ORANGE, label='squeeze-excitation')
        )
    handles.append(Line2D([], [], linestyle='', label=note))
    figure.legend(handles=handles, loc='outside lower left', ncols=5, fontsize=9, columnspacing=1.4)


SIDE = 256  # of the image where the network has none; only relations are drawn then


def draw_units(arch: Arch, path: str | Path, headline: str, size: Size | None = None) -> None:
    """Draw any network under a headline: parts in the order in which they run."""
    size = size or arch.size or (SIDE, SIDE)
    units: dict[str, list[Unit]] = {}
    for name, unit in arch.units(size):
        units.setdefault(section_of(arch, name).name, []).append(unit)
    count = sum(map(len, units.values()))
    parts = []
    for name, members in units.items():
        plans = [plan for unit in members if (plan := list(unit.layers()))]
        if plans:
            last = plans[-1][-1]
            boxes = shared(tuple(_box(plan) for plan in plans), count)
            stride = max(1, round(size[0] / last.size_out[0]))
            parts.append(Segment(name, last.c_out, '', boxes, stride, last.size_out))
    draw_segments(parts, path, headline, ('layers', 'a box: a unit of the layer plan'))


def _box(plan: list[Layer]) -> Box:
    return Box(max(layer.kernel for layer in plan), '', False)


def draw_arch(
    arch: Arch,
    path: str | Path,
    title: str = '',
    size: Size | None = None,
    head: Head | None = None,
    rule: Rule = PYCLS,
) -> None:
    """Draw a network; with `size`, its cost stands in the title.

    Raises:
        DrawError: for a file that cannot be written.
    """
    headline = _headline(arch, title, size, head, rule)
    draw = family_of(arch).drawing or draw_units
    draw(arch, path, headline, size)


def _headline(arch: Arch, title: str, size: Size | None, head: Head | None, rule: Rule) -> str:
    text = f'{arch.num_blocks} blocks'
    if fusions := sum(section.fusions for section in sections(arch)):
        text += f', {fusions} fusions'
    if size is not None:
        cost = Counter(size, head)(arch)
        divisor, unit = rule.unit(cost['macs'])
        amount = f'{cost["macs"] / divisor:.1f} {unit}'
        what = 'with its head' if head else 'without head'
        text += (
            f'; {cost["params"] / 1e6:.2f} M params, {amount} macs at {size[0]} x {size[1]} {what}'
        )
    return f'{title}\n{text}' if title else text
