"""What an export without dead blocks and fusions costs less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from scalenas.arch import Arch, sections
from scalenas.complexity import Cost


@dataclass(frozen=True, slots=True)
class Saving:
    """Blocks, fusions and cost that pruning took away: no output depends on them."""

    blocks: int
    fusions: int
    cost: Cost

    @classmethod
    def of(cls, whole: Arch, left: Arch, cost: Callable[[Arch], Cost]) -> Self:
        """Of `whole` beside what is left of it, both costed by `cost`."""
        return cls(
            whole.num_blocks - left.num_blocks,
            _fusions(whole) - _fusions(left),
            cost(whole) - cost(left),
        )

    def to_dict(self) -> dict[str, float]:
        """Plain data."""
        return {'blocks': self.blocks, 'fusions': self.fusions, **self.cost}

    def __str__(self) -> str:
        if not self.blocks + self.fusions:
            return 'pruned: nothing, every block and fusion is read'
        return (
            f'pruned: {self.blocks} blocks and {self.fusions} fusions that nothing reads, '
            f'{self.cost}'
        )


def _fusions(arch: Arch) -> int:
    return sum(section.fusions for section in sections(arch))
