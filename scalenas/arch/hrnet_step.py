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
        checked: Rows = tuple(map(tuple, rows))
        tally, targets = 0, []
        for i, sources in enumerate(checked):
            if sources:
                key = i, len(checked), sources
                # Where keys are looked up True is 1, and here it is no branch.
                plain = {*map(type, sources)} == {int}
                known = _KNOWN.get(key) if plain else None
                if known is None:
                    known = _row_tally(*key, f'{where}[{i}]')
                    if len(_KNOWN) < MOST_ROWS:
                        _KNOWN[key] = known
                tally += known
                targets.append(i)
        step = super().__new__(cls, checked)
        step.targets, step.tally = tuple(targets), tally
        return step


_KNOWN: dict[tuple[int, int, tuple[int, ...]], int] = {}
MOST_ROWS = 2**12
"""Rows whose tallies are kept: all of up to nine branches."""


def _row_tally(i: int, num_branches: int, sources: tuple[int, ...], where: str) -> int:
    branches = range(num_branches)
    for k in sources:
        if k not in branches or k == i or k is True or k is False:
            raise wrong(where, [b for b in branches if b != i], k)
    if list(sources) != sorted(set(sources)):
        raise wrong(where, 'ascending and distinct branches', sources)
    first = num_branches + i * (num_branches - 1)
    return sum(1 << FIELD * (first + k - (k > i)) for k in sources)
