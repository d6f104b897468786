"""How a supernet orders networks: its scores against their costs, or theirs when trained alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scalenas.search import Comparison

from .figure import BLUE, GREEN, ORANGE, PURPLE, VERMILION, DrawError, canvas

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)


def draw_ranks(path: str | Path, rows: Mapping[str, Sequence[Comparison]], metric: str) -> None:
    """A scatter for each thing that is compared with, every supernet in a colour of its own.

    Source: ScaleNet (Xie et al. 2022), table 4.

    Raises:
        DrawError: for nothing to draw, or more supernets than colours.
    """
    kinds = list(dict.fromkeys(c.against for found in rows.values() for c in found))
    if not kinds or len(rows) > len(COLOURS):
        allowed = f'1 to {len(COLOURS)} supernets with ranks'
        raise DrawError(where=path, got=len(rows), allowed=allowed)
    with canvas(path, 6.5 * len(kinds), 4.6) as figure:
        for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
            for (name, found), colour in zip(rows.items(), COLOURS, strict=False):
                for comparison in found:
                    if comparison.against == kind:
                        study = comparison.study
                        label = f'{name}: Kendall {study.kendall.value:.2f}' if study else name
                        axes.scatter(
                            comparison.x, comparison.y, s=18, color=colour, alpha=0.7, label=label
                        )
            axes.set_xlabel(kind)
            axes.set_ylabel(f'{metric} in the supernet')
            axes.legend()
