"""A fixed sample of a list: for statistics and searches that need not see all of it."""

from collections.abc import Sequence
from typing import Any

from scalenas.errors import UserError


def spread_evenly(items: Sequence[Any], count: int | None) -> list[Any]:
    """`count` items at equal distances, the first included; all of them if None or too few."""
    if count is None or count >= len(items):
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]


def check_spread(count: int | None, owner: str) -> None:
    """Pass for None and for whole numbers from 1 on.

    Raises:
        UserError: for anything else.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise UserError(where=f'{owner}.spread', got=count, allowed='a whole number >= 1')
