"""A network as one picture, each family in its manner, and any other as a chain of its units."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import Arch, Head, Size, sections
from scalenas.complexity import PYCLS, Counter, Rule
from scalenas.family import family_of

from .draw_units import draw_units


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
