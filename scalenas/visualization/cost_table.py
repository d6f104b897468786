"""Where a network's cost goes, part by part; what the networks of a space cost, and its genes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, le
from typing import Any, Self

from scalenas.arch import Arch, Head, Layer, Section, Size, Unit, layers, section_of
from scalenas.complexity import COLUMNS, PYCLS, Budget, Cost, Rule, column_of, count, layer_cost
from scalenas.space import AbstractSpace
from scalenas.space.gene import Gene, Value

NUM_DRAWN = 100
"""Random networks that say what is usual in a space; counted, never evaluated."""

SHOWN_VALUES = 8

WITHIN = {'<=': le, '>=': ge}


@dataclass(frozen=True, slots=True)
class CostRow:
    """A part of a network: its name, blocks, fusions, cost, and of a chain its output map."""

    name: str
    blocks: int
    fusions: int
    cost: Cost
    output: str = ''


def cost_rows(arch: Arch, size: Size, head: Head | None = None) -> list[CostRow]:
    """The parts of a network in order; their costs sum to that of the whole."""
    units: dict[Section, list[Unit]] = {}
    for name, unit in arch.units(size):
        units.setdefault(section_of(arch, name), []).append(unit)
    rows = []
    for section, members in units.items():
        plan = [layer for unit in members for layer in unit.layers()]
        output = _output(plan[-1]) if plan and section.chain else ''
        rows.append(CostRow(section.name, section.blocks, section.fusions, count(plan), output))
    if head is not None:
        rows.append(CostRow('head', 0, 0, count(head.layers(arch.features(size)))))
    return rows


def _output(layer: Layer) -> str:
    height, width = layer.size_out
    return f'{layer.c_out} x {height}x{width}'


def _sum(counts: Iterable[int]) -> str:
    # Parts of an arch that does not say its sections have none.
    return str(sum(counts) or '')


def cost_text(rows: list[CostRow], rule: Rule = PYCLS) -> str:
    """The rows as an aligned table with a total; macs in the rule's unit, shares of all macs.

    Below one G in all, macs are in M. Blocks, fusions and output maps have a column where a part
    has them.
    """
    total = sum((row.cost for row in rows), Cost())
    columns = {
        'part': [*(row.name for row in rows), 'total'],
        'output': [*(row.output for row in rows), ''],
        'blocks': [*(str(row.blocks or '') for row in rows), _sum(row.blocks for row in rows)],
        'fusions': [*(str(row.fusions or '') for row in rows), _sum(row.fusions for row in rows)],
    }
    for name in ('params', *(name for name in total if name != 'params')):
        divisor, heading = column_of(name).head
        if name == 'macs':
            divisor, prefix = rule.unit(total['macs'])
            heading = f'{prefix} macs'
        columns[heading] = [f'{cost[name] / divisor:.3f}' for cost in (*_costs(rows), total)]
    macs = total['macs'] or 1
    columns['share'] = [f'{100 * cost["macs"] / macs:.1f}%' for cost in (*_costs(rows), total)]
    shown = [n for n in columns if n not in ('output', 'blocks', 'fusions') or any(columns[n][:-1])]
    body = zip(*(columns[name] for name in shown), strict=True)
    return aligned([tuple(shown), *body], ruled=True)


def _costs(rows: Sequence[CostRow]) -> list[Cost]:
    return [row.cost for row in rows]


def layer_text(arch: Arch, size: Size, head: Head | None = None) -> str:
    """Every layer of the plan: shapes, and all columns of its cost as exact numbers."""
    plan = [*layers(arch, size), *(head.layers(arch.features(size)) if head else ())]
    names = ('params', *(name for name in COLUMNS if name != 'params'))
    lines = [('layer', 'kernel', 'channels', 'output', *names)]
    for layer in plan:
        cost, (height, width) = layer_cost(layer), layer.size_out
        lines.append(
            (
                layer.name,
                f'{layer.kernel}x{layer.kernel}/{layer.stride}',
                f'{layer.c_in} -> {layer.c_out}',
                f'{height}x{width}',
                *(f'{cost[name]}' for name in names),
            )
        )
    return aligned(lines)


def aligned(lines: Sequence[tuple[str, ...]], ruled: bool = False) -> str:
    """Columns as wide as needed, the first flush left; `ruled` sets off the last line."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *rest in lines:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        texts.append('  '.join([first.ljust(widths[0]), *cells]).rstrip())
    rule = '-' * (sum(widths) + 2 * (len(widths) - 1))
    texts.insert(1, rule)
    if ruled:
        texts.insert(-1, rule)
    return '\n'.join(texts)


