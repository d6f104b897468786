"""Where a network's cost goes: one row per part (stem, stage, module), and the total."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from scalenas.arch import Arch, Head, HRArch, MBConvArch, Size, layers
from scalenas.complexity import PYCLS, Cost, Rule, count, layer_cost


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
    rows = []
    for part, named in itertools.groupby(arch.units(size), lambda unit: _part(arch, unit[0])):
        units = [unit for _, unit in named]
        cost = sum((count(unit.layers()) for unit in units), Cost())
        if isinstance(arch, HRArch):
            rows.append(CostRow(part, *_blocks_and_fusions(arch, part), cost))
        else:
            last = units[-1].layers()[-1]
            height, width = last.size_out
            blocks = len(units) if part.startswith('stage') else 0
            rows.append(CostRow(part, blocks, 0, cost, f'{last.c_out} x {height}x{width}'))
    if head is not None:
        rows.append(CostRow('head', 0, 0, count(head.layers(arch.features(size)))))
    return rows


def _part(arch: Arch, name: str) -> str:
    first, *rest = name.split('.')
    if isinstance(arch, HRArch):
        return f'{first}.{rest[0]}' if first.startswith('stage') else first or 'stem'
    if isinstance(arch, MBConvArch):
        index = int(rest[0])
        last = 'conv_out' if index > len(arch.stages) else f'stage{index}'
        return last if index else 'stem'
    return {'stem': 'stem', 'final_conv': 'conv_out'}.get(first, f'stage{first[1:]}')


def _blocks_and_fusions(arch: HRArch, part: str) -> tuple[int, int]:
    if part == 'layer1':
        return arch.stage1_blocks, 0
    if not part.startswith('stage'):
        return 0, 0
    stage, module = (int(n) for n in part.removeprefix('stage').split('.'))
    found = arch.stages[stage - 2].modules[module]
    return found.num_blocks, found.num_fusions


def cost_text(rows: list[CostRow], rule: Rule = PYCLS) -> str:
    """The rows as an aligned table with a total; macs in the rule's unit, shares of all macs.

    Below one unit in all, macs are in thousandths of it. Fusions and output maps have a column
    where a part has them.
    """
    total = sum((row.cost for row in rows), Cost())
    binary = rule.giga == 2**30
    thousandths = total.gmacs(rule) < 1
    times = (1024 if binary else 1000) if thousandths else 1
    unit = f'{"M" if thousandths else "G"}{"i" if binary else ""} macs'
    columns = {
        'part': [row.name for row in rows],
        'output': [row.output for row in rows],
        'blocks': [str(row.blocks or '') for row in rows],
        'fusions': [str(row.fusions or '') for row in rows],
        'M params': [f'{row.cost.params / 1e6:.3f}' for row in rows],
        unit: [f'{row.cost.gmacs(rule) * times:.3f}' for row in rows],
        'M acts': [f'{row.cost.acts / 1e6:.3f}' for row in rows],
        'share': [f'{100 * row.cost.macs / total.macs if total.macs else 0:.1f}%' for row in rows],
    }
    sums = {
        'part': 'total',
        'output': '',
        'blocks': str(sum(row.blocks for row in rows)),
        'fusions': str(sum(row.fusions for row in rows)),
        'M params': f'{total.params / 1e6:.3f}',
        unit: f'{total.gmacs(rule) * times:.3f}',
        'M acts': f'{total.acts / 1e6:.3f}',
        'share': '100.0%' if total.macs else '0.0%',
    }
    shown = [name for name in columns if name not in ('output', 'fusions') or any(columns[name])]
    body = zip(*(columns[name] for name in shown), strict=True)
    return _aligned([tuple(shown), *body, tuple(sums[name] for name in shown)], ruled=True)


def layer_text(arch: Arch, size: Size, head: Head | None = None) -> str:
    """Every layer of the plan: shapes, params, macs and outputs as exact numbers."""
    plan = [*layers(arch, size), *(head.layers(arch.features(size)) if head else ())]
    lines = [('layer', 'kernel', 'channels', 'output', 'params', 'macs', 'acts')]
    for layer in plan:
        cost, (height, width) = layer_cost(layer), layer.size_out
        lines.append(
            (
                layer.name,
                f'{layer.kernel}x{layer.kernel}/{layer.stride}',
                f'{layer.c_in} -> {layer.c_out}',
                f'{height}x{width}',
                f'{cost.params}',
                f'{cost.macs}',
                f'{cost.acts}',
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
