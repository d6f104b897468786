"""What a search trades: any number of objectives, each a metric or a column of the cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from scalenas.arch.strict import as_choice, as_list, as_mapping
from scalenas.complexity import COLUMNS, Cost, column_of

from .pareto import Point
from .record import Record, SearchError

Direction = Literal['max', 'min']
DIRECTIONS: tuple[Direction, ...] = ('max', 'min')
WHERE = 'search.objectives'
EXAMPLE = "objectives=(('mIoU', 'max'), ('macs', 'min'))"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric of the task or a column of the cost, and which way is better."""

    name: str
    direction: Direction
    is_column: bool

    def value(self, cost: Cost, metrics: Mapping[str, float]) -> float:
        """Its value of a network."""
        return float(cost[self.name] if self.is_column else metrics[self.name])

    def loss(self, value: float) -> float:
        """A value turned such that less is better."""
        return -value if self.direction == 'max' else value

    @property
    def label(self) -> str:
        """In words, for the axis of a drawing."""
        return column_of(self.name).label if self.is_column else self.name

    def text(self, value: float) -> str:
        """A value with its name, as in 'mIoU 56.1234' or '285.116 G macs'."""
        return column_of(self.name).text(value) if self.is_column else f'{self.name} {value:.4f}'


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of a search, the most important first: who asks for one best network gets
    the best by the first, of equal ones by the second.

    Raises:
        SearchError: for none, or for one that is there twice.
    """

    all: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if not self.all:
            raise SearchError(where=WHERE, got=(), allowed='one objective or more', hint=EXAMPLE)
        for i, objective in enumerate(self.all):
            if objective.name in self.names[:i]:
                raise SearchError('is there twice', where=f'{WHERE}[{i}]', got=objective.name)

    @classmethod
    def from_dict(cls, data: object, measured: Iterable[str] = ()) -> Self:
        """From plain data: names, or pairs of a name and 'max' or 'min'.

        A name alone is maximized if it is a metric, minimized if it is a column. Columns are those
        that are counted, and the `measured` ones; whatever else a name is, it is a metric.

        Raises:
            UserError: for what is no objective.
        """
        columns = {*COLUMNS, *measured}
        entries = as_list(data, WHERE, f'objectives, as in {EXAMPLE}')
        if len(entries) == 2 and entries[1] in DIRECTIONS and isinstance(entries[0], str):
            pair = tuple(entries)
            hint = f'write objectives=({pair!r},)'
            raise SearchError('is one pair, not several', where=WHERE, got=pair, hint=hint)
        return cls(tuple(_objective(e, columns, f'{WHERE}[{i}]') for i, e in enumerate(entries)))

    def __iter__(self) -> Iterator[Objective]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all, in order."""
        return tuple(objective.name for objective in self.all)

    @property
    def columns(self) -> tuple[Objective, ...]:
        """Those that are columns of the cost."""
        return tuple(objective for objective in self.all if objective.is_column)

    @property
    def metrics(self) -> tuple[Objective, ...]:
        """Those that are metrics of the task."""
        return tuple(objective for objective in self.all if not objective.is_column)

    @property
    def by_cost(self) -> tuple[Objective, ...]:
        """As points have them: columns before metrics, so that fronts begin at their cheap end."""
        return (*self.columns, *self.metrics)

    def named(self, name: str) -> Objective:
        """The objective of this name.

        Raises:
            SearchError: when there is none.
        """
        for objective in self.all:
            if objective.name == name:
                return objective
        raise SearchError(where=WHERE, got=name, allowed=self.names)

    def only_metric(self, who: str) -> Objective:
        """The metric, for an algorithm that takes one and no more.

        Raises:
            SearchError: when there is none, or several.
        """
        if len(self.metrics) != 1:
            raise SearchError(
                f'{who} takes one metric, and columns of the cost', where=WHERE, got=self.names
            )
        return self.metrics[0]

    def values(self, cost: Cost, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The values of a network, in order."""
        return tuple(objective.value(cost, metrics) for objective in self.all)

    def losses(self, record: Record) -> Point:
        """Losses in order, the most important first."""
        return tuple(o.loss(o.value(record.cost, record.metrics)) for o in self.all)

    def point(self, record: Record) -> Point:
        """Losses as `pareto` takes them, columns first."""
        return tuple(o.loss(o.value(record.cost, record.metrics)) for o in self.by_cost)

    def points(self, records: Sequence[Record]) -> list[Point]:
        """The points of several records."""
        return [self.point(record) for record in records]

    def best(self, records: Iterable[Record]) -> Record:
        """The best by the first objective, of equal ones by the second; at last the first slot."""
        return min(records, key=lambda record: (self.losses(record), record.slot))

    def to_list(self) -> list[dict[str, str]]:
        """Plain data, as studies and reports keep it."""
        return [
            {'name': o.name, 'direction': o.direction, 'of': 'cost' if o.is_column else 'metrics'}
            for o in self.all
        ]

    @classmethod
    def from_list(cls, data: object, where: str) -> Self:
        """The inverse of `to_list`.

        Raises:
            UserError: for other data.
        """
        rows = []
        for i, entry in enumerate(as_list(data, where, 'objectives')):
            place = f'{where}[{i}]'
            table = as_mapping(entry, place, ('name', 'direction', 'of'))
            as_choice(table['of'], f'{place}.of', ('cost', 'metrics'))
            pair = (table['name'], table['direction'])
            rows.append(
                _objective(pair, {table['name']} if table['of'] == 'cost' else set(), place)
            )
        return cls(tuple(rows))


def _objective(data: object, columns: set[str], where: str) -> Objective:
    entry = data if isinstance(data, list | tuple) else (data,)
    if len(entry) not in (1, 2) or (entry is data and len(entry) == 1):
        raise SearchError(where=where, got=data, allowed="a name, or (name, 'max' or 'min')")
    name = entry[0]
    if not isinstance(name, str) or not name:
        raise SearchError(where=where, got=name, allowed='the name of a metric or of a column')
    is_column = name in columns
    direction: Any = entry[1] if len(entry) == 2 else ('min' if is_column else 'max')
    return Objective(name, as_choice(direction, f'{where}[1]', DIRECTIONS), is_column)  # type: ignore[arg-type]
