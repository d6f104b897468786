"""What a config asks of a search: `search = dict(algorithm=..., metric=..., budget=...)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from scalenas.arch import Arch, Size
from scalenas.arch.strict import as_choice, as_int, as_mapping, as_size
from scalenas.complexity import COLUMNS, Budget, Cost
from scalenas.digest import file_digest
from scalenas.space import AbstractSpace

from .algorithm import AbstractSearch
from .alternating import AlternatingSearch
from .coarse_to_fine import CoarseToFine
from .nsga2 import NSGA2
from .random_search import RandomSearch
from .record import Objective, SearchError
from .settings import what_counts
from .topology import TopologyEvolution

ALGORITHMS: dict[str, Callable[..., AbstractSearch]] = {
    'topology_evolution': TopologyEvolution,
    'nsga2': NSGA2,
    'mcea': AlternatingSearch,
    'random': RandomSearch,
    'coarse_to_fine': CoarseToFine,
}
"""Name in a config -> class. A new algorithm is one more entry."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """An algorithm and its arguments, what is traded, at which input size, within which budget.

    Without a size every network is counted at its own resolution.
    """

    algorithm: str
    arguments: Mapping[str, Any]
    objective: Objective
    size: Size | None
    budget: Budget = field(default_factory=Budget)
    seed: int = 0

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """From the `search` of a config.

        Raises:
            UserError: one line that names the key, and what is allowed.
        """
        table = as_mapping(
            data,
            'search',
            ('algorithm', 'metric'),
            ('size', 'direction', 'cost', 'budget', 'seed', 'classes'),
        )
        if not isinstance(table['algorithm'], Mapping):
            raise SearchError(
                f'search.algorithm: expected dict(type=...), got {table["algorithm"]!r}'
            )
        arguments = dict(table['algorithm'])
        name = as_choice(arguments.pop('type', None), 'search.algorithm.type', tuple(ALGORITHMS))
        _check(arguments, name)
        return cls(
            name,
            arguments,
            Objective(
                table['metric'], table.get('direction', 'maximize'), table.get('cost', 'macs')
            ),
            None if table.get('size') is None else as_size(table['size'], 'search.size'),
            Budget.from_dict(table.get('budget'), COLUMNS, 'search.budget'),
            as_int(table.get('seed', 0), 'search.seed', 0),
        )

    def with_(
        self,
        algorithm: str | None = None,
        num_total: int | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
    ) -> Self:
        """With what the command line asks for instead; None leaves a thing as it is.

        Another algorithm keeps those arguments that it has too, so a random search has as many
        evaluations as the evolution beside it.

        Raises:
            UserError: for a number that the config could not have, either.
        """
        name = algorithm or self.algorithm
        arguments = {k: v for k, v in self.arguments.items() if k in _arguments(name)}
        if num_total is not None:
            arguments['num_total'] = as_int(num_total, '--num-evaluations')
        return replace(
            self,
            algorithm=name,
            arguments=arguments,
            seed=self.seed if seed is None else as_int(seed, '--seed', 0),
            budget=self.budget | (budget or Budget()),
        )

    def build(self, space: AbstractSpace[Any], cost: Callable[[Arch], Cost]) -> AbstractSearch:
        """The algorithm in a space.

        Raises:
            UserError: for arguments that make no search, or a budget that no network meets.
        """
        # Another algorithm of the command line may need what the config does not give.
        _check(self.arguments, self.algorithm)
        return ALGORITHMS[self.algorithm](
            space, self.objective, cost, budget=self.budget, **self.arguments
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
            'size': None if self.size is None else list(self.size),
            'budget': {name: list(bounds) for name, bounds in self.budget.items()},
            'checkpoint': file_digest(checkpoint),
            'config': what_counts(cfg),
        }


def _check(arguments: Mapping[str, Any], name: str) -> None:
    required = [k for k, p in _parameters(name).items() if p.default is inspect.Parameter.empty]
    as_mapping(arguments, f'search.algorithm ({name})', required, _arguments(name))


def _arguments(name: str) -> tuple[str, ...]:
    return tuple(_parameters(name))


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    given = ('space', 'objective', 'cost', 'budget')
    found = inspect.signature(ALGORITHMS[name]).parameters
    return {key: parameter for key, parameter in found.items() if key not in given}
