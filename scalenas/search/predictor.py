"""Search by a predictor: what is worth an evaluation is guessed first, by those that were made.

A sample that covers the space is evaluated; then, batch by batch, a `Surrogate` of each metric is
fitted, an evolution of some hundred networks runs on its guesses alone, and of all that it met
those are evaluated that are expected to add most to the dominated volume. Costs are exact.

Sources: Emmerich, Giannakoglou and Naujoks, "Single- and Multiobjective Evolutionary Optimization
Assisted by Gaussian Random Field Metamodels" (2006), for the expected improvement of the volume
and the screening of offspring; Daulton, Balandat and Bakshy, "Differentiable Expected Hypervolume
Improvement" (2020), for a batch of which each network counts what the others leave.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from scalenas.arch import Arch
from scalenas.arch.strict import as_choice, as_int, is_number, wrong
from scalenas.complexity import Budget, Cost
from scalenas.space import AbstractSpace

from .algorithm import AbstractSearch
from .gene_matrix import GeneMatrix, Rows
from .nsga2 import Variation, survivors, tournament
from .objectives import Objectives
from .pareto import select
from .record import Record
from .report import table_text
from .surrogate import Surrogate, check_installed, tau
from .topology import INITIAL, initial_draws
from .volume_gain import most_gain

logger = logging.getLogger(__name__)

FINDINGS = 'predictor.csv'
PARENTS = 40  # of the evolution on guesses
ROUNDS = 4
CROSSED = 0.7  # of the offspring
MOST_MUTATION = 0.1  # of a gene; each offspring draws its own rate, from one gene on average
PATIENCE = 3  # slots without any new offspring before a generation ends


@dataclass(frozen=True, slots=True)
class Generation:
    """How well a generation was guessed before it was evaluated.

    Attributes:
        trained: networks that the predictor had seen; 0: it was asked for nothing.
        taus: Kendall's tau-b of guesses and scores, by metric.
        by: 'sample', 'predictor' or 'variation', which proposed it.
    """

    index: int
    networks: int
    trained: int
    taus: Mapping[str, float]
    by: str


class PredictorSearch(AbstractSearch):
    """`num_initial` networks over the whole space; then batches that a predictor chooses.

    What is evaluated follows from the records, the seed and the versions of numpy and
    scikit-learn: guesses are rounded and ties go to the first, so that processors agree.

    Args:
        batch: networks of a generation: what workers share without waiting for another.
        offspring: networks that each of the `ROUNDS` rounds on guesses makes.
        min_tau: where Kendall's tau of a generation is below, of any metric, the next one is
            made by variation of the front alone, as NSGA-II makes it. -1: it is always trusted.
        initial: 'stratified', as in `TopologyEvolution`, on any space; or 'uniform'.

    Raises:
        SearchError: where scikit-learn is not installed.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        num_initial: int = 30,
        batch: int = 10,
        num_total: int = 200,
        offspring: int = 100,
        min_tau: float = 0.2,
        initial: Literal['uniform', 'stratified'] = 'stratified',
        max_tries: int = 1000,
    ) -> None:
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self.num_initial = as_int(num_initial, 'search.algorithm.num_initial', 2)
        self.batch = as_int(batch, 'search.algorithm.batch')
        self.offspring = as_int(offspring, 'search.algorithm.offspring')
        if not is_number(min_tau) or not -1 <= min_tau <= 1:
            raise wrong('search.algorithm.min_tau', 'a number from -1 to 1', min_tau)
        self.min_tau = min_tau
        self.initial = as_choice(initial, 'search.algorithm.initial', INITIAL)
        self._check_total('num_initial', num_initial)
        check_installed()
        self._matrix = GeneMatrix(space)
        self._fitted: list[tuple[list[Record], Surrogate]] = []
        self._history: dict[int, Generation] = {}
        self._by: dict[int, str] = {}

    @property
    def later_size(self) -> int:
        """A batch."""
        return self.batch

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """The sample at index 0, then batches."""
        if index == 0 or len(records) < 2:
            return self._sample(index, rng)
        trusted = self._judge(index - 1, records)
        wanted = min(self.batch, max(0, self.num_total - len(records)))
        if not wanted:
            return []
        batch = self._batch(records, wanted, PATIENCE)
        draw = np.random.default_rng(rng.getrandbits(64))
        if trusted:
            for arch in self._proposed(records, wanted, draw):
                if not batch.open:
                    break
                batch.offer(arch)
        points = self.objectives.points(records)
        parents, variation = survivors(points, PARENTS), Variation()

        def vary() -> Arch:
            one, other = (records[tournament(parents, rng).index].arch for _ in range(2))
            return variation.offspring(self.space, one, other, rng)

        while batch.open:
            batch.fill(vary)
        return batch.close(index)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {
            'type': 'predictor',
            'num_initial': self.num_initial,
            'batch': self.batch,
            'offspring': self.offspring,
            'min_tau': self.min_tau,
            'initial': self.initial,
            'max_tries': self.max_tries,
        }

    def findings(self) -> dict[str, str]:
        """predictor.csv: of each generation how many networks, by whom, and tau of each metric."""
        rows = [
            {
                'generation': g.index,
                'networks': g.networks,
                'trained on': g.trained,
                'by': g.by,
                **{f'tau {o.name}': g.taus.get(o.name, '') for o in self.objectives.metrics},
            }
            for _, g in sorted(self._history.items())
        ]
        return {FINDINGS: table_text(rows)} if rows else {}

    def _sample(self, index: int, rng: random.Random) -> list[Arch]:
        draws = initial_draws(self.space, self.initial, rng)
        batch = self._batch((), self.num_initial, patience=len(draws))
        if self.initial == 'stratified':
            for end in (self.space.smallest(), self.space.largest()):
                batch.offer(end)
        batch.fill_in_turn(draws)
        batch.need_one('widen the budget or raise max_tries')
        return batch.close(index)

    def _fit(self, records: Sequence[Record]) -> Surrogate:
        """Of the same records the same as before: a batch is proposed and judged by one."""
        wanted = list(records)
        for known, surrogate in self._fitted:
            if known == wanted:
                return surrogate
        surrogate = Surrogate(self._matrix, self.objectives, wanted)
        self._fitted = [*self._fitted[-1:], (wanted, surrogate)]
        return surrogate

    def _judge(self, index: int, records: Sequence[Record]) -> bool:
        """Whether a generation was guessed well enough by what was there before it.

        Keeps how well for the report.
        """
        before = [record for record in records if record.generation < index]
        newest = [record for record in records if record.generation == index]
        taus: dict[str, float] = {}
        if len(before) > 1 and newest:
            rows = self._matrix.rows(record.arch for record in newest)
            scores = self._fit(before).scores(rows, [record.cost for record in newest])
            taus = {n: tau(z, [r.metrics[n] for r in newest]) for n, z in scores.items()}
        by = self._by.get(index, 'sample' if index == 0 else 'predictor')
        trained = len(before) if taus else 0
        self._history[index] = Generation(index, len(newest), trained, taus, by)
        trusted = all(value >= self.min_tau for value in taus.values())
        self._by[index + 1] = 'predictor' if trusted else 'variation'
        for name, value in taus.items():
            line = 'generation %d: tau of the predictor and %s is %.3f over %d networks%s'
            back = '' if trusted else f' (min_tau {self.min_tau}): the next varies the front'
            level = logging.INFO if trusted else logging.WARNING
            logger.log(level, line, index, name, value, len(newest), back)
        return trusted

    def _proposed(
        self, records: Sequence[Record], wanted: int, draw: np.random.Generator
    ) -> list[Arch]:
        """Networks that are expected to gain most first."""
        surrogate, points = self._fit(records), self.objectives.points(records)
        rows, archs, costs = self._candidates(surrogate, records, draw)
        if not archs:
            return []
        running = self._running(records)
        costs += [self.cost(arch) for arch in running]
        rows = np.concatenate([rows, self._matrix.rows(running)]) if running else rows
        guesses = surrogate.points(rows, costs, surrogate.ways(draw))
        here, there = guesses[:, : len(archs)], guesses[:, len(archs) :]
        chosen = most_gain(points, here, wanted, draw, there if running else None)
        return [archs[i] for i in chosen]

    def _running(self, records: Sequence[Record]) -> list[Arch]:
        """What other workers evaluate, or will: a proposal counts what these leave to gain.

        Of a batch they are in the batch; this is of an asynchronous search.
        """
        known = {record.arch for record in records}
        left = (self._taken or frozenset()) - known
        return sorted(left, key=lambda arch: tuple(self._matrix.rows([arch])[0]))

    def _candidates(
        self, surrogate: Surrogate, records: Sequence[Record], draw: np.random.Generator
    ) -> tuple[Rows, list[Arch], list[Cost]]:
        """New networks within the budget: the front and its offspring evolve on guesses."""
        points = self.objectives.points(records)
        chosen = select(points, PARENTS)
        parents = self._matrix.rows(records[i].arch for i in chosen)
        values = [points[i] for i in chosen]
        seen = {record.arch for record in records}
        rows: list[Any] = []
        archs: list[Arch] = []
        costs: list[Cost] = []
        for _ in range(ROUNDS):
            first = len(archs)
            for row in self._varied(parents, draw):
                arch = self._matrix.arch(row)
                if arch in seen:
                    continue
                seen.add(arch)
                cost = self.cost(arch)
                if self.budget.allows(cost):
                    rows.append(row)
                    archs.append(arch)
                    costs.append(cost)
            if first == len(archs):
                continue
            new = np.array(rows[first:])
            guessed = surrogate.points(new, costs[first:], surrogate.middle())[0]
            parents = np.concatenate([parents, new])
            values = [*values, *(tuple(map(float, point)) for point in guessed)]
            chosen = select(values, PARENTS)
            parents, values = parents[chosen], [values[i] for i in chosen]
        return np.array(rows), archs, costs

    def _varied(self, parents: Rows, draw: np.random.Generator) -> Rows:
        """Offspring of parents: crossed by units, then mutated, each at a rate of its own."""
        matrix, count = self._matrix, self.offspring
        one, other = (parents[draw.integers(len(parents), size=count)] for _ in range(2))
        crossed = draw.random((count, 1)) < CROSSED
        rows = np.where(crossed, matrix.crossed(one, other, 0.5, draw), one)
        least = 1.0 / max(1, int((matrix.counts > 1).sum()))
        rates = least * (max(MOST_MUTATION, least) / least) ** draw.random(count)
        return matrix.mutated(rows, rates, draw)
