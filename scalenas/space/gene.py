"""Genes, the named choices of a space: their bounds, and the errors for what a space has not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from scalenas.arch import ArchError
from scalenas.arch.strict import as_list
from scalenas.errors import short

Value = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Gene:
    """A choice between `values`, small to large.

    With a `parent`, the gene is active only while the parent is active and has a value in
    `active_at`; an inactive gene does not exist in an arch. `unit` names the part of the network
    that crossover exchanges as a whole. Patterns reach a gene with a `scope` only where they begin
    with that word.
    """

    name: str
    values: tuple[Value, ...]
    unit: str
    parent: str | None = None
    active_at: frozenset[Value] = frozenset()
    scope: str = ''

    def is_active(self, values: dict[str, Value]) -> bool:
        """True when the chosen `values` give the gene a meaning."""
        return self.parent is None or values.get(self.parent) in self.active_at

    def matches(self, pattern: str) -> bool:
        """True where a pattern means this gene: `*` means all, `*.depth` none of a scope's."""
        if self.scope and pattern != '*' and not pattern.startswith(self.scope):
            return False
        return fnmatchcase(self.name, pattern)


class SpaceError(ArchError):
    """An arch or a gene outside the space: the message is one line for the user."""


MOST_GENES = 10_000
"""Of a space; the paper's of HRNet-W32 has 336."""

MOST_VALUES = 1_000
"""Of a gene."""

MOST_RESTRICTIONS = 200


def check_genes(count: int) -> None:
    """Pass where a space may have so many genes; to be asked before they are made.

    Raises:
        SpaceError: for more.
    """
    if count > MOST_GENES:
        raise refusal('space', f'at most {MOST_GENES:,} genes (depths, switches, ...)', count)


def choices(
    data: object, where: str, rule: Callable[[object, str], Value] | None = None
) -> tuple[Any, ...]:
    """The values of a gene from a list, a tuple or a range, each checked by a rule.

    Raises:
        ArchError: for anything else, or more than `MOST_VALUES`.
    """
    if not isinstance(data, range):
        as_list(data, where, 'values')
    values: Any = data
    if len(values) > MOST_VALUES:
        raise refusal(where, f'at most {MOST_VALUES:,} values', len(values))
    return tuple(values) if rule is None else tuple(rule(value, where) for value in values)


def refusal(where: str, allowed: str | Collection[object], got: object) -> SpaceError:
    """The error for a value that a space cannot have there."""
    return SpaceError(where=where, allowed=allowed, got=got)


def outside(where: str, allowed: str | Collection[object], got: object) -> SpaceError:
    """The error for a network that is not in a space: what it has there, and what the space."""
    return SpaceError('not in the space', where=where, allowed=allowed, got=got)


def ascending(values: Sequence[Any], where: str, of: str = 'values') -> None:
    """Pass for one value or more, distinct and small to large.

    Raises:
        SpaceError: for others.
    """
    if not values or list(values) != sorted(set(values)):
        raise refusal(where, f'distinct {of}, small to large', values)


def kept_values(name: str, values: tuple[Value, ...], wanted: Sequence[Value]) -> tuple[Value, ...]:
    """The values of a gene that are wanted; all that are wanted must be among them."""
    flags = isinstance(values[0], bool)
    strange = [
        v
        for v in wanted
        if not isinstance(v, int | float | str) or isinstance(v, bool) is not flags
    ]
    if strange or not wanted or not set(wanted) <= set(values):
        raise refusal(name, f'some of its values {short(values)}', tuple(wanted))
    allowed = set(wanted)
    return tuple(value for value in values if value in allowed)


def first_difference(
    decoded: object, arch: object, where: str = 'arch'
) -> tuple[str, object, object]:
    """Where two plain descriptions first part, and both there: `arch.stages[2].stem`, 4, 5."""
    if isinstance(decoded, dict) and isinstance(arch, dict) and decoded.keys() == arch.keys():
        pairs = [(f'{where}.{key}', decoded[key], arch[key]) for key in decoded]
    elif isinstance(decoded, list) and isinstance(arch, list) and len(decoded) == len(arch):
        pairs = [(f'{where}[{i}]', *pair) for i, pair in enumerate(zip(decoded, arch, strict=True))]
    else:
        return where, decoded, arch
    return next(first_difference(a, b, place) for place, a, b in pairs if a != b)
