"""What a search knows of a network: its slot in the search, its cost, its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scalenas.arch import Arch
from scalenas.complexity import Cost
from scalenas.errors import UserError


class SearchError(UserError):
    """A search that cannot be: the message is one line for the user."""


class StudyError(SearchError):
    """A study that cannot be opened or does not fit: the message is one line for the user."""


def one_line(error: BaseException) -> str:
    """What the database or the system says itself."""
    cause = error.__cause__ or error
    origin = getattr(cause, 'orig', None) or cause
    return ' '.join(str(origin).split())[:200] or type(origin).__name__


RESERVED = ('slot', 'generation', 'arch', 'front')
"""Words of tables of records: no column and no metric may have these names."""


@dataclass(frozen=True, slots=True)
class Record:
    """An evaluated network. `slot` counts the networks of a search, 0 first."""

    slot: int
    arch: Arch
    cost: Cost
    metrics: Mapping[str, float]
    generation: int
