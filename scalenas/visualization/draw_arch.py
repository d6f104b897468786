"""A network as one picture, each family in its manner, and any other as a chain of its units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, Head, HRArch, MBConvArch, RegNetArch, Size
from scalenas.complexity import PYCLS, Counter, Rule

from .draw_chain import draw_chain
from .draw_hrnet import draw_hrnet
from .draw_units import draw_units

Draw = Callable[[Any, str | Path, str, Size | None], None]
"""Draws an arch into a file, under a headline, for an input size if there is one."""

DRAWINGS: dict[str, Draw] = {
    HRArch.family: draw_hrnet,
    MBConvArch.family: draw_chain,
    RegNetArch.family: draw_chain,
}
"""Family -> its drawing. A family that is not here is drawn by its layer plan."""


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
    DRAWINGS.get(arch.family, draw_units)(arch, path, headline, size)


def _headline(arch: Arch, title: str, size: Size | None, head: Head | None, rule: Rule) -> str:
    text = f'{arch.num_blocks} blocks'
    if isinstance(arch, HRArch):
        text += f', {arch.num_fusions} fusions'
    if size is not None:
        cost = Counter(size, head)(arch)
        divisor, unit = rule.unit(cost['macs'])
        amount = f'{cost["macs"] / divisor:.1f} {unit}'
        what = 'with its head' if head else 'without head'
        text += (
            f'; {cost["params"] / 1e6:.2f} M params, {amount} macs at {size[0]} x {size[1]} {what}'
        )
    return f'{title}\n{text}' if title else text
