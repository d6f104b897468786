"""A gene: one named choice of a space, with the condition under which it means anything."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

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
