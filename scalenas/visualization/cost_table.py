"""Where a network's cost goes: one row per part (stem, stage, module), and the total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scalenas.arch import Arch, Head, Layer, Section, Size, Unit, layers, section_of
from scalenas.complexity import COLUMNS, PYCLS, Cost, Rule, column_of, count, layer_cost


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
    return _aligned([tuple(shown), *body], ruled=True)


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
    return _aligned(lines)


def _aligned(lines: Sequence[tuple[str, ...]], ruled: bool = False) -> str:
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
