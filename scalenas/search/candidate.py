"""A network that waits for its evaluation, and the trial that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from scalenas.arch import Arch
from scalenas.complexity import Cost
from scalenas.space import AbstractSpace, Gene, Value

from .worker import Worker

COST = 'cost:'
"""Begins the names of attributes that are columns of a trial's cost: `cost:macs`."""

MOST_PARAMS = 128
"""Genes of a trial that Optuna sees; each is some 100 bytes more for whoever reads the study."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that waits for its evaluation."""

    slot: int
    arch: Arch
    cost: Cost
    generation: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to evaluate a candidate: the worker's running trial."""

    trial_id: int
    candidate: Candidate


class Genes:
    """The genes of a space as parameters of Optuna's: for its plots, and for nothing else here.

    A gene with one value tells nothing and is left out. Where more than `MOST_PARAMS` genes are
    left, so are switches: an HRNet-style space has hundreds, and no plot shows them.
    """

    def __init__(self, space: AbstractSpace[Any]) -> None:
        self.space = space
        free = [gene for gene in space.genes.values() if len(gene.values) > 1]
        if len(free) > MOST_PARAMS:
            free = [gene for gene in free if not isinstance(gene.values[0], bool)]
        self._kinds = {gene.name: _kind(gene) for gene in free[:MOST_PARAMS]}

    def of(self, arch: Arch) -> dict[str, Value]:
        """The parameters of a network: its active genes."""
        values = self.space.encode(arch)
        return {name: values[name] for name in self._kinds if name in values}

    def distributions(self, params: Mapping[str, Value]) -> dict[str, BaseDistribution]:
        """What each of these parameters may be."""
        return {name: self._kinds[name] for name in params}


def _kind(gene: Gene) -> BaseDistribution:
    return CategoricalDistribution(gene.values)


def trial_of(candidate: Candidate, worker: Worker, genes: Genes | None) -> FrozenTrial:
    """The running trial of a candidate; with its genes, where the study knows its space."""
    params = {} if genes is None else genes.of(candidate.arch)
    return create_trial(
        state=TrialState.RUNNING,
        params=params,
        distributions={} if genes is None else genes.distributions(params),
        user_attrs={
            'slot': candidate.slot,
            'generation': candidate.generation,
            'arch': candidate.arch.to_dict(),
            **{f'{COST}{name}': value for name, value in candidate.cost.items()},
            'worker': worker.to_dict(),
        },
    )
