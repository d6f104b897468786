"""What a config asks of a search: `search = dict(algorithm=..., objectives=..., budget=...)`."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, cast

from scalenas.arch import Arch, Size
from scalenas.arch.strict import as_choice, as_int, as_mapping, as_size
from scalenas.complexity import COLUMNS, WHOLE_MODEL, Budget, Cost, Estimate, Measure, Measured
from scalenas.errors import UserError, foreign
from scalenas.latency import LatencyTable
from scalenas.paths import file_digest
from scalenas.scaling.latency import LatencyLine, backbone_acts
from scalenas.space import AbstractSpace

from .algorithm import AbstractSearch, RandomSearch
from .coarse_to_fine import CoarseToFine
from .fingerprint import as_plain, what_counts
from .loop import Evaluate
from .mcea import AlternatingSearch
from .nsga2 import NSGA2
from .objectives import Objectives
from .optuna_samplers import OptunaSearch
from .own_functions import Derive, columns_of, metrics_of
from .predictor import PredictorSearch
from .record import RESERVED, Record, SearchError
from .topology import TopologyEvolution
from .turns import TURNS, Mode

logger = logging.getLogger(__name__)


ALGORITHMS: dict[str, Callable[..., AbstractSearch]] = {
    'topology_evolution': TopologyEvolution,
    'nsga2': NSGA2,
    'mcea': AlternatingSearch,
    'random': RandomSearch,
    'coarse_to_fine': CoarseToFine,
    'predictor': PredictorSearch,
    'optuna': OptunaSearch,
}
"""Name in a config -> class. A new algorithm is one more entry."""

SHARED = ('num_total', 'initial')
"""Arguments of one meaning wherever they are: a first sample of 1,000 is right for an evolution and
absurd for a predictor, and a rate of mutation is per switch here and per gene there."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """An algorithm and its arguments, what is traded, at which input size, within which budget.

    Without a size every network is counted at its own resolution. `columns` are measured ones
    besides those that are counted, `metrics` are made of those that an evaluation gives.
    """

    algorithm: str
    arguments: Mapping[str, Any]
    objectives: Objectives
    size: Size | None
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    columns: Mapping[str, Measure] = field(default_factory=dict)
    metrics: Mapping[str, Derive] = field(default_factory=dict)
    mode: Mode = 'sync'

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """From the `search` of a config.

        Raises:
            UserError: one line that names the key, and what is allowed.
        """
        _check_keys(data)
        table = as_mapping(
            data,
            'search',
            ('algorithm', 'objectives'),
            ('size', 'budget', 'columns', 'metrics', 'seed', 'mode', 'classes', 'cache_prefix'),
        )
        if not isinstance(table['algorithm'], Mapping):
            got = table['algorithm']
            raise SearchError(where='search.algorithm', got=got, allowed='dict(type=...)')
        arguments = dict(table['algorithm'])
        name = as_choice(arguments.pop('type', None), 'search.algorithm.type', tuple(ALGORITHMS))
        _check(arguments, name)
        columns = columns_of(table.get('columns'))
        return cls(
            name,
            arguments,
            Objectives.from_dict(table['objectives'], columns),
            None if table.get('size') is None else as_size(table['size'], 'search.size'),
            Budget.from_dict(table.get('budget'), (*COLUMNS, *columns), 'search.budget'),
            as_int(table.get('seed', 0), 'search.seed', 0),
            columns,
            metrics_of(table.get('metrics'), (*COLUMNS, *columns)),
            _mode(table.get('mode', 'sync'), 'search.mode'),
        )

    def with_(
        self,
        algorithm: str | None = None,
        num_total: int | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
        mode: str | None = None,
    ) -> Self:
        """With what the command line asks for instead; None leaves a thing as it is.

        Another algorithm keeps of the arguments what means the same (`SHARED`), so a random search
        has as many evaluations as the evolution that it is compared with.

        Raises:
            UserError: for a number that the config could not have, either.
        """
        name = self.algorithm
        if algorithm is not None:
            name = as_choice(algorithm, 'algorithm', tuple(ALGORITHMS))
        arguments = dict(self.arguments)
        if name != self.algorithm:
            kept = {*SHARED} & {*_arguments(name)}
            arguments = {key: value for key, value in arguments.items() if key in kept}
        if num_total is not None:
            arguments['num_total'] = as_int(num_total, '--num-evaluations')
        bounds = self.budget | (budget or Budget())
        bounds.check_columns((*COLUMNS, *self.columns))
        return replace(
            self,
            algorithm=name,
            arguments=arguments,
            seed=self.seed if seed is None else as_int(seed, '--seed', 0),
            budget=bounds,
            mode=self.mode if mode is None else _mode(mode, '--mode'),
        )

    def build(self, space: AbstractSpace[Any], cost: Callable[[Arch], Cost]) -> AbstractSearch:
        """The algorithm in a space.

        Raises:
            UserError: for arguments that make no search, or a budget that no network meets.
        """
        # Another algorithm of the command line may need what the config does not give.
        _check(self.arguments, self.algorithm)
        self._check_estimates(space)
        self._check_counted()
        budget = self.within(space, cost).budget
        return ALGORITHMS[self.algorithm](
            space, self.objectives, self.cost(cost), budget=budget, **self.arguments
        )

    def within(self, space: AbstractSpace[Any], cost: Callable[[Arch], Cost]) -> Self:
        """With numbers for bounds that are percentages of the largest network of a space."""
        budget = self.budget.of(lambda: self.cost(cost)(space.largest()))
        return self if budget is self.budget else replace(self, budget=budget)

    def cost(self, counted: Callable[[Arch], Cost]) -> Callable[[Arch], Cost]:
        """What is counted, with the measured columns."""
        return Measured(counted, self.columns, self.size) if self.columns else counted

    def scored(self, evaluate: Evaluate) -> Evaluate:
        """An evaluation, with the metrics that are made of what it gives.

        Raises:
            SearchError: from it, for a metric that there is already.
        """
        if not self.metrics:
            return evaluate

        def scored(arch: Arch) -> dict[str, float]:
            given = dict(evaluate(arch))
            for name in self.metrics.keys() & given.keys():
                raise SearchError('the evaluation gives it already', where=f'search.metrics.{name}')
            for name in given.keys() & {*COLUMNS, *self.columns, *RESERVED}:
                raise SearchError(
                    'a column of the tables has this name',
                    where='metric of the evaluation',
                    got=name,
                    hint='give the metric a prefix in the evaluator, or rename search.columns',
                )
            return {**given, **{name: self._derived(name, given) for name in self.metrics}}

        return scored

    def _derived(self, name: str, given: Mapping[str, float]) -> float:
        try:
            return float(self.metrics[name](given))
        except UserError:
            raise
        except Exception as error:  # anybody's code
            raise SearchError(
                foreign(error),
                where=f'search.metrics.{name}',
                hint=f'it is called with a mapping of {", ".join(given)}',
            ) from error

    def check_metrics(self, known: Sequence[str] | None) -> None:
        """Pass when every metric that is asked for will be there; `known` None: nobody knows.

        Raises:
            SearchError: before anything is evaluated.
        """
        for objective in self.objectives.metrics:
            if known is not None and objective.name not in (*known, *self.metrics):
                raise SearchError(
                    'the evaluation does not give it, and it is no column',
                    where='search.objectives',
                    got=objective.name,
                    allowed=(*known, *self.metrics, *COLUMNS, *self.columns),
                )

    def check_records(self, records: Iterable[Record]) -> None:
        """Pass when own metrics of what was evaluated are what their functions give today.

        Raises:
            SearchError: where a function has changed since: one study would mix two metrics.
        """
        for record in records:
            given = {k: v for k, v in record.metrics.items() if k not in self.metrics}
            for name in self.metrics.keys() & record.metrics.keys():
                try:
                    value = self._derived(name, given)
                except SearchError as error:
                    if isinstance(error.__cause__, KeyError):
                        continue  # it asks for one that was undefined, and so is not kept
                    raise
                if not math.isclose(value, record.metrics[name], rel_tol=1e-9, abs_tol=1e-12):
                    raise SearchError(
                        f'its function gives another value of slot {record.slot} than it did',
                        where=f'search.metrics.{name}',
                        got=value,
                        allowed=f'{record.metrics[name]!r}',
                        hint='restore it, or choose another study name or work dir',
                    )

    def _check_estimates(self, space: AbstractSpace[Any]) -> None:
        archs = (space.smallest(), space.largest())
        for name, line in self.columns.items():
            if isinstance(line, LatencyTable):
                for arch in archs:
                    line(arch, self.size or arch.size)
            if not isinstance(line, LatencyLine):
                continue
            ends = [backbone_acts(a, self.size or a.size) for a in archs]
            if not all(map(line.covers, ends)):
                logger.warning(
                    'column %s: networks have %.3g to %.3g M acts, beyond what was measured (%s)',
                    name,
                    ends[0] / 1e6,
                    ends[1] / 1e6,
                    line,
                )

    def _check_counted(self) -> None:
        asked = {*(o.name for o in self.objectives.columns), *self.budget} & {*COLUMNS}
        for name in sorted(asked - {*WHOLE_MODEL}):
            logger.warning(
                'column %s is counted over the layers of the backbone alone: neck and head are not '
                'in it',
                name,
            )

    def settings(
        self, search: AbstractSearch, checkpoint: str | Path, cfg: Mapping[str, Any]
    ) -> dict[str, object]:
        """All that the records depend on: a study belongs to one such set.

        `cfg` is the config, of which some parts count (see `what_counts`).
        """
        return {
            'space': search.space.to_dict(),
            'algorithm': search.settings(),
            'seed': self.seed,
            **({} if self.mode == 'sync' else {'mode': self.mode}),
            'size': None if self.size is None else list(self.size),
            'budget': self.budget.to_dict(),
            **self._functions(cfg.get('search') or {}),
            'checkpoint': file_digest(checkpoint),
            'config': what_counts(cfg),
        }

    def _functions(self, search: Mapping[str, Any]) -> dict[str, Any]:
        """Columns and metrics as the config names them; of estimates also what they are made of."""
        named = {k: as_plain(search[k]) for k in ('columns', 'metrics') if search.get(k)}
        for name, by in self.columns.items():
            if isinstance(by, Estimate) and 'columns' in named:
                named['columns'][name] = {'is': named['columns'][name], 'from': by.settings()}
        return named


def _mode(data: object, where: str) -> Mode:
    as_choice(data, where, tuple(TURNS))
    return cast(Mode, data)


def objectives_of(search: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """The objectives of a config's `search`, as reports keep them; None where it names none.

    Raises:
        UserError: for what is no objective.
    """
    _check_keys(search)
    if search.get('objectives') is None:
        return None
    return Objectives.from_dict(search['objectives'], search.get('columns') or ()).to_list()


def _check_keys(data: object) -> None:
    """One clear line for who has a config of before objectives were a tuple."""
    for key in ('metric', 'direction', 'cost'):
        if isinstance(data, Mapping) and key in data:
            name = data.get('metric', 'mIoU')
            hint = f"write objectives=(({name!r}, 'max'), ('macs', 'min'))"
            raise SearchError('is no key', where=f'search.{key}', got=data[key], hint=hint)


def _check(arguments: Mapping[str, Any], name: str) -> None:
    required = [k for k, p in _parameters(name).items() if p.default is inspect.Parameter.empty]
    as_mapping(arguments, f'search.algorithm ({name})', required, _arguments(name))


def _arguments(name: str) -> tuple[str, ...]:
    return tuple(_parameters(name))


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    given = ('space', 'objectives', 'cost', 'budget')
    parameters = inspect.signature(ALGORITHMS[name]).parameters
    return {key: parameter for key, parameter in parameters.items() if key not in given}
