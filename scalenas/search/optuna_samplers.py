"""Optuna's own samplers by name, as a search: they propose, the study of the search stays as it is.

Each generation is asked of a study in memory that is made anew of the records, so that it is a
function of records and seed, for all workers and after any interruption.
"""

from __future__ import annotations

import inspect
import logging
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from scalenas.arch.strict import as_choice, as_int, as_mapping, is_int
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
NO_OPTIONS = ('seed', 'constraints_func', 'after_trial_strategy')
"""Each generation has a seed of its own, and a sampler is never told the end of a trial."""
STARTUP = 10  # trials without which TPE and GP draw at random, where no option says otherwise
MOST_MADE_UP = 500  # of the trials of which a sampler is asked once, before there are any


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
        options: more arguments of the sampler, such as `n_startup_trials=30`. It is asked once with
            trials that are made up, for many wrong values are seen by nothing before.

    Raises:
        UserError: for a sampler or an option that there is not, a value with which the sampler
            fails, or a package that it needs.
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
        parameters = inspect.signature(getattr(optuna.samplers, self.sampler)).parameters
        names = [name for name in parameters if name not in NO_OPTIONS]
        given = {} if options is None else options
        self.options = dict(as_mapping(given, f'{WHERE}.options', (), names))
        made = self._made(0)
        own = getattr(made, 'population_size', None)
        if own is not None and batch not in (None, own):
            raise SearchError(
                where=f'{WHERE}.batch',
                got=batch,
                allowed=f'the population of {sampler}, {own}',
                hint='leave it out, or give population_size in options',
            )
        self.batch = as_int(own or (10 if batch is None else batch), f'{WHERE}.batch')
        self._genes = [gene for gene in space.genes.values() if len(gene.values) > 1]
        self._distributions = {gene.name: _distribution(gene) for gene in self._genes}
        self._rehearse(made)

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
        sampler = self._made(rng.getrandbits(31))
        study = self._study(self._trials(records, sampler), sampler)
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

    def _rehearse(self, sampler: BaseSampler) -> None:
        startup = self.options.get('n_startup_trials', STARTUP)
        genetic = isinstance(sampler, BaseGASampler)
        count = self.batch if genetic else startup if is_int(startup) else STARTUP
        rng = random.Random(0)
        trials = [
            self._trial(
                position,
                {gene.name: rng.choice(gene.values) for gene in self._genes},
                [rng.random() for _ in self.objectives],
                sampler,
            )
            for position in range(max(1, min(count, MOST_MADE_UP)))
        ]
        self._asked(self._study(trials, sampler))

    @contextmanager
    def _foreign_code(self) -> Iterator[None]:
        """What a sampler raises is shown as a fault of its options, its only choice."""
        try:
            yield
        except ImportError as error:
            raise SearchError(
                foreign(error),
                where=f'{WHERE}.sampler',
                got=self.sampler,
                hint='install what it needs, or take TPESampler',
            ) from None
        except Exception as error:
            raise SearchError(
                foreign(error),
                where=f'{WHERE}.options',
                got=self.options,
                hint=f'see optuna.samplers.{self.sampler}',
            ) from error

    def _made(self, seed: int) -> BaseSampler:
        with self._foreign_code(), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what is experimental there is said on its page
            made: BaseSampler = getattr(optuna.samplers, self.sampler)(seed=seed, **self.options)
        return made

    def _study(self, trials: Sequence[FrozenTrial], sampler: BaseSampler) -> optuna.Study:
        storage = optuna.storages.InMemoryStorage()
        directions = [WAYS[objective.direction] for objective in self.objectives]
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # one is made in each generation
        try:
            number = storage.create_new_study(directions, 'search')
        finally:
            optuna.logging.set_verbosity(level)
        for trial in trials:
            storage.create_new_trial(number, trial)
        return optuna.load_study(study_name='search', storage=storage, sampler=sampler)

    def _trials(self, records: Sequence[Record], sampler: BaseSampler) -> list[FrozenTrial]:
        trials = []
        for position, record in enumerate(records):
            genes = self.space.encode(record.arch)
            genes = {gene.name: genes.get(gene.name, gene.values[0]) for gene in self._genes}
            values = self.objectives.values(record.cost, record.metrics)
            trials.append(self._trial(position, genes, values, sampler))
        return trials

    def _trial(
        self,
        position: int,
        genes: Mapping[str, Value],
        values: Sequence[float],
        sampler: BaseSampler,
    ) -> FrozenTrial:
        attributes: dict[str, Any] = {}
        if isinstance(sampler, BaseGASampler):
            # What the sampler would have noted itself, when it asked for the network.
            attributes[sampler._get_generation_key()] = position // self.batch
        return create_trial(
            values=values,
            params={gene.name: _number(gene, genes[gene.name]) for gene in self._genes},
            distributions=self._distributions,
            system_attrs=attributes,
        )

    def _asked(self, study: optuna.Study) -> Arch:
        with self._foreign_code():
            trial = study.ask(self._distributions)
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
