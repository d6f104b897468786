"""Where a network's cost goes: one row per stem, transition and module, and the total."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from scalenas.arch import Head, HRArch, Size
from scalenas.complexity import PYCLS, Cost, Rule, count, layer_cost


@dataclass(frozen=True, slots=True)
class CostRow:
    """A part of a network: its name in the module tree, residual blocks, fusions and cost."""

    name: str
    blocks: int
    fusions: int
    cost: Cost


def cost_rows(arch: HRArch, size: Size, head: Head | None = None) -> list[CostRow]:
    """The parts of a network in order; their costs sum to that of the whole."""
    rows = []
    for part, units in itertools.groupby(arch.units(size), lambda unit: _part(unit[0])):
        members = [unit for _, unit in units]
        cost = sum((count(unit.layers()) for unit in members), Cost())
        rows.append(CostRow(part, *_blocks_and_fusions(arch, part), cost))
    if head is not None:
        rows.append(CostRow('head', 0, 0, count(head.layers(arch.features(size)))))
    return rows


def _part(name: str) -> str:
    first, *rest = name.split('.')
    return f'{first}.{rest[0]}' if first.startswith('stage') else first or 'stem'


def _blocks_and_fusions(arch: HRArch, part: str) -> tuple[int, int]:
    if part == 'layer1':
        return arch.stage1_blocks, 0
    if not part.startswith('stage'):
        return 0, 0
    stage, module = (int(n) for n in part.removeprefix('stage').split('.'))
    found = arch.stages[stage - 2].modules[module]
    return found.num_blocks, found.num_fusions


def cost_text(rows: list[CostRow], rule: Rule = PYCLS) -> str:
    """The rows as an aligned table with a total; macs in the rule's unit, shares of all macs."""
    total = sum((row.cost for row in rows), Cost())
    unit = 'G macs' if rule.giga == 10**9 else 'Gi macs'
    lines = [('part', 'blocks', 'fusions', 'M params', unit, 'M acts', 'share')]
    everything = CostRow(
        'total', sum(row.blocks for row in rows), sum(row.fusions for row in rows), total
    )
    for row in (*rows, everything):
        share = row.cost.macs / total.macs if total.macs else 0.0
        lines.append(
            (
                row.name,
                str(row.blocks or ''),
                str(row.fusions or ''),
                f'{row.cost.params / 1e6:.3f}',
                f'{row.cost.gmacs(rule):.3f}',
                f'{row.cost.acts / 1e6:.3f}',
                f'{100 * share:.1f}%',
            )
        )
    return _aligned(lines, ruled=True)


def layer_text(arch: HRArch, size: Size, head: Head | None = None) -> str:
    """Every layer of the plan: shapes, params, macs and outputs as exact numbers."""
    plan = [*arch.layers(size), *(head.layers(arch.features(size)) if head else ())]
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