@dataclass(frozen=True)
class Extent:
    """Costs of three networks of a space and of random ones, and the genes, group by group.

    Attributes:
        smallest, largest: costs of the two ends of the space.
        middle: cost of the random network whose macs are the median of `drawn`.
        drawn: costs of random networks, in the counted columns alone.
    """

    space: AbstractSpace[Any]
    smallest: Cost
    middle: Cost
    largest: Cost
    drawn: Sequence[Cost]

    @classmethod
    def of(
        cls,
        space: AbstractSpace[Any],
        counted: Callable[[Arch], Cost],
        cost: Callable[[Arch], Cost] | None = None,
    ) -> Self:
        """Of a space; `cost` counts and has the measured columns as well."""
        rng = random.Random(0)
        archs = [space.sample(rng) for _ in range(NUM_DRAWN)]
        drawn = [counted(arch) for arch in archs]
        order = sorted(range(NUM_DRAWN), key=lambda i: drawn[i]['macs'])
        middle, of = archs[order[NUM_DRAWN // 2]], cost or counted
        return cls(space, of(space.smallest()), of(middle), of(space.largest()), drawn)

    def lines(self, budget: Budget) -> Iterator[str]:
        """The space as text: size, costs with their percentage of the largest, genes, bounds."""
        family = self.space.family.name
        genes = f'{len(self.space.genes):,} genes'
        yield f'space: {Decimal(self.space.size()):.2g} networks of the family {family}, {genes}'
        rows: list[tuple[str, ...]] = [('', 'smallest', 'middle', 'largest')]
        for name, most in self.largest.items():
            texts = (
                f'{column_of(name).text(row[name])} ({_share(row[name], most)})'
                for row in (self.smallest, self.middle)
            )
            rows.append((name, *texts, column_of(name).text(most)))
        yield from aligned(rows).splitlines()
        table = [('role', 'genes', 'number', 'values'), *groups(self.space)]
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        for row in table:
            yield '  '.join(map(str.ljust, row, widths)).rstrip()
        for name, sign, bound in _bounds(budget):
            yield f'bound {name} {sign} {self._bound(name, sign, bound)}'
        if len(budget) > 1 and all(name in self.drawn[0] for name in budget):
            count = sum(budget.allows(cost) for cost in self.drawn)
            yield f'all bounds: {count} of {NUM_DRAWN} random networks meet them'

    def allows(self, budget: Budget) -> bool:
        """False where no network meets one of the bounds on counted columns."""
        return all(any(self._ends(*b)) for b in _bounds(budget) if b[0] in self.drawn[0])

    def _ends(self, name: str, sign: str, bound: float) -> list[bool]:
        # Genes are ordered small to large, so these two bound every network of the space.
        return [WITHIN[sign](cost[name], bound) for cost in (self.smallest, self.largest)]

    def _bound(self, name: str, sign: str, bound: float) -> str:
        ends = self._ends(name, sign, bound)
        if name not in self.drawn[0]:
            who = 'it is measured, so no more is known than of these three'
        elif all(ends) or not any(ends):
            who = 'every network meets it' if all(ends) else 'no network meets it'
        else:
            kept = sum(WITHIN[sign](cost[name], bound) for cost in self.drawn)
            who = f'{kept} of {NUM_DRAWN} random networks meet it'
        share = _share(bound, self.largest[name])
        return f'{column_of(name).text(bound)} ({share} of the largest): {who}'


def groups(space: AbstractSpace[Any]) -> list[tuple[str, str, str, str]]:
    """A row for each kind of gene: its role, the pattern of its names, how many, their values."""
    kinds: dict[str, list[Gene]] = {}
    for name, gene in space.genes.items():
        kinds.setdefault(re.sub(r'\d+', '*', name), []).append(gene)
    roles = {name: role for role in space.family.roles for name in space.role(role)}
    return [
        (roles.get(genes[0].name, ''), pattern, f'{len(genes):,}', _offer(genes))
        for pattern, genes in kinds.items()
    ]


def _bounds(budget: Budget) -> Iterator[tuple[str, str, float]]:
    for name in budget:
        for sign, bound in (('<=', budget.most(name)), ('>=', budget.least(name))):
            if bound is not None:
                yield name, sign, bound


def _offer(genes: Sequence[Gene]) -> str:
    kinds = dict.fromkeys(gene.values for gene in genes)
    if len(kinds) == 1:
        (values,) = kinds
        if len(values) <= SHOWN_VALUES:
            return ', '.join(map(_text, values))
        return f'{_text(values[0])}, {_text(values[1])} ... {_text(values[-1])}, {len(values)} each'
    # Of one kind, so they compare with each other.
    firsts: list[Any] = [values[0] for values in kinds]
    lasts: list[Any] = [values[-1] for values in kinds]
    counts = sorted({len(values) for values in kinds})
    each = f'{counts[0]}' if len(counts) == 1 else f'{counts[0]} to {counts[-1]}'
    return f'{_text(min(firsts))} ... {_text(max(lasts))}, {each} each'


def _text(value: Value) -> str:
    return {False: 'off', True: 'on'}[value] if isinstance(value, bool) else f'{value}'


def _share(value: float, most: float) -> str:
    return f'{value / most:.1%}' if most else '-'
