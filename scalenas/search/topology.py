"""Multi-scale topology evolution: crossover of whole modules, mutation of fusion switches.

Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal

from scalenas.arch import Arch
from scalenas.arch.strict import as_choice, as_fraction, as_int
from scalenas.complexity import Budget, Cost
from scalenas.space import AbstractSpace, depths_of, group_of

from .algorithm import AbstractSearch
from .objectives import Objectives
from .pareto import TRUNCATIONS, Truncation, select
from .record import Record, SearchError

PATIENCE = 3  # parents without any new offspring before a generation ends
STRATA = (0.2, 0.35, 0.5, 0.65, 0.8)
INITIAL = ('uniform', 'stratified')


class TopologyEvolution(AbstractSearch):
    """Sample `num_initial` networks; then the best `num_parents` each get one offspring, again
    and again, until `num_total` are evaluated.

    The best are taken front by front (`pareto.select`). An offspring takes each module, with
    probability `p_crossover`, from one other parent, at the same position; then each fusion
    switch is flipped with probability `p_mutation`; all modules can be reached. The paper's 0.5
    per switch makes the fusions of an offspring even coin tosses: what is inherited is the depth
    of its branches alone. The released search script defaults to 0.2, which keeps most fusions.

    Args:
        p_depth: probability that a branch's depth is redrawn; the paper never changes it.
        p_width: the same for the inner width of its blocks, in spaces that have these.
        initial: 'stratified': in turn from each of five fusion percentages (0.2 to 0.8) times
            the pairs of neighbouring depths, as the release does; or 'uniform' over the space:
            then half of all fusions are there in every network, and costs lie close together.
        cut: how the last front is cut, see `pareto.select`.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        num_initial: int = 1000,
        num_parents: int = 100,
        num_total: int = 2000,
        p_crossover: float = 0.25,
        p_mutation: float = 0.5,
        p_depth: float = 0.0,
        initial: Literal['uniform', 'stratified'] = 'stratified',
        cut: Truncation = 'spread',
        max_tries: int = 1000,
        p_width: float = 0.0,
    ) -> None:
        switches, depths = space.pattern_of('fusion'), space.pattern_of('depth')
        if switches is None or not space.role('fusion'):
            raise SearchError(
                where='search.algorithm.type',
                got='topology_evolution',
                allowed='algorithms that need no switches of fusions, for the space has none',
                hint='take nsga2 or random',
            )
        for role, p in (('depth', p_depth), ('width', p_width)):
            if p and not space.role(role):
                raise SearchError(
                    where=f'search.algorithm.p_{role}',
                    got=p,
                    allowed=f'0, for the space has no genes of {role}',
                )
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self._switches, self._depths = switches, depths
        self._widths = space.pattern_of('width')
        self.num_initial = as_int(num_initial, 'search.algorithm.num_initial')
        self.num_parents = as_int(num_parents, 'search.algorithm.num_parents')
        self._check_total('num_initial', num_initial)
        for name, p in (
            ('p_crossover', p_crossover),
            ('p_mutation', p_mutation),
            ('p_depth', p_depth),
            ('p_width', p_width),
        ):
            as_fraction(p, f'search.algorithm.{name}')
        self.p_crossover, self.p_mutation = p_crossover, p_mutation
        self.p_depth, self.p_width = p_depth, p_width
        self.initial = as_choice(initial, 'search.algorithm.initial', INITIAL)
        as_choice(cut, 'search.algorithm.cut', TRUNCATIONS)
        self.cut: Truncation = cut

    @property
    def later_size(self) -> int:
        """One offspring of each parent."""
        return self.num_parents

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """The initial sample at index 0, then one offspring of each parent."""
        return self._sample(rng) if index == 0 else self._offspring(index, records, rng)

    def _sample(self, rng: random.Random) -> list[Arch]:
        draws = initial_draws(self.space, self.initial, rng)
        batch = self._batch((), self.num_initial, patience=len(draws))
        batch.fill_in_turn(draws)
        more = " or set initial='stratified'" if self.initial == 'uniform' else ''
        batch.need_one(f'widen the budget, raise max_tries{more}')
        return batch.close(0)

    def _offspring(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        chosen = select(self.objectives.points(records), self.num_parents, self.cut)
        parents = [records[i].arch for i in chosen]
        # When fewer offspring than parents are left to make, chance and not cost says whose.
        rng.shuffle(parents)
        wanted = min(len(parents), max(0, self.num_total - len(records)))
        batch = self._batch(records, wanted, PATIENCE)
        for i, parent in enumerate(parents):
            if not batch.open:
                break
            others = parents[:i] + parents[i + 1 :]
            batch.fill(lambda parent=parent, others=others: self.vary(parent, others, rng))  # type: ignore[misc]
        return batch.close(index)

    def vary(self, parent: Any, others: Sequence[Any], rng: random.Random) -> Any:
        """One offspring: modules of one of the `others`, then mutation. No parent is changed."""
        child, space = parent, self.space
        if others:
            child = space.cross(child, rng.choice(others), rng, self.p_crossover)
        if self._depths is not None and self.p_depth > 0.0:
            child = space.mutate(child, rng, self.p_depth, self._depths)
        if self._widths is not None and self.p_width > 0.0:
            child = space.mutate(child, rng, self.p_width, self._widths)
        return space.mutate(child, rng, self.p_mutation, self._switches)

    def settings(self) -> dict[str, object]:
        """Plain data; `p_width` only where it does something."""
        return {
            **({'p_width': self.p_width} if self.p_width else {}),
            'type': 'topology_evolution',
            'num_initial': self.num_initial,
            'num_parents': self.num_parents,
            'p_crossover': self.p_crossover,
            'p_mutation': self.p_mutation,
            'p_depth': self.p_depth,
            'initial': self.initial,
            'cut': self.cut,
            'max_tries': self.max_tries,
        }


def initial_draws(
    space: AbstractSpace[Any], initial: str, rng: random.Random
) -> list[Callable[[], Any]]:
    """What draws the first networks, in turn: one for each stratum of `STRATA` and depths.

    A space without fusions has strata of depths, one without depths those of fusions alone.
    """
    if initial == 'uniform':
        return [lambda: space.sample(rng)]
    depths, shares = depths_of(space), STRATA if space.role('fusion') else STRATA[:1]
    pairs: list[tuple[int, ...] | None] = list(itertools.pairwise(depths)) or [depths or None]
    groups = [group_of(space, pair, fusion) for fusion in shares for pair in pairs]
    return [lambda group=group: group.sample(rng) for group in groups]  # type: ignore[misc]
