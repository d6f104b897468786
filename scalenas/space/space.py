"""Which networks exist: genes with allowed values, and everything that follows from them.

A space is data. Sampling, mutation, crossover, size and membership are written once here; a
family says only how active genes become an arch (`_build`) and how an arch is read (`_read`).
"""

from __future__ import annotations

import copy
import fnmatch
import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, Generic, Protocol, Self, TypeVar, final

from scalenas.arch import Arch, Rounding, Scaling
from scalenas.arch.strict import as_fraction, as_list
from scalenas.errors import did_you_mean, short
from scalenas.family import Family, family_named

from .gene import (
    MOST_RESTRICTIONS,
    MOST_VALUES,
    Gene,
    SpaceError,
    Value,
    check_genes,
    first_difference,
    kept_values,
    outside,
    refusal,
)
from .together import Recent, Together, Weights, draw, edges_of


class Hull(Protocol):
    """What each part of a network can be; a family whose widths differ has a class for it."""

    def grown(self, scaling: Scaling, rounding: Rounding) -> Self:
        """All that the networks have once they are scaled."""
        ...

    def merged(self, others: Iterable[Self]) -> Self:
        """All that this one or one of the others has."""
        ...


A = TypeVar('A', bound=Arch)
Genes = dict[str, Value]


class AbstractSpace(ABC, Generic[A]):
    """A finite set of archs, spanned by genes.

    Args:
        genes: parents stand before their children.
    """

    one_to_one: ClassVar[bool] = False
    """Whether no two sets of active genes are one network: then those of offspring are known."""

    def __init__(self, genes: Sequence[Gene]) -> None:
        check_genes(len(genes))
        self.genes: dict[str, Gene] = {}
        for gene in genes:
            if len(gene.values) > MOST_VALUES:
                raise refusal(gene.name, f'at most {MOST_VALUES:,} values', len(gene.values))
            if gene.name in self.genes:
                raise SpaceError('there are two of this name', where='genes', got=gene.name)
            if gene.parent is not None and gene.parent not in self.genes:
                raise SpaceError(
                    'its parent comes before it', where=f'gene {gene.name}', got=gene.parent
                )
            self.genes[gene.name] = gene
        self.restrictions: tuple[tuple[str, tuple[Value, ...]], ...] = ()
        # A sub-space has the same gene names, so it shares what is known about patterns.
        self._matches: dict[str, dict[str, None]] = {}
        self._recent: Recent[A] = Recent()

    def __repr__(self) -> str:
        return (
            f'<{type(self).__name__}: {len(self.genes)} genes, {Decimal(self.size()):.2g} networks>'
        )

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

    @classmethod
    def from_dict(cls, data: object, where: str = 'space') -> Self:
        """The inverse of `to_dict`, for the spaces of a family; raises ArchError with one line."""
        raise NotImplementedError

    def hull(self) -> Hull:
        """What a supernet of the space must hold, for families of several widths.

        Raises:
            SpaceError: for a family whose supernets need no such thing.
        """
        raise refusal('space', 'one whose networks have several widths', type(self).__name__)

    @property
    def family(self) -> Family:
        """The family of its networks."""
        return family_named(str(self.to_dict()['family']))

    def pattern_of(self, role: str) -> str | None:
        """The pattern of the genes with a role, such as 'depth'; None where nobody says one."""
        return self.family.roles.get(role)

    @final
    def role(self, role: str) -> tuple[str, ...]:
        """Names of the genes with a role, in order; () where there is none."""
        pattern = self.pattern_of(role)
        if pattern is None:
            return ()
        return tuple(name for name, gene in self.genes.items() if gene.matches(pattern))

    @cached_property
    def _together(self) -> tuple[Together, ...]:
        return Together.of(self.genes.values())

    @final
    def where(self, pattern: str, values: Sequence[Value]) -> Self:
        """The sub-space in which every gene matching `pattern` takes only `values`.

        `space.where('*.depth', (2, 3))`; patterns are those of `matching`.

        Raises:
            SpaceError: when no gene matches, or a matching gene would have no value left.
        """
        names = self.matching(pattern)
        as_list(values, f'where {pattern!r}', 'values', MOST_VALUES)
        space = copy.copy(self)
        space.genes = dict(self.genes)
        space.__dict__.pop('_together', None)
        space._recent = Recent()
        known: dict[tuple[Value, ...], tuple[Value, ...]] = {}
        for name in names:
            gene = self.genes[name]
            kept = known.get(gene.values)
            if kept is None:
                kept = known[gene.values] = kept_values(name, gene.values, values)
            space.genes[name] = replace(gene, values=kept)
        space.restrictions = (*self.restrictions, (pattern, tuple(values)))
        return space

    @final
    def matching(self, pattern: str) -> Mapping[str, None]:
        """Names of the genes that a pattern means, in order, as the keys of a mapping.

        Patterns are those of fnmatch. `*` means every gene; any other means genes of networks and
        not of their scaling: `*.depth` is the depth of every stage or branch. Patterns that begin
        with `scale`, such as `scale.s2.depth` or `scale.*`, mean those of the scaling.

        Raises:
            SpaceError: when there is none.
        """
        # The keys are a set in gene order: no order may depend on the process.
        if not isinstance(pattern, str) or len(pattern) > 200:
            raise refusal('pattern', 'a pattern of genes, such as *.depth', pattern)
        names = self._matches.get(pattern)
        if names is None:
            names = {n: None for n, gene in self.genes.items() if gene.matches(pattern)}
            if not names:
                raise SpaceError(
                    'no gene matches',
                    where='pattern',
                    got=pattern,
                    allowed=f'one such as {next(iter(self.genes))}',
                    hint=self._beyond(pattern) or did_you_mean(pattern, self.genes),
                )
            self._matches[pattern] = names
        return names

    def _beyond(self, pattern: str) -> str:
        """A hint where the pattern would match genes of a scope, if it said so."""
        scopes = {g.scope for g in self.genes.values() if fnmatch.fnmatchcase(g.name, pattern)}
        return '; '.join(f"those of the scaling begin with '{s}.'" for s in sorted(scopes))

    @final
    def restricted(self, items: object, where: str = 'space') -> Self:
        """The sub-space of a list of [pattern, values], as `to_dict` writes it under 'where'."""
        space = self
        for item in as_list(items, f'{where}.where', '[pattern, values]', MOST_RESTRICTIONS):
            pair = as_list(item, f'{where}.where', 'pattern and values')
            if len(pair) != 2 or not isinstance(pair[0], str):
                raise refusal(f'{where}.where', '[pattern, values]', item)
            values = as_list(pair[1], f'{where}.where[{short(pair[0])}]', 'values')
            space = space.where(pair[0], tuple(values))
        return space

    @final
    def decode(self, values: Mapping[str, Value]) -> A:
        """The arch of these genes; inactive ones are ignored, so equal networks are equal.

        Raises:
            SpaceError: for an unknown gene, a missing active one, a value that is not allowed.
        """
        if not isinstance(values, Mapping):
            raise refusal('genes', 'a mapping of genes to values', values)
        return self._build(self._active(values))

    def _active(self, values: Mapping[str, Value]) -> Genes:
        """The active ones of these genes, in gene order, each checked."""
        if not values.keys() <= self.genes.keys():
            name = next(name for name in values if name not in self.genes)
            raise SpaceError('unknown gene', where='genes', got=name, allowed=self.genes)
        active: Genes = {}
        for genes in self._together:
            if not genes.is_active(active):
                continue
            flags = genes.flags
            for name, allowed in genes.rows:
                if name not in values:
                    raise SpaceError('gene is missing', where=name, allowed=allowed)
                value = values[name]
                # True is not 1 here, nor 1 True.
                if value not in allowed or isinstance(value, bool) is not flags:
                    raise refusal(name, allowed, value)
                active[name] = value
        return active

    @final
    def encode(self, arch: A) -> Genes:
        """The active genes of an arch, in gene order; `decode(encode(arch)) == arch`.

        Raises:
            SpaceError: when the arch is not in the space; says where it leaves it.
        """
        known = self._recent.genes(arch)
        if known is not None:
            return dict(known)
        values = self._read(arch)
        try:
            active = self._active(values)
        except SpaceError:
            for name, value in values.items():
                if name not in self.genes:
                    raise outside('genes', self.genes, name) from None
                if value not in self.genes[name].values:
                    raise outside(name, self.genes[name].values, value) from None
            raise
        decoded = self._build(active)
        if decoded != arch:
            where, ours, theirs = first_difference(decoded.to_dict(), arch.to_dict())
            raise outside(where, [ours], theirs)
        self._recent.keep(arch, active)
        return dict(active)

    @final
    def shrunk(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> A | None:
        """The network of the space that grows into `arch` by this scaling; None without one."""
        base = self._shrink(arch, scaling, rounding)
        if base is None or base.scaled(scaling, rounding) != arch or base not in self:
            return None
        return base

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
        table = edges_of(weights, self.genes, self.matching) if weights else {}
        for genes in self._together:
            if genes.is_active(drawn):
                for name, values in genes.rows:
                    drawn[name] = draw(values, table.get(name), rng)
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
        as_fraction(p, 'p')
        old, names = self.encode(arch), self.matching(pattern)
        new: Genes = {}
        for genes in self._together:
            if not genes.is_active(new):
                continue
            for name, values in genes.rows:
                if name not in old:
                    new[name] = draw(values, None, rng)
                    continue
                value = new[name] = old[name]
                if name in names and len(values) > 1 and rng.random() < p:
                    new[name] = rng.choice([v for v in values if v != value])
        return self._varied(new)

    @final
    def cross(self, arch: A, other: A, rng: random.Random, p: float) -> A:
        """Each unit of `arch` is replaced, with probability `p`, by that of `other`.

        Neither parent is changed.
        """
        as_fraction(p, 'p')
        units = dict.fromkeys(gene.unit for gene in self.genes.values())
        taken = {unit for unit in units if rng.random() < p}
        mine, theirs = self.encode(arch), self.encode(other)
        child: Genes = {}
        for genes in self._together:
            if genes.is_active(child):
                source = theirs if genes.unit in taken else mine
                for name, values in genes.rows:
                    # A gene of one unit may hang on a parent in another: then it is newly active.
                    known = source.get(name)
                    child[name] = draw(values, None, rng) if known is None else known
        return self._varied(child)

    def _varied(self, genes: Genes) -> A:
        arch = self._build(genes)
        if self.one_to_one:
            self._recent.keep(arch, genes)
        return arch

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
