"""Networks of a space with scores that were measured once, served as an evaluation."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scalenas.arch import Arch
from scalenas.arch.strict import as_int
from scalenas.complexity import COLUMNS, Cost
from scalenas.errors import UserError, unreadable
from scalenas.search import AbstractSearch, Objectives, Record, SearchPlan, front_of
from scalenas.space import AbstractSpace, Value, from_dict
from scalenas.staging import staged_file

NONE = 255
"""In a row of genes: the gene is not active."""

FILE = 'a table benchmark'
OBJECTIVES = (('mIoU', 'max'), ('macs', 'min'))


class BenchmarkError(UserError):
    """A table that cannot be read, or a network that it does not have."""


@dataclass(frozen=True, slots=True)
class Alone:
    """The scores of one network trained alone, seed -> metric -> value."""

    arch: Arch
    seeds: Mapping[int, Mapping[str, float]]

    def mean(self, metric: str) -> float:
        """Of all seeds.

        Raises:
            BenchmarkError: for a metric that was not measured of them.
        """
        for scores in self.seeds.values():
            if metric not in scores:
                raise BenchmarkError(where='metric', got=metric, allowed=tuple(scores))
        return sum(scores[metric] for scores in self.seeds.values()) / len(self.seeds)


class TableBenchmark:
    """Networks of `space`, the score and the cost of each.

    Attributes:
        space: the space, in which a search runs.
        metrics: metric -> scores (N,), float64, in the order of `archs`.
        costs: column -> values (N,) of the whole model at the input size: int64 where it is
            counted, float64 of what was measured, such as `ms` of a batch of one image.
        about: how it was made: plain data.

    Raises:
        BenchmarkError: for arrays that are no such table: of other shapes or types, with a number
            that is not finite, a network that is there twice, or without MACs.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        genes: NDArray[np.uint8],
        metrics: Mapping[str, NDArray[np.float64]],
        costs: Mapping[str, NDArray[np.int64] | NDArray[np.float64]],
        about: Mapping[str, Any],
        alone: Iterable[tuple[int, int, Mapping[str, float]]] = (),
    ) -> None:
        self.space, self.genes, self.about = space, genes, about
        self.metrics, self.costs = dict(metrics), dict(costs)
        self._alone = list(alone)
        self._check()

    @classmethod
    def of(
        cls,
        space: AbstractSpace[Any],
        archs: Sequence[Arch],
        metrics: Mapping[str, Sequence[float]],
        costs: Sequence[Cost],
        about: Mapping[str, Any],
    ) -> Self:
        """From evaluated networks.

        Raises:
            UserError: for a network outside the space, or what makes no table.
        """
        if not archs or not costs:
            raise BenchmarkError(where='archs', got=archs, allowed='one network or more')
        genes = np.stack([_row(space, arch) for arch in archs])
        columns = {
            name: np.array([cost[name] for cost in costs], np.int64 if name in COLUMNS else float)
            for name in costs[0]
        }
        scores = {name: np.asarray(values) for name, values in metrics.items()}
        scores = {k: v.astype(float) if v.dtype.kind in 'fiu' else v for k, v in scores.items()}
        return cls(space, genes, scores, columns, about)

    @classmethod
    def read(cls, path: str | Path, alone: str | Path | None = None) -> Self:
        """What `write` wrote, with the networks trained alone (a CSV: slot, seed, metrics).

        Raises:
            BenchmarkError: for other files.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                space = from_dict(json.loads(str(file['space'])), f'{path}: space')
                about = json.loads(str(file['about']))
                genes = file['genes']
                metrics = {k[7:]: file[k] for k in file.files if k.startswith('metric.')}
                costs = {k[5:]: file[k] for k in file.files if k.startswith('cost.')}
                if 3 + len(metrics) + len(costs) != len(file.files):
                    raise ValueError(f'arrays {", ".join(file.files)}')
        except UserError:
            raise
        except OSError as error:
            raise unreadable(path, error, BenchmarkError, FILE) from None
        except Exception as error:  # of damaged bytes numpy, zip and zlib raise anything
            problem = f'is damaged, or another file ({type(error).__name__})'
            raise BenchmarkError(problem, where=path, allowed=FILE) from error
        try:
            made = cls(space, genes, metrics, costs, about)
        except BenchmarkError as error:
            raise error.of(path) from None
        if alone is not None:
            made._alone = _read_alone(Path(alone), len(made))
        return made

    def write(self, path: str | Path) -> None:
        """One compressed file, without pickles."""
        arrays: dict[str, Any] = {f'metric.{k}': v for k, v in self.metrics.items()}
        arrays |= {f'cost.{k}': v for k, v in self.costs.items()}
        space, about = json.dumps(self.space.to_dict()), json.dumps(self.about)
        with staged_file(Path(path)) as part, part.open('wb') as file:
            np.savez_compressed(file, space=space, about=about, genes=self.genes, **arrays)

    def _check(self) -> None:
        genes, sizes = self.genes, [len(gene.values) for gene in self.space.genes.values()]
        if (
            genes.ndim != 2
            or genes.shape[1] != len(sizes)
            or genes.dtype != np.uint8
            or not len(genes)
        ):
            got = f'{genes.dtype} {genes.shape}'
            raise BenchmarkError(where='genes', got=got, allowed=f'uint8 (networks, {len(sizes)})')
        wrong = np.argwhere((genes >= sizes) & (genes != NONE))
        if len(wrong):
            row, column = map(int, wrong[0])
            where = f'genes, row {row}, {list(self.space.genes)[column]}'
            allowed = f'an index below {sizes[column]}, or {NONE} for none'
            raise BenchmarkError(where=where, got=int(genes[row, column]), allowed=allowed)
        _, first, counts = np.unique(genes, axis=0, return_index=True, return_counts=True)
        if len(first) < len(genes):
            where = f'genes, row {min(first[counts > 1])}'
            raise BenchmarkError('a network that another row has, too', where=where)
        for name, missing in (
            ('metric', not self.metrics),
            ('cost.macs', 'macs' not in self.costs),
        ):
            if missing:
                raise BenchmarkError('is missing', where=name)
        for name, scores in self.metrics.items():
            _check_values(f'metric.{name}', scores, len(genes), 'fiu', -np.inf)
        for name, values in self.costs.items():
            kinds = 'iu' if name in COLUMNS else 'fiu'
            _check_values(f'cost.{name}', values, len(genes), kinds, 0.0)

    def __len__(self) -> int:
        return len(self.genes)

    def __repr__(self) -> str:
        return f'<TableBenchmark: {len(self):,} of {self.space.size():,} networks>'

    @cached_property
    def archs(self) -> tuple[Arch, ...]:
        """All networks, by slot."""
        genes = list(self.space.genes.values())
        return tuple(
            self.space.decode(
                {
                    gene.name: gene.values[index]
                    for gene, index in zip(genes, row, strict=True)
                    if index != NONE
                }
            )
            for row in self.genes.tolist()
        )

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All networks as a search keeps them, in the first generation."""
        return tuple(
            Record(slot, arch, self._cost(slot), self._scores(slot), 0)
            for slot, arch in enumerate(self.archs)
        )

    @cached_property
    def alone(self) -> tuple[Alone, ...]:
        """The networks that were trained alone, by slot."""
        found: dict[int, dict[int, Mapping[str, float]]] = {}
        for slot, seed, scores in self._alone:
            found.setdefault(slot, {})[seed] = scores
        return tuple(Alone(self.archs[slot], found[slot]) for slot in sorted(found))

    @cached_property
    def _slots(self) -> dict[Arch, int]:
        return {arch: slot for slot, arch in enumerate(self.archs)}

    def slot(self, arch: Arch) -> int:
        """The row of a network.

        Raises:
            BenchmarkError: for a network that the table does not have.
        """
        try:
            return self._slots[arch]
        except (KeyError, TypeError):  # what has no hash is no network, either
            raise BenchmarkError(
                'the table does not have it',
                where='arch',
                got=getattr(arch, 'summary', arch),
                allowed=f'one of its {len(self):,} networks',
                hint='take networks of the space of the benchmark',
            ) from None

    def evaluate(self, arch: Arch) -> dict[str, float]:
        """The metrics of a network, as an evaluation of a search gives them.

        Raises:
            BenchmarkError: for a network that the table does not have.
        """
        return self._scores(self.slot(arch))

    def cost(self, arch: Arch) -> Cost:
        """What a network costs, as the counter of a search gives it.

        Raises:
            BenchmarkError: for a network that the table does not have.
        """
        return self._cost(self.slot(arch))

    def search(
        self,
        algorithm: AbstractSearch | Mapping[str, Any],
        seed: int = 0,
        objectives: Sequence[object] | None = None,
    ) -> list[Record]:
        """The records of a search on the table, by its slots; the same for equal arguments.

        `algorithm` is that of a config, such as `dict(type='nsga2', num_total=200)`, or one that
        was made for the space, with objectives of its own. The generations are those of
        `tools/search.py` with this seed. Default of `objectives`: mIoU and macs.

        Raises:
            UserError: for arguments that make no search, or more networks than `num_total`.
        """
        as_int(seed, 'seed', 0)
        if isinstance(algorithm, AbstractSearch):
            if objectives is not None:
                allowed = 'none, for the algorithm was made with its own'
                raise BenchmarkError(where='objectives', got=objectives, allowed=allowed)
            self._check_objectives(algorithm.objectives)
        else:
            objectives = OBJECTIVES if objectives is None else objectives
            plan = SearchPlan.from_dict({'algorithm': algorithm, 'objectives': objectives})
            # What the table has measured is a column here; a plan by itself takes it for a metric.
            plan = replace(plan, objectives=self._objectives(objectives))
            algorithm = plan.build(self.space, self.cost)
        records: list[Record] = []
        index = 0
        while batch := list(algorithm.generation(index, records, random.Random(f'{seed}/{index}'))):
            first = len(records)
            records += [
                Record(first + i, arch, self.cost(arch), self.evaluate(arch), index)
                for i, arch in enumerate(batch)
            ]
            index += 1
            if len(records) > algorithm.num_total:
                raise BenchmarkError(
                    'asks for more networks than it should',
                    where='algorithm',
                    got=len(records),
                    allowed=f'at most num_total, {algorithm.num_total}',
                    hint='let generation return [] at the end',
                )
        return records

    def front(self, objectives: Sequence[object] = OBJECTIVES) -> list[Record]:
        """The true Pareto front of all networks, by rising cost.

        Raises:
            UserError: for what the table has not.
        """
        return front_of(self.records, self._objectives(objectives))

    def _objectives(self, objectives: Sequence[object]) -> Objectives:
        made = Objectives.from_dict(objectives, self.costs)
        self._check_objectives(made)
        return made

    def _check_objectives(self, objectives: Objectives) -> None:
        for objective in objectives:
            if objective.name not in (self.costs if objective.is_column else self.metrics):
                raise BenchmarkError(
                    'is no column or metric of the table',
                    where='search.objectives',
                    got=objective.name,
                    allowed=(*self.metrics, *self.costs),
                )

    def _scores(self, slot: int) -> dict[str, float]:
        return {name: float(values[slot]) for name, values in self.metrics.items()}

    def _cost(self, slot: int) -> Cost:
        return Cost({name: values[slot].item() for name, values in self.costs.items()})


