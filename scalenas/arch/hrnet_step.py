"""Fusions after one block step of an HRNet-style module, checked once; tallies as one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from .strict import wrong

Rows = tuple[tuple[int, ...], ...]
"""Fusions after one step: for each target branch, its source branches in ascending order."""

FIELD = 16
"""Bits of a field of a tally: a network has at most `MOST_BLOCKS` blocks, and as many steps."""


class Step(Rows):
    """Rows of sources, as `Rows`; made once and used by many modules, it is checked once.

    Attributes:
        targets: branches that receive a map.
        tally: fusions as one number. Its fields of `FIELD` bits say how many blocks each branch
            has, and then how many fusions each target has from each source, targets and sources
            ascending; so tallies of steps and modules add up to that of a stage.
    """

    targets: tuple[int, ...]
    tally: int

    def __new__(cls, rows: Sequence[Sequence[int]], where: str = 'step') -> Self:
        """Raises ArchError for sources that are not ascending other branches."""
        branches, tally, targets = range(len(rows)), 0, []
        for i, sources in enumerate(rows):
            if not sources:
                continue
            for k in sources:
                if k not in branches or k == i or k is True or k is False:
                    raise wrong(f'{where}[{i}]', [b for b in branches if b != i], k)
            if list(sources) != sorted(set(sources)):
                raise wrong(f'{where}[{i}]', 'ascending and distinct branches', sources)
            first = len(rows) + i * (len(rows) - 1)
            tally += sum(1 << FIELD * (first + k - (k > i)) for k in sources)
            targets.append(i)
        step = super().__new__(cls, map(tuple, rows))
        step.targets, step.tally = tuple(targets), tally
        return step
