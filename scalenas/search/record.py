"""What a search knows of a network: its place in the search, its cost, what it scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scalenas.arch import Arch
from scalenas.arch.strict import as_choice
from scalenas.complexity import COLUMNS, Cost
from scalenas.errors import UserError

from .pareto import Point

DIRECTIONS = ('maximize', 'minimize')


class SearchError(UserError):
    """A search that cannot be: the message is one line for the user."""


class StudyError(SearchError):
    """A study that cannot be opened or does not fit: the message is one line for the user."""


def one_line(error: BaseException) -> str:
    """What the database or the system says itself."""
    cause = error.__cause__ or error
    origin = getattr(cause, 'orig', None) or cause
    return ' '.join(str(origin).split())[:200] or type(origin).__name__


@dataclass(frozen=True, slots=True)
class Record:
    """An evaluated network. `slot` counts the networks of a search, 0 first."""

    slot: int
    arch: Arch
    cost: Cost
    metrics: Mapping[str, float]
    generation: int


@dataclass(frozen=True, slots=True)
class Objective:
    """What is traded: a metric of the task, up or down, against a cost, always down.

    Raises:
        ArchError: for an unknown direction or cost.
    """

    metric: str
    direction: Literal['maximize', 'minimize'] = 'maximize'
    cost: str = 'macs'

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise SearchError(f'search.metric: expected the name of a metric, got {self.metric!r}')
        as_choice(self.direction, 'search.direction', DIRECTIONS)
        as_choice(self.cost, 'search.cost', tuple(COLUMNS))

    def loss(self, metrics: Mapping[str, float]) -> float:
        """The metric, turned such that less is better."""
        value = metrics[self.metric]
        return -value if self.direction == 'maximize' else value

    def point(self, record: Record) -> Point:
        """(cost, loss): both better when smaller."""
        return float(record.cost[self.cost]), self.loss(record.metrics)

    def points(self, records: Sequence[Record]) -> list[Point]:
        """The points of several records."""
        return [self.point(record) for record in records]
