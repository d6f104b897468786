"""What the networks of a front have in common: genes by role, part and place; choices they share.

Source: ScaleNAS (Cheng et al. 2020), section 5 and figure 9, where blocks and fusions of the front
are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalenas.arch import Arch, sections
from scalenas.complexity import COLUMNS, Counter
from scalenas.errors import UserError
from scalenas.search import Record
from scalenas.space import AbstractSpace, Gene, Value, from_dict

SHARED, LIFT, MOST_SHARED = 0.75, 0.15, 24
INACTIVE, FIRST = '.', 0x30

Genes = Mapping[str, Value]


def space_of(settings: Mapping[str, Any]) -> AbstractSpace[Any] | None:
    """The space that a study searches; None for one that nobody here knows."""
    try:
        return from_dict(settings.get('space'), 'space')
    except UserError:  # of a family from elsewhere whose module is not imported, or of no family
        return None


def fusions_of(arch: Arch) -> int:
    """Fusions of a whole network; 0 in families that have none."""
    return sum(section.fusions for section in sections(arch))


@dataclass(frozen=True, slots=True)
class GeneTable:
    """The genes of a space that have a choice, with their roles and their places."""

    genes: tuple[Gene, ...]
    roles: tuple[str, ...]
    places: tuple[str, ...]

    @classmethod
    def of(cls, space: AbstractSpace[Any]) -> GeneTable:
        """For all genes with more than one value.

        The place of a gene is what its name says behind the unit, such as branch b2; a gene with a
        parent has the place of that: so all switches of fusions into a branch have the branch's.
        """
        roles = {name: role for role in space.family.roles for name in space.role(role)}
        places: dict[str, str] = {}
        for name, gene in space.genes.items():
            parent = space.genes.get(gene.parent or '')
            if parent is not None and parent.unit == gene.unit:
                places[name] = places[parent.name]
            else:
                places[name] = name.removeprefix(gene.unit).strip('.').rpartition('.')[0]
        free = tuple(gene for gene in space.genes.values() if len(gene.values) > 1)
        return cls(
            free,
            tuple(roles.get(gene.name, '') for gene in free),
            tuple(places[gene.name] for gene in free),
        )

    def to_list(self) -> list[list[Any]]:
        """Name, unit, role and values of each."""
        return [
            [gene.name, gene.unit, role, list(gene.values)]
            for gene, role in zip(self.genes, self.roles, strict=True)
        ]

    def text(self, values: Genes) -> str:
        """A letter for each gene: which of its values a network has."""
        return ''.join(
            chr(FIRST + gene.values.index(values[gene.name])) if gene.name in values else INACTIVE
            for gene in self.genes
        )

    def matrices(self, front: Sequence[Genes], every: Sequence[Genes]) -> list[dict[str, Any]]:
        """For each role the means over the front, and over all networks, by unit and place."""
        tables = []
        for role in dict.fromkeys(filter(None, self.roles)):
            cells: dict[tuple[str, str], list[Gene]] = {}
            for gene, its, place in zip(self.genes, self.roles, self.places, strict=True):
                if its == role and not isinstance(gene.values[0], str):
                    cells.setdefault((gene.unit, place), []).append(gene)
            rows = list(dict.fromkeys(unit for unit, _ in cells))
            columns = sorted({place for _, place in cells})
            grids = [
                [[_mean(cells.get((r, c), ()), nets) for c in columns] for r in rows]
                for nets in (front, every)
            ]
            switches = all(isinstance(g.values[0], bool) for found in cells.values() for g in found)
            table = {'role': role, 'rows': rows, 'columns': columns, 'share': switches}
            if rows:
                tables.append({**table, 'front': grids[0], 'all': grids[1]})
        return tables

    def shared(self, front: Sequence[Genes], every: Sequence[Genes]) -> list[list[Any]]:
        """Choices that most of the front has made and fewer of all: gene, value, both shares."""
        rows: list[list[Any]] = []
        for gene in self.genes:
            ours = [values[gene.name] for values in front if gene.name in values]
            theirs = [values[gene.name] for values in every if gene.name in values]
            for value in gene.values if 2 * len(ours) >= len(front) and ours else ():
                here, there = ours.count(value) / len(ours), theirs.count(value) / len(theirs)
                if here >= SHARED and here - there >= LIFT:
                    rows.append([gene.name, value, here, there])
        return sorted(rows, key=lambda row: row[3] - row[2])[:MOST_SHARED]


def _mean(genes: Sequence[Gene], nets: Sequence[Genes]) -> float | None:
    """Over all networks in which they are active; None where none has them."""
    values = [float(net[gene.name]) for net in nets for gene in genes if gene.name in net]
    return sum(values) / len(values) if values else None


def strides_of(arch: Arch) -> list[int]:
    """The strides of the maps that a network's units give, fine to coarse."""
    size = arch.size or (256, 256)
    plans = [list(unit.layers()) for _, unit in arch.units(size)]
    return sorted({max(1, round(size[0] / plan[-1].size_out[0])) for plan in plans if plan})


def bounds_of(
    space: AbstractSpace[Any], size: tuple[int, int] | None, records: Sequence[Record]
) -> dict[str, dict[str, float]]:
    """What the smallest and the largest network of the space cost, where that is certain.

    What heads and necks cost is the difference of the records to what their backbones cost; where
    that is not the same for all records, nothing is said.
    """
    bounds: dict[str, dict[str, float]] = {'smallest': {}, 'largest': {}}
    if not records or (size is None and records[0].arch.size is None):
        return bounds
    summed = [name for name, column in COLUMNS.items() if column.combine is sum]
    names = [name for name in summed if name in records[0].cost]
    counter, sample = Counter(size), records[:: max(1, len(records) // 8)]
    for name in names:
        rest = {record.cost[name] - counter(record.arch)[name] for record in sample}
        if len(rest) == 1:
            head = rest.pop()
            bounds['smallest'][name] = counter(space.smallest())[name] + head
            bounds['largest'][name] = counter(space.largest())[name] + head
    return bounds
