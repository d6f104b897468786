"""What the demo of single-stage models ends with: a file of all scores, a table, curves."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scalenas.visualization.figure import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    DrawError,
    canvas,
    nothing_to_draw,
)

COLOURS = (BLUE, VERMILION, ORANGE, GREEN, BLACK)

Curve = Mapping[str, float]
"""Iteration (as text, for JSON) -> score."""
Scores = Mapping[str, Mapping[str, Mapping[str, Curve]]]
"""Kind of run -> seed -> net -> curve."""


def read_curves(folder: Path, metric: str, steps: Sequence[int]) -> dict[str, dict[str, float]]:
    """Net -> curve of `metric`, as mmengine logged them in a work dir; of a step the newest.

    Raises:
        DrawError: when a step was not validated.
    """
    curves: dict[str, dict[str, float]] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            row = json.loads(line)
            if row.get('step') not in steps:
                continue
            for key, value in row.items():
                net, _, name = key.partition('/')
                if name == metric:
                    curves.setdefault(net, {})[str(row['step'])] = value
    wanted = [str(step) for step in steps]
    if not curves or any(sorted(curve, key=int) != wanted for curve in curves.values()):
        hint = 'remove the folder and run again'
        raise DrawError('validations are missing', where=folder, allowed=wanted, hint=hint)
    return {net: {step: curve[step] for step in wanted} for net, curve in curves.items()}


def single_stage_table(results: Mapping[str, Any]) -> str:
    """Markdown: what every net scores at the end; mean and standard deviation (n - 1) over seeds.

    `results` has `macs` (net -> MACs), `alone` (net -> kind of run) and `scores`.
    """
    scores: Scores = results['scores']
    nets, alone = results['macs'], results['alone']
    head = ' | '.join(f'{net} ({macs / 1e6:.2f} M)' for net, macs in nets.items())
    lines = [f'| trained | {head} |', '|---' * (1 + len(nets)) + '|']
    rows = {kind: dict.fromkeys(nets, kind) for kind in scores if kind not in alone.values()}
    first, *rest = rows
    for kind in (first, 'each net alone', *rest):
        cells = [_cell(scores[rows.get(kind, alone)[net]], net) for net in nets]
        lines.append(f'| {kind} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _cell(seeds: Mapping[str, Mapping[str, Curve]], net: str) -> str:
    ends = [list(nets[net].values())[-1] for nets in seeds.values()]
    return f'{statistics.mean(ends):.1f} ± {statistics.stdev(ends):.1f}'


def draw_curves(
    path: str | Path, scores: Scores, panels: Mapping[str, Sequence[str]], nets: Sequence[str]
) -> None:
    """Score over iterations: a row of panels for each rule, a column for each net.

    Lines are means over seeds, bands reach from the lowest to the highest seed. `panels` is title
    -> kinds of runs.

    Source: BigNAS (Yu et al. 2020), figures 4 to 7.

    Raises:
        DrawError: when there is nothing to draw.
    """
    if not panels or not nets:
        raise nothing_to_draw(path, 'curves')
    with canvas(path, 4.8 * len(nets), 3.3 * len(panels)) as figure:
        grid = figure.subplots(len(panels), len(nets), squeeze=False)
        for row, (title, kinds) in zip(grid, panels.items(), strict=True):
            for axes, net in zip(row, nets, strict=True):
                for kind, colour in zip(kinds, COLOURS, strict=False):
                    _curve(axes, [seed[net] for seed in scores[kind].values()], colour, kind)
                axes.set_title(f'{title}: {net} net', loc='left', fontsize=12)
                axes.grid(color='#E4E4E4', linewidth=0.8)
            row[0].set_ylabel('top-1 (%)')
            row[-1].legend(fontsize=9, loc='lower right')
        for axes in grid[-1]:
            axes.set_xlabel('iteration')


def _curve(axes: Any, curves: Sequence[Curve], colour: str, label: str) -> None:
    steps = [int(step) for step in curves[0]]
    values = list(zip(*(curve.values() for curve in curves), strict=True))
    axes.plot(steps, [statistics.mean(v) for v in values], color=colour, marker='.', label=label)
    lows, highs = [min(v) for v in values], [max(v) for v in values]
    axes.fill_between(steps, lows, highs, color=colour, alpha=0.15, linewidth=0)
