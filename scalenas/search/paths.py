"""Sampled paths of a supernet, scored: does it order networks as something else orders them?

The paths are evaluated by a search that proposes nothing else: so a study keeps every score, any
number of workers share them, and what was stopped goes on.

Source: ScaleNet (Xie et al. 2022), table 4 and appendix B.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, ArchError, find, from_dict
from scalenas.arch.strict import inside
from scalenas.complexity import Budget, Cost
from scalenas.errors import UserError, unreadable
from scalenas.space import AbstractSpace

from .algorithm import AbstractSearch
from .objectives import Objectives
from .ranking import Interval, RankStudy, rank_study
from .record import Record, SearchError

PATHS = 'paths.json'


class GivenNetworks(AbstractSearch):
    """Evaluates these networks, in this order, each once.

    Raises:
        SearchError: for no network.
        SpaceError: for one that the space does not hold.
    """

    def __init__(
        self,
        space: AbstractSpace[Any],
        objectives: Objectives,
        cost: Callable[[Arch], Cost],
        archs: Sequence[Arch],
        budget: Budget | None = None,
    ) -> None:
        self.archs = list(dict.fromkeys(archs))
        if not self.archs:
            raise SearchError(where='rank study', got=0, allowed='at least one network')
        super().__init__(space, objectives, cost, budget, len(self.archs))
        for arch in self.archs:
            space.encode(arch)

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        """All networks at index 0."""
        return list(self.archs) if index == 0 else []

    def settings(self) -> dict[str, object]:
        """Plain data."""
        return {'type': 'given', 'archs': [arch.to_dict() for arch in self.archs]}


def sampled_paths(space: AbstractSpace[Any], num: int, seed: int) -> list[Arch]:
    """So many different networks, every gene drawn evenly: of a scaled space every stage, too.

    Fewer when the space has no more.
    """
    rng = random.Random(f'paths/{seed}')
    archs: dict[Arch, None] = {}
    for _ in range(100 * num):
        if len(archs) == num:
            break
        archs[space.sample(rng)] = None
    return list(archs)


TABLE = 'a CSV with columns arch and score'


def read_paths(path: str | Path) -> list[Arch]:
    """The networks of a `paths.json`, as `paths_text` wrote it.

    Raises:
        ArchError, SearchError: when it is no such file.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding='utf-8'))
        return [from_dict(row['arch'], f'{path}[{i}]') for i, row in enumerate(rows)]
    except ArchError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise unreadable(path, error, SearchError, 'the paths of a rank study') from None


def paths_text(records: Sequence[Record]) -> str:
    """Networks, costs and scores as JSON."""
    rows = [
        {'arch': r.arch.to_dict(), 'cost': dict(r.cost), 'metrics': dict(r.metrics)}
        for r in records
    ]
    return '[\n' + ',\n'.join(json.dumps(row) for row in rows) + '\n]\n'


def read_alone(path: str | Path) -> dict[Arch, float]:
    """Scores of networks that were trained alone: a CSV with columns `arch` and `score`.

    `arch` is a name of the zoo, or an arch file, relative to the folder of the CSV.

    Raises:
        ArchError, SearchError: when it is no such file, names a network twice or one that is not
            there, or has a score that is not finite.
    """
    path = Path(path)
    metrics: dict[Arch, float] = {}
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:  # spreadsheets write a mark
            rows = list(csv.DictReader(file))
        for number, row in enumerate(rows, 2):
            sibling = path.parent / row['arch']
            with inside(f'{path}, line {number}'):
                arch = find(str(sibling) if sibling.is_file() else row['arch'])
            if arch in metrics:
                problem = 'a network that an earlier line has'
                raise SearchError(problem, where=f'{path}, line {number}', got=row['arch'])
            metrics[arch] = float(row['score'])
            if not math.isfinite(metrics[arch]):
                where = f'{path}, line {number}, score'
                raise SearchError(where=where, got=row['score'], allowed='a finite number')
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise unreadable(path, error, SearchError, TABLE) from None
    if not metrics:
        raise SearchError('has no line', where=path, allowed=TABLE)
    return metrics


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the supernet's scores order networks, compared with how `against` orders them.

    `study` is None where one of them is the same for all networks: then there is no order.
    """

    against: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    study: RankStudy | None


def compare(
    records: Sequence[Record],
    objectives: Objectives,
    alone: Mapping[Arch, float] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Comparison]:
    """Scores against cost, and against those of networks that were trained alone, if given.

    Where less is better both kinds of scores are negated, so that a good order is positive.

    Raises:
        SearchError: for fewer than three networks, or a score that is not finite.
    """
    metric = objectives.only_metric('a rank study')
    scores = {record.arch: -metric.loss(record.metrics[metric.name]) for record in records}
    comparisons = []
    for column in objectives.columns:
        costs = [float(record.cost[column.name]) for record in records]
        comparisons.append(_compared(column.label, costs, list(scores.values()), resamples, seed))
    if alone is not None:
        both = [arch for arch in alone if arch in scores]
        x, y = [-metric.loss(alone[arch]) for arch in both], [scores[arch] for arch in both]
        comparisons.append(_compared('trained alone', x, y, resamples, seed))
    return comparisons


def _compared(
    against: str, x: list[float], y: list[float], resamples: int, seed: int
) -> Comparison:
    constant = len(x) >= 3 and 1 in (len(set(x)), len(set(y)))
    study = None if constant else rank_study(x, y, resamples=resamples, seed=seed)
    return Comparison(against, tuple(x), tuple(y), study)


def rank_table(rows: Mapping[str, Sequence[Comparison]]) -> str:
    """Markdown: one line per supernet and comparison, with the intervals of the bootstrap.

    A dash where all networks score the same.
    """
    head = '| supernet | score against | networks | Pearson | Spearman | Kendall |'
    lines = [head, '|---' * 6 + '|']
    for name, comparisons in rows.items():
        for comparison in comparisons:
            study = comparison.study
            values = (study.pearson, study.spearman, study.kendall) if study else '-' * 3
            cells = ' | '.join(map(str, (len(comparison.x), *values)))
            lines.append(f'| {name} | {comparison.against} | {cells} |')
    return '\n'.join(lines)


def comparisons_text(comparisons: Sequence[Comparison]) -> str:
    """As JSON; `comparison_of` reads one back."""
    return json.dumps([asdict(comparison) for comparison in comparisons], indent=1) + '\n'


def comparison_of(row: Mapping[str, Any]) -> Comparison:
    """From a row of `comparisons_text`."""
    study = None
    if row['study'] is not None:
        names = ('pearson', 'spearman', 'kendall')
        intervals = {name: Interval(**row['study'][name]) for name in names}
        study = RankStudy(row['study']['num'], **intervals)
    return Comparison(row['against'], tuple(row['x']), tuple(row['y']), study)


def spread_by_cost(records: Sequence[Record], objectives: Objectives, num: int) -> list[Record]:
    """`num` records at equal distances in the order of the first column, both ends included."""
    name = objectives.columns[0].name if objectives.columns else 'macs'
    ordered = sorted(records, key=lambda r: (r.cost[name], r.slot))
    if num >= len(ordered) or num < 2:
        return ordered[:num]
    return [ordered[round(i * (len(ordered) - 1) / (num - 1))] for i in range(num)]
