"""Optuna's own samplers by name, as a search: they propose, the study of the search stays as it is.

Each generation is asked of a study in memory that is made anew of the records, so that it is a
function of records and seed, for all workers and after any interruption.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
)
from optuna.samplers import BaseGASampler, BaseSampler
from optuna.trial import FrozenTrial, create_trial

from scalenas.arch import Arch
from scalenas.arch.strict import as_choice, as_int
from scalenas.complexity import Budget, Cost
from scalenas.errors import foreign
from scalenas.space import AbstractSpace, Gene, Value

from .algorithm import AbstractSearch
from .fingerprint import as_plain
from .objectives import Objectives
from .record import Record, SearchError
from .study import WAYS

logger = logging.getLogger(__name__)

SAMPLERS = ('TPESampler', 'NSGAIISampler', 'NSGAIIISampler', 'GPSampler', 'RandomSampler')
"""Those whose proposals follow from trials alone: CMA-ES and QMC keep a state besides."""

WHERE = 'search.algorithm'
PATIENCE = 3


class OptunaSearch(AbstractSearch):
    """Networks that a sampler of Optuna proposes.

    A gene that counts (depths, widths) is a whole number, the position among its values; any
    other is a category. Of a gene that is inactive the sampler is given the first value.

    The study in memory is quiet, and holds what was evaluated; networks asked for in the same
    batch run in it, so that a sampler does not propose them again.

    Args:
        sampler: its class, one of `SAMPLERS`.
        batch: networks of a generation; None: the population of a genetic sampler, else 10.
        max_tries: draws of a generation that are known or beyond the budget, before the rest of it
            is drawn evenly.
        options: more arguments of the sampler, such as `n_startup_trials=30`.

    Raises:
        SearchError: for a sampler or an option that there is not, or a package that it needs.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        budget: Budget | None = None,
        sampler: str = 'TPESampler',
        batch: int | None = None,
        num_total: int = 200,
        max_tries: int = 20,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, objectives, cost, budget, num_total, max_tries)
        self.sampler = as_choice(sampler, f'{WHERE}.sampler', SAMPLERS)
        self.options = dict(options or {})
        made = self._made(0)
        own = getattr(made, 'population_size', None)
        if own is not None and batch not in (None, own):
            raise SearchError(
                where=f'{WHERE}.batch',
                got=batch,
                allowed=f'the population of {sampler}, {own}',
                hint='leave it out, or give population_size in options',
            )
        self.batch = as_int(own or batch or 10, f'{WHERE}.batch')
        self._genes = [gene for gene in space.genes.values() if len(gene.values) > 1]
        self._distributions = {gene.name: _distribution(gene) for gene in self._genes}

    @property
    def later_size(self) -> int:
        """A batch."""
        return self.batch

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """As many as a generation has, asked one after the other."""
        wanted = min(self.batch, max(0, self.num_total - len(records)))
        batch = self._batch(records, wanted, PATIENCE)
        if not batch.open:
            return []
        study = self._study(records, self._made(rng.getrandbits(31)))
        tries = self.max_tries
        while batch.open and tries:
            # A draw that is refused keeps running in there, so that TPE turns away from it.
            tries -= not batch.offer(self._asked(study))
        if batch.open:
            logger.info('generation %d: %s draws known or beyond the budget', index, self.max_tries)
        while batch.open:
            batch.fill(lambda: self.space.sample(rng))
        if index == 0:
            batch.need_one('widen the budget or raise max_tries')
        return batch.close(index)

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {
            'type': 'optuna',
            'sampler': self.sampler,
            'batch': self.batch,
            'options': as_plain(self.options),
            'max_tries': self.max_tries,
        }

    def _made(self, seed: int) -> BaseSampler:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # what is experimental there is said on its page
                made: BaseSampler = getattr(optuna.samplers, self.sampler)(
                    seed=seed, **self.options
                )
        except ImportError as error:
            raise SearchError(
                foreign(error),
                where=f'{WHERE}.sampler',
                got=self.sampler,
                hint='install what it needs, or take TPESampler',
            ) from None
        except (TypeError, ValueError) as error:
            hint = f'see optuna.samplers.{self.sampler}'
            raise SearchError(foreign(error), where=f'{WHERE}.options', hint=hint) from None
        return made

    def _study(self, records: Sequence[Record], sampler: BaseSampler) -> optuna.Study:
        storage = optuna.storages.InMemoryStorage()
        directions = [WAYS[objective.direction] for objective in self.objectives]
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # one is made in each generation
        try:
            number = storage.create_new_study(directions, 'search')
        finally:
            optuna.logging.set_verbosity(level)
        for position, record in enumerate(records):
            storage.create_new_trial(number, self._trial(position, record, sampler))
        return optuna.load_study(study_name='search', storage=storage, sampler=sampler)

    def _trial(self, position: int, record: Record, sampler: BaseSampler) -> FrozenTrial:
        values = self.space.encode(record.arch)
        attributes: dict[str, Any] = {}
        if isinstance(sampler, BaseGASampler):
            # What the sampler would have noted itself, when it asked for the network.
            attributes[sampler._get_generation_key()] = position // self.batch
        return create_trial(
            values=self.objectives.values(record.cost, record.metrics),
            params={
                gene.name: _number(gene, values.get(gene.name, gene.values[0]))
                for gene in self._genes
            },
            distributions=self._distributions,
            system_attrs=attributes,
        )

    def _asked(self, study: optuna.Study) -> Arch:
        try:
            trial = study.ask(self._distributions)
        except ImportError as error:
            raise SearchError(
                foreign(error), where=f'{WHERE}.sampler', got=self.sampler, hint='install it'
            ) from None
        values = {name: gene.values[0] for name, gene in self.space.genes.items()}
        for gene in self._genes:
            drawn = trial.params[gene.name]
            values[gene.name] = gene.values[drawn] if _counts(gene) else drawn
        arch: Arch = self.space.decode(values)
        return arch


def _counts(gene: Gene) -> bool:
    return not isinstance(gene.values[0], bool | str)


def _number(gene: Gene, value: Value) -> Value:
    return gene.values.index(value) if _counts(gene) else value


def _distribution(gene: Gene) -> BaseDistribution:
    if _counts(gene):
        return IntDistribution(0, len(gene.values) - 1)
    return CategoricalDistribution(gene.values)
