"""Which networks exist: genes with allowed values, and everything that follows from them.

A space is data. Sampling, mutation, crossover, size and membership are written once here; a
family says only how active genes become an arch (`_build`) and how an arch is read (`_read`).
"""

from __future__ import annotations

import bisect
import copy
import fnmatch
import hashlib
import itertools
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, Self, TypeVar, final

from scalenas.arch import Arch, ArchError, Rounding, Scaling
from scalenas.arch.strict import as_list, suggest

from .gene import Gene, Value

A = TypeVar('A', bound=Arch)
Genes = dict[str, Value]
Weights = Mapping[str, Sequence[float]]
"""Gene name pattern -> relative weight of each of the gene's values."""


class SpaceError(ArchError):
    """An arch or a gene outside the space: the message is one line for the user."""


class AbstractSpace(ABC, Generic[A]):
    """A finite set of archs, spanned by genes.

    Args:
        genes: parents stand before their children.
    """

    def __init__(self, genes: Sequence[Gene]) -> None:
        self.genes: dict[str, Gene] = {}
        for gene in genes:
            assert gene.name not in self.genes, gene.name
            assert gene.parent is None or gene.parent in self.genes, gene.parent
            self.genes[gene.name] = gene
        self.restrictions: tuple[tuple[str, tuple[Value, ...]], ...] = ()
        # A sub-space has the same gene names, so it shares what is known about patterns.
        self._matches: dict[str, dict[str, None]] = {}

    @abstractmethod
    def _build(self, values: Genes) -> A:
        """The arch of a complete set of active genes."""

    @abstractmethod
    def _read(self, arch: A) -> Genes:
        """The active genes of an arch; raises SpaceError where it has another shape."""

    @abstractmethod
    def _shrink(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> A | None:
        """A network that may grow into `arch`, if there is one; None where there is none."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Plain data from which `scalenas.space.from_dict` makes the space again."""

    @final
    def where(self, pattern: str, values: Sequence[Value]) -> Self:
        """The sub-space in which every gene matching `pattern` takes only `values`.

        `space.where('*.depth', (2, 3))`; patterns are those of fnmatch.

        Raises:
            SpaceError: when no gene matches, or a matching gene would have no value left.
        """
        names = self._matching(pattern)
        space = copy.copy(self)
        space.genes = dict(self.genes)
        for name, gene in self.genes.items():
            if name not in names:
                continue
            kept = tuple(v for v in gene.values if v in values)
            if not kept or any(v not in gene.values for v in values):
                raise SpaceError(f'{name}: {tuple(values)} is not among its values {gene.values}')
            space.genes[name] = Gene(name, kept, gene.unit, gene.parent, gene.active_at)
        space.restrictions = (*self.restrictions, (pattern, tuple(values)))
        return space

    @final
    def restricted(self, items: object, where: str = 'space') -> Self:
        """The sub-space of a list of [pattern, values], as `to_dict` writes it under 'where'."""
        space = self
        for item in as_list(items, f'{where}.where', '[pattern, values]'):
            pair = as_list(item, f'{where}.where', 'pattern and values')
            if len(pair) != 2 or not isinstance(pair[0], str):
                raise SpaceError(f'{where}.where: expected [pattern, values], got {item!r}')
            values = as_list(pair[1], f'{where}.where[{pair[0]!r}]', 'values')
            space = space.where(pair[0], tuple(values))
        return space

    @final
    def decode(self, values: Mapping[str, Value]) -> A:
        """The arch of these genes; inactive ones are ignored, so equal networks are equal.

        Raises:
            SpaceError: for an unknown gene, a missing active one, a value that is not allowed.
        """
        for name in values:
            if name not in self.genes:
                raise SpaceError(f'unknown gene {name!r}{suggest(name, self.genes)}')
        active: Genes = {}
        for name, gene in self.genes.items():
            if not gene.is_active(active):
                continue
            if name not in values:
                raise SpaceError(f'gene {name!r} is missing (allowed: {gene.values})')
            if values[name] not in gene.values:
                raise SpaceError(
                    f'{name}: {values[name]!r} is not allowed (allowed: {gene.values})'
                )
            active[name] = values[name]
        return self._build(active)

    @final
    def encode(self, arch: A) -> Genes:
        """The active genes of an arch, in gene order; `decode(encode(arch)) == arch`.

        Raises:
            SpaceError: when the arch is not in the space; says where it leaves it.
        """
        values = self._read(arch)
        for name, value in values.items():
            if name not in self.genes:
                raise SpaceError(f'not in the space: it has no {name!r}{suggest(name, self.genes)}')
            if value not in self.genes[name].values:
                raise SpaceError(
                    f'not in the space: {name} is {value!r} (allowed: {self.genes[name].values})'
                )
        found = self.decode(values)
        if found != arch:
            difference = _first_difference(found.to_dict(), arch.to_dict())
            raise SpaceError(f'not in the space: {difference}')
        return {name: values[name] for name in self.genes if name in values}

    @final
    def shrunk(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> A | None:
        """The network of the space that grows into `arch` by this scaling; None without one."""
        found = self._shrink(arch, scaling, rounding)
        if found is None or found.scaled(scaling, rounding) != arch or found not in self:
            return None
        return found

    @final
    def __contains__(self, arch: object) -> bool:
        try:
            self.encode(arch)  # type: ignore[arg-type]
        except SpaceError:
            return False
        return True

    @final
    def sample(self, rng: random.Random, weights: Weights | None = None) -> A:
        """A random arch: each active gene drawn on its own, evenly unless `weights` differ."""
        drawn: Genes = {}
        table = self._edges(weights) if weights else {}
        for name, gene in self.genes.items():
            if gene.is_active(drawn):
                drawn[name] = _draw(gene.values, table.get(name), rng)
        return self._build(drawn)

    @final
    def smallest(self) -> A:
        """The arch of all first values."""
        return self.decode({name: gene.values[0] for name, gene in self.genes.items()})

    @final
    def largest(self) -> A:
        """The arch of all last values."""
        return self.decode({name: gene.values[-1] for name, gene in self.genes.items()})

    @final
    def mutate(self, arch: A, rng: random.Random, p: float, pattern: str = '*') -> A:
        """Each active gene matching `pattern` moves, with probability `p`, to another value.

        Genes that only the mutation makes active are drawn evenly. `arch` is not changed.
        """
        old, names = self.encode(arch), self._matching(pattern)
        new: Genes = {}
        for name, gene in self.genes.items():
            if not gene.is_active(new):
                continue
            if name not in old:
                new[name] = _draw(gene.values, None, rng)
                continue
            new[name] = old[name]
            if name in names and len(gene.values) > 1 and rng.random() < p:
                new[name] = rng.choice([v for v in gene.values if v != old[name]])
        return self._build(new)

    @final
    def cross(self, arch: A, other: A, rng: random.Random, p: float) -> A:
        """Each unit of `arch` is replaced, with probability `p`, by that of `other`.

        Neither parent is changed.
        """
        units = dict.fromkeys(gene.unit for gene in self.genes.values())
        taken = {unit for unit in units if rng.random() < p}
        mine, theirs = self.encode(arch), self.encode(other)
        mixed = {
            name: value
            for source, wanted in ((mine, False), (theirs, True))
            for name, value in source.items()
            if (self.genes[name].unit in taken) is wanted
        }
        child: Genes = {}
        for name, gene in self.genes.items():
            if gene.is_active(child):
                # A gene of one unit may hang on a parent in another: then it is newly active.
                child[name] = mixed[name] if name in mixed else _draw(gene.values, None, rng)
        return self._build(child)

    @final
    def size(self) -> int:
        """The number of sets of active genes, exactly; in all but scaled spaces that of archs."""
        children: dict[str | None, list[Gene]] = {}
        for gene in self.genes.values():
            children.setdefault(gene.parent, []).append(gene)

        def ways(gene: Gene) -> int:
            total = 0
            for value in gene.values:
                product = 1
                for child in children.get(gene.name, ()):
                    if value in child.active_at:
                        product *= ways(child)
                total += product
            return total

        product = 1
        for root in children.get(None, ()):
            product *= ways(root)
        return product

    @final
    def digest(self) -> str:
        """A short fingerprint: equal for equal spaces, on every machine."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @final
    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractSpace) and self.to_dict() == other.to_dict()

    @final
    def __hash__(self) -> int:
        return hash(self.digest())

    def _matching(self, pattern: str) -> dict[str, None]:
        # The keys are a set in gene order: no order may depend on the process.
        found = self._matches.get(pattern)
        if found is None:
            found = dict.fromkeys(n for n in self.genes if fnmatch.fnmatchcase(n, pattern))
            if not found:
                raise SpaceError(
                    f'no gene matches {pattern!r} (for example {next(iter(self.genes))!r})'
                    f'{suggest(pattern, self.genes)}'
                )
            self._matches[pattern] = found
        return found

    def _edges(self, weights: Weights) -> dict[str, Sequence[float]]:
        table: dict[str, Sequence[float]] = {}
        for pattern, row in weights.items():
            edges = list(itertools.accumulate(row))
            if not (edges and min(row) >= 0 and 0 < edges[-1] < float('inf')):
                raise SpaceError(
                    f'weights: those of {pattern!r} must be >= 0 and not all 0, got {tuple(row)}'
                )
            for name in self._matching(pattern):
                if len(row) != len(self.genes[name].values):
                    raise SpaceError(
                        f'weights: {pattern!r} has {len(row)} weights, but {name} has '
                        f'{len(self.genes[name].values)} values'
                    )
                table[name] = edges
        return table


def _draw(values: tuple[Value, ...], edges: Sequence[float] | None, rng: random.Random) -> Value:
    """One of the values: evenly, or by the cumulative weights `edges`."""
    if len(values) == 1:
        return values[0]
    if edges is None:
        return values[int(rng.random() * len(values))]
    return values[bisect.bisect(edges, rng.random() * edges[-1], 0, len(values) - 1)]


def _first_difference(found: object, arch: object, where: str = 'its') -> str:
    """Where two plain descriptions first part: `its stages[2].stem is 5, the space has 4`."""
    if isinstance(found, dict) and isinstance(arch, dict) and found.keys() == arch.keys():
        pairs = [(f'{where}.{key}', found[key], arch[key]) for key in found]
    elif isinstance(found, list) and isinstance(arch, list) and len(found) == len(arch):
        pairs = [(f'{where}[{i}]', *pair) for i, pair in enumerate(zip(found, arch, strict=True))]
    else:
        return f'{where.replace("its.", "its ", 1)} is {arch}, the space has {found}'
    return next(_first_difference(a, b, place) for place, a, b in pairs if a != b)
