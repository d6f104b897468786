"""Random search: the control that every other search has to beat."""

from __future__ import annotations

import random
from collections.abc import Sequence

from scalenas.arch import Arch

from .algorithm import AbstractSearch
from .record import Record


class RandomSearch(AbstractSearch):
    """`num_total` networks, drawn evenly from the space, in one generation."""

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """All networks at index 0.

        Raises:
            SearchError: when no draw was within the budget.
        """
        if index > 0:
            return []
        batch = self._batch((), self.num_total)
        while batch.open:
            batch.fill(lambda: self.space.sample(rng))
        if not batch.archs:
            raise batch.none('widen the budget or raise max_tries')
        return batch.close(index)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {'type': 'random', 'max_tries': self.max_tries}
