"""A candidate and the trial of a study that it becomes, written and read back strictly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from scalenas.arch import Arch
from scalenas.arch.strict import as_int, as_list, as_mapping
from scalenas.complexity import Cost
from scalenas.space import AbstractSpace, Gene, Value

from .objectives import Objectives
from .record import StudyError
from .worker import Worker

COST = 'cost:'
"""Begins the names of attributes that are columns of a trial's cost: `cost:macs`."""

MOST_PARAMS = 128
"""Genes of a trial that Optuna sees; each is some 100 bytes more for whoever reads the study."""


class Seen(NamedTuple):
    """What an asynchronous proposal was made of: all results but those that were not there yet.

    Attributes:
        slot: that for which it was drawn, first.
        trials: so many had been added to the study.
        running: numbers of those that had not ended.
    """

    slot: int
    trials: int
    running: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that waits for its evaluation."""

    slot: int
    arch: Arch
    cost: Cost
    generation: int
    seen: Seen | None = None


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
            **({} if candidate.seen is None else {'seen': list(candidate.seen)}),
        },
    )


LOST = 'another worker was first'
"""Why a trial was closed whose slot or network somebody else had."""

LIVE = (TrialState.RUNNING, TrialState.COMPLETE)
HINT = 'the study is damaged, or another program wrote into it; name another study or work dir'


@dataclass(frozen=True, slots=True)
class Row:
    """What a trial that runs or is complete says; metrics are None until they were written."""

    number: int
    trial_id: int
    state: TrialState
    slot: int
    generation: int
    worker: Worker
    arch: Mapping[str, Any]
    cost: Cost
    metrics: Mapping[str, float] | None
    heartbeat: object
    params: Mapping[str, Any]
    seen: Seen | None
    where: str


def row_of(trial: FrozenTrial, objectives: Objectives, study: str) -> Row:
    """The row in a live trial; `study` names its study in messages.

    Raises:
        UserError: names the study, the trial and what is wrong.
    """
    where = f'{study}, trial {trial.number}'
    attrs = trial.user_attrs
    if not isinstance(attrs, dict):
        raise StudyError('has no notes', where=where, got=attrs, hint=HINT)
    missing = [k for k in ('slot', 'generation', 'worker', 'arch') if k not in attrs]
    if missing:
        raise StudyError(f'has no {", ".join(missing)}', where=where, hint=HINT)
    columns = {k.removeprefix(COST): v for k, v in attrs.items() if k.startswith(COST)}
    cost = Cost.from_dict(columns, f'{where}, cost')
    if not isinstance(attrs['arch'], dict):
        raise StudyError(where=f'{where}, arch', got=attrs['arch'], hint=HINT)
    row = Row(
        trial.number,
        trial._trial_id,
        trial.state,
        as_int(attrs['slot'], f'{where}, slot', 0),
        as_int(attrs['generation'], f'{where}, generation', 0),
        _worker(attrs['worker'], where),
        attrs['arch'],
        cost,
        _metrics(attrs['metrics'], objectives, where) if 'metrics' in attrs else None,
        attrs.get('heartbeat', 0),
        trial.params,
        _seen(attrs['seen'], where) if 'seen' in attrs else None,
        where,
    )
    if trial.state == TrialState.COMPLETE:
        _check_complete(row, trial.values, objectives)
    return row


def check_numbers(trials: Sequence[FrozenTrial], study: str) -> None:
    """Pass when trials are numbered 0, 1, 2, ..., as all storages do.

    A number that is there twice hides one of both; after a gap the next one is given twice.

    Raises:
        StudyError: names the first trial where they are not.
    """
    numbers = [trial.number for trial in trials]
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool):
            raise StudyError('a trial has no number', where=study, got=number, hint=HINT)
    for i, number in enumerate(sorted(numbers)):
        if number != i:
            what = f'trial {i} is missing' if number > i else f'trial {number} is there twice'
            raise StudyError(what, where=study, hint=HINT)


def _worker(data: object, where: str) -> Worker:
    names = Worker.__slots__
    table = as_mapping(data, f'{where}, worker', names)
    for name in names:
        if not isinstance(table[name], int if name == 'pid' else str):
            raise StudyError(where=f'{where}, worker.{name}', got=table[name], hint=HINT)
    return Worker(**table)


def _seen(data: object, where: str) -> Seen:
    place = f'{where}, seen'
    if not isinstance(data, list) or len(data) != len(Seen._fields):
        allowed = f'[{", ".join(Seen._fields)}]'
        raise StudyError(where=place, got=data, allowed=allowed, hint=HINT)
    slot, trials, running = data
    numbers = as_list(running, place, 'numbers of trials')
    return Seen(
        as_int(slot, place, 0),
        as_int(trials, place, 0),
        tuple(as_int(number, place, 0) for number in numbers),
    )


def _metrics(data: object, objectives: Objectives, where: str) -> Mapping[str, float]:
    wanted = [objective.name for objective in objectives.metrics]
    if not isinstance(data, dict) or any(name not in data for name in wanted):
        allowed = f'numbers, {", ".join(wanted)} among them'
        raise StudyError(where=f'{where}, metrics', got=data, allowed=allowed)
    for name, value in data.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise StudyError(
                where=f'{where}, metrics.{name}', got=value, allowed='a finite number', hint=HINT
            )
    metrics: dict[str, float] = data
    return metrics


def _check_complete(row: Row, values: Sequence[float] | None, objectives: Objectives) -> None:
    if row.metrics is None:
        raise StudyError('is complete and has no metrics', where=row.where, hint=HINT)
    expected = objectives.values(row.cost, row.metrics)
    same = (
        values is not None
        and len(values) == len(expected)
        and all(
            isinstance(value, int | float) and math.isclose(value, other, rel_tol=1e-9)
            for value, other in zip(values, expected, strict=True)
        )
    )
    if not same:
        raise StudyError(
            f'its values are not its {" and ".join(objectives.names)}',
            where=row.where,
            got=values,
            allowed=str(list(expected)),
            hint=HINT,
        )
