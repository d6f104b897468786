"""Search algorithms: a function from the history to the next networks; random search."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from scalenas.arch import Arch
from scalenas.arch.strict import as_int
from scalenas.complexity import COLUMNS, Budget, Cost
from scalenas.space import AbstractSpace

from .objectives import Objectives
from .record import Record, SearchError

logger = logging.getLogger(__name__)


class AbstractSearch(ABC):
    """Proposes generations of networks until `num_total` are evaluated.

    Args:
        num_total: evaluations in all. More of them continue the same search: the first slots of
            a generation do not depend on how many are asked for.
        max_tries: draws for one slot before it stays empty. A draw is rejected when it is over
            the budget or was proposed before; neither is ever evaluated.

    Raises:
        SearchError: when no network of the space can be within the budget.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        num_total: int = 2000,
        max_tries: int = 1000,
    ) -> None:
        self.space = space
        self.objectives = objectives
        self.cost = cost
        self.budget = budget or Budget()
        self.num_total = as_int(num_total, 'search.algorithm.num_total')
        self.max_tries = as_int(max_tries, 'search.algorithm.max_tries')
        _check_reachable(space, cost, self.budget, objectives)

    def _check_total(self, name: str, count: int) -> None:
        if count > self.num_total:
            raise SearchError(
                where=f'search.algorithm.{name}',
                got=count,
                allowed=f'at most num_total, {self.num_total}',
                hint='lower it, or raise num_total (--num-evaluations)',
            )

    asynchronous = True
    """Whether a network can be proposed from whatever is known at the time."""

    _taken: frozenset[Arch] | None = None

    @property
    def later_size(self) -> int:
        """Networks of a generation after the first: the steps in which an asynchronous search,
        which has none, counts and reports.
        """
        return 20

    @final
    def propose(
        self, index: int, records: Sequence[Record], taken: frozenset[Arch], rng: random.Random
    ) -> Arch | None:
        """One network that is not evaluated and not `taken`; None when there is none.

        It is the first that generation `index` would have, of the records that are there now,
        or generation 0, where there are none.
        """
        self._taken = taken
        try:
            found = self.generation(index if records else 0, records, rng)
        finally:
            self._taken = None
        known = {record.arch for record in records} | taken
        return next((arch for arch in found if arch not in known), None)

    @abstractmethod
    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """The networks of generation `index`, each new; none when the search is finished.

        Args:
            records: all records of earlier generations, by slot.
            rng: private to this generation, so that every worker computes the same list.
        """

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """All that the proposals depend on, as plain data; not `num_total`."""

    def findings(self) -> dict[str, str]:
        """Files of the report that only this search has: name -> text."""
        return {}

    @final
    def _batch(self, records: Iterable[Record], wanted: int, patience: int = 1) -> Batch:
        seen = {record.arch for record in records}
        if self._taken is None:
            return Batch(self, seen, wanted, patience)
        return Batch(self, seen | self._taken, min(wanted, 1), patience)


class Batch:
    """The networks of a generation while they are found, slot by slot.

    After `patience` slots for which all draws were rejected it takes no more: a budget that
    hardly any network meets, or a space that is used up, costs a bounded time.
    """

    def __init__(self, search: AbstractSearch, seen: set[Arch], wanted: int, patience: int) -> None:
        self.archs: list[Arch] = []
        self.wanted = wanted
        self._patience = patience
        self._search = search
        self._seen = seen
        self._empty = self._repeated = self._beyond = 0
        self._nearest = float('inf')

    @property
    def open(self) -> bool:
        """True while more networks are wanted and can be expected."""
        return len(self.archs) < self.wanted and self._empty < self._patience

    def fill(self, draw: Callable[[], Arch], budget: Budget | None = None) -> bool:
        """Fill the next slot with the first draw that is new and within the budget, if any.

        `budget` is that of the search, or a narrower one for this slot.
        """
        for _ in range(self._search.max_tries):
            if self.offer(draw(), budget):
                return True
        self._empty += 1
        return False

    def offer(self, arch: Arch, budget: Budget | None = None) -> bool:
        """Fill the next slot with this network, if it is new and within the budget."""
        search = self._search
        if arch in self._seen:
            self._repeated += 1
            return False
        violation = (budget or search.budget).violation(search.cost(arch))
        if violation > 0.0:
            self._beyond += 1
            self._nearest = min(self._nearest, violation)
            return False
        self._seen.add(arch)
        self.archs.append(arch)
        return True

    def fill_in_turn(self, draws: Sequence[Callable[[], Arch]]) -> None:
        """Fill all slots, each from the next of these; one that finds nothing more is left out."""
        turn, draws = 0, list(draws)
        while self.open:
            if self.fill(draws[turn % len(draws)]):
                turn += 1
            else:
                draws.remove(draws[turn % len(draws)])

    def close(self, index: int) -> list[Arch]:
        """The networks found; a log line when they are fewer than asked for."""
        if len(self.archs) < self.wanted and self._search._taken is None:
            logger.warning('generation %d: %s', index, self.shortage())
        return self.archs

    def need_one(self, hint: str) -> None:
        """Pass when a network was found; others are evaluated while one is proposed.

        Raises:
            SearchError: for a search that has none to begin with.
        """
        if not self.archs and self._search._taken is None:
            raise self.none(hint)

    def none(self, hint: str) -> SearchError:
        """The error for a search that has no network to begin with."""
        return SearchError(self.shortage(), where='search.algorithm', hint=hint)

    def shortage(self) -> str:
        """How many were found, and why not more."""
        nearest = f', the nearest {self._nearest:.1%} beyond it' if self._beyond else ''
        return (
            f'found {len(self.archs)} of {self.wanted} networks: {self._repeated} draws were '
            f'known already, {self._beyond} beyond the budget ({self._search.budget}){nearest}'
        )


def _check_reachable(
    space: AbstractSpace[Any],
    cost: Callable[[Arch], Cost],
    budget: Budget,
    objectives: Objectives,
) -> None:
    # Genes are ordered small to large, so these two bound every network of the space.
    least, most = cost(space.smallest()), cost(space.largest())
    budget.check_columns(least)
    for column in objectives.columns:
        if column.name not in least:
            raise SearchError(where='search.objectives', got=column.name, allowed=tuple(least))
    for name in budget:
        lower, upper = budget.least(name), budget.most(name)
        if name not in COLUMNS:
            continue  # nobody knows that what is measured grows with the genes
        span = f'{least[name]:,} to {most[name]:,}, as the networks of the space have'
        if upper is not None and least[name] > upper:
            raise SearchError(
                'no network has so few',
                where=f'budget.{name}',
                got=upper,
                allowed=span,
                hint='raise the bound',
            )
        if lower is not None and most[name] < lower:
            raise SearchError(
                'no network has so many',
                where=f'budget.{name}',
                got=lower,
                allowed=span,
                hint='lower the bound',
            )


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
        batch.need_one('widen the budget or raise max_tries')
        return batch.close(index)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {'type': 'random', 'max_tries': self.max_tries}