def _row(space: AbstractSpace[Any], arch: Arch) -> NDArray[np.uint8]:
    active: dict[str, Value] = space.encode(arch)
    return np.array(
        [
            gene.values.index(active[name]) if name in active else NONE
            for name, gene in space.genes.items()
        ],
        np.uint8,
    )


def _check_values(
    where: str, values: NDArray[Any], networks: int, kinds: str, least: float
) -> None:
    if values.shape != (networks,) or values.dtype.kind not in kinds:
        what = 'whole numbers' if 'f' not in kinds else 'numbers'
        got = f'{values.dtype} {values.shape}'
        raise BenchmarkError(where=where, got=got, allowed=f'{what} ({networks},)')
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= least)))
    if len(wrong):
        allowed = 'a finite number' if least < 0 else 'a finite number >= 0'
        got = values[wrong[0]].item()
        raise BenchmarkError(where=f'{where}, row {wrong[0]}', got=got, allowed=allowed)


def _read_alone(path: Path, networks: int) -> list[tuple[int, int, Mapping[str, float]]]:
    rows: dict[tuple[int, int], Mapping[str, float]] = {}
    try:
        with path.open(encoding='utf-8', newline='') as file:
            for row in csv.DictReader(file):
                slot, seed = int(row.pop('slot')), int(row.pop('seed'))
                scores = {name: float(value) for name, value in row.items()}
                if not 0 <= slot < networks:
                    raise ValueError(f'slot {slot}')
                if not scores or not all(map(math.isfinite, scores.values())):
                    raise ValueError(f'scores of slot {slot}')
                if (slot, seed) in rows:
                    raise ValueError(f'slot {slot} with seed {seed} twice')
                rows[slot, seed] = scores
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise unreadable(path, error, BenchmarkError, 'slot, seed and metrics in a CSV') from None
    return [(slot, seed, scores) for (slot, seed), scores in rows.items()]
