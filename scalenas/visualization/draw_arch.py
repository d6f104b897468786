"""A network as one picture, each family in its manner."""

from __future__ import annotations

from pathlib import Path

from scalenas.arch import Arch, Head, HRArch, MBConvArch, RegNetArch, Size
from scalenas.complexity import PYCLS, Counter, Rule

from .draw_chain import draw_chain
from .draw_hrnet import draw_hrnet
from .figure import DrawError


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
        DrawError: for a family without a drawing, or a file that cannot be written.
    """
    headline = _headline(arch, title, size, head, rule)
    if isinstance(arch, HRArch):
        draw_hrnet(arch, path, headline)
    elif isinstance(arch, MBConvArch | RegNetArch):
        draw_chain(arch, path, headline, size)
    else:
        raise DrawError(f'{path}: there is no drawing for {arch.family} networks')


def _headline(arch: Arch, title: str, size: Size | None, head: Head | None, rule: Rule) -> str:
    text = f'{arch.num_blocks} blocks'
    if isinstance(arch, HRArch):
        text += f', {arch.num_fusions} fusions'
    if size is not None:
        cost = Counter(size, head)(arch)
        unit = 'Gi' if rule.giga == 2**30 else 'G'
        giga = cost.gmacs(rule)
        amount = f'{giga:.1f} {unit}' if giga >= 1 else f'{1000 * giga:.1f} M'
        what = 'with its head' if head else 'without head'
        text += f'; {cost.params / 1e6:.2f} M params, {amount} macs at {size[0]} x {size[1]} {what}'
    return f'{title}\n{text}' if title else text
