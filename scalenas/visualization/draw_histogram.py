"""What a sampler draws: the distribution of macs in each of its groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .figure import BLUE, canvas, macs_unit, nothing_to_draw


def draw_histogram(
    groups: Mapping[str, Sequence[float]], path: str | Path, title: str = '', bins: int = 60
) -> None:
    """One row per group over a common axis of macs; a tick marks the group's mean.

    Raises:
        DrawError: when a group is empty, or there is none.
    """
    empty = [name for name, macs in groups.items() if not len(macs)]
    if not groups or empty:
        raise nothing_to_draw(path, f'samples in {", ".join(empty) or "one group at least"}')
    low = min(min(macs) for macs in groups.values())
    high = max(max(macs) for macs in groups.values())
    divisor, unit = macs_unit(high)
    # All macs may be equal: a bin needs some width all the same.
    span = (high - low) / divisor or 1.0
    edges = [low / divisor + span * b / bins for b in range(bins + 1)]
    with canvas(path, 8.0, 1.3 + 0.55 * len(groups)) as figure:
        rows = figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
        for axes, (name, macs) in zip(rows, groups.items(), strict=True):
            shown = [value / divisor for value in macs]
            axes.hist(shown, bins=edges, color=BLUE, alpha=0.8)
            axes.axvline(sum(shown) / len(shown), color='black', linewidth=1.5)
            axes.set_yticks([])
            axes.spines['left'].set_visible(False)
            axes.set_ylabel(f'{name}  ({len(macs)})', rotation=0, ha='right', va='center')
        rows[-1].set_xlabel(f'multiply-adds ({unit}); line: mean')
        figure.suptitle(title, fontsize=13)
