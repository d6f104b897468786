"""Networks of a family without a drawing of its own: a box per unit of the plan, in one row."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import Arch, Layer, Size, Unit, section_of

from .draw_chain import Box, Part, draw_parts, shared

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
            parts.append(Part(name, last.c_out, '', boxes, stride, last.size_out))
    draw_parts(parts, path, headline, ('layers', 'a box: a unit of the layer plan'))


def _box(plan: list[Layer]) -> Box:
    return Box(max(layer.kernel for layer in plan), '', False)
