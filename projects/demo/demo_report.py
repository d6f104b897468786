"""What a demo ends with: a table of the exported nets, and figures of all that was made."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scalenas.arch import HRArch, from_file, of_family
from scalenas.complexity import Cost
from scalenas.visualization.draw_arch import draw_arch
from scalenas.visualization.draw_predictions import draw_predictions
from scalenas.visualization.draw_search import draw_front


def read_card(path: Path) -> dict[str, Any]:
    """The card that tools/export.py writes beside a net."""
    card: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    return card


def demo_table(
    cards: Sequence[Mapping[str, Any]],
    stock: Sequence[Mapping[str, float]],
    metric: str,
    scale: float = 1.0,
    also: Sequence[str] = (),
) -> str:
    """Markdown: what each net costs, and its score in the supernet, exported, and by stock tools.

    The scores are `scale` times the metric's value, of the reported split; `search` is of the split
    that the search saw, empty for a net that was not searched; `also` are metrics of which only the
    stock tool's value is shown.
    """
    names = (f'{metric} search', 'in the supernet', 'exported', 'stock test', *also)
    lines = [f'| net | params | macs | {" | ".join(names)} |', '|---' * (3 + len(names)) + '|']
    for card, tested in zip(cards, stock, strict=True):
        cost, scores = card['cost'], card['metrics']
        seen = f'{scale * scores["search"][metric]:.2f}' if scores['search'] else ''
        more = ''.join(f' {scale * tested[name]:.2f} |' for name in also)
        lines.append(
            f'| {card["name"]} | {cost["params"] / 1e6:.3f} M | {cost["macs"] / 1e6:.1f} M '
            f'| {seen} | {scale * scores["test"][metric]:.4f} '
            f'| {scale * scores["exported"][metric]:.4f} | {scale * tested[metric]:.2f} |{more}'
        )
    return '\n'.join(lines)


def against_uniform(
    searched: Mapping[str, float],
    uniform: float,
    macs: tuple[float, float],
    metric: str,
    scale: float = 1.0,
) -> str:
    """Whether the searched nets beat the uniform one, and what that is worth.

    searched: net -> the metric's value on the reported split, the best net of the search first;
    macs: of that net, and of the uniform one, which are no fewer.
    """
    apart = {name: scale * (value - uniform) for name, value in searched.items()}
    first = next(iter(apart))
    word = 'beats' if apart[first] > 0 else 'does not beat'
    each = ', '.join(f'`{name}` {points:+.2f}' for name, points in apart.items())
    return (
        f'The searched net `{first}` {word} the uniform HRNet of {macs[1] / macs[0] - 1:.0%} more '
        f'multiply-adds that was trained alone, like the teacher ({metric} of the test split: '
        f'{each}). That is one seed of each; another one may turn it round.'
    )


def ends_line(
    teacher: Mapping[str, float],
    supernet: Mapping[str, float],
    largest: Mapping[str, float],
    metric: str,
    scale: float = 1.0,
) -> str:
    """What the nets of the table are compared with, which the search did not choose.

    teacher, supernet: net ('smallest', 'largest') -> the metric's value on the reported split, at
    the end of each training; largest: costs of the largest net, which is the teacher.
    """
    return (
        f'Not searched, {metric} of the test split: the teacher, which is the largest net trained '
        f'alone ({largest["params"] / 1e6:.3f} M params, {largest["macs"] / 1e6:.1f} M macs): '
        f'{scale * teacher["largest"]:.2f}; inside the supernet the largest net: '
        f'{scale * supernet["largest"]:.2f}, the smallest: {scale * supernet["smallest"]:.2f}.'
    )


def finetune_table(
    scores: Mapping[str, Sequence[Mapping[str, float]]],
    seeds: Sequence[int],
    costs: Mapping[str, Cost],
) -> str:
    """Markdown: box AP (in percent) of every start of a detector, of each seed and on average.

    The spread is the standard deviation over the seeds (with n - 1); the costs are of the whole
    detectors.
    """
    each = ' | '.join(f'AP, seed {seed}' for seed in seeds)
    names = f'backbone | params | macs | {each} | AP | AP at IoU .5'
    lines = [f'| {names} |', '|---' * (5 + len(seeds)) + '|']
    for start, runs in scores.items():
        cost = costs[start]
        of_it = f'{cost["params"] / 1e6:.3f} M | {cost["macs"] / 1e6:.1f} M'
        cells = [f'{100 * run["coco/bbox_mAP"]:.1f}' for run in runs]
        for name in ('coco/bbox_mAP', 'coco/bbox_mAP_50'):
            values = [100 * run[name] for run in runs]
            cells.append(f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}')
        lines.append(f'| {start} | {of_it} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def starts_apart(scores: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """How the first start of a detector does against each other one, seed by seed."""
    runs = {start: [100 * run['coco/bbox_mAP'] for run in rows] for start, rows in scores.items()}
    first, *others = runs
    parts = []
    for other in others:
        apart = [one - two for one, two in zip(runs[first], runs[other], strict=True)]
        wins = sum(points > 0 for points in apart)
        parts.append(
            f'{statistics.mean(apart):+.1f} ± {statistics.stdev(apart):.1f} AP against {other} '
            f'(ahead with {wins} of {len(apart)} seeds)'
        )
    return f'The {first} backbone: {", ".join(parts)}. One backbone of each kind was trained.'


def points(table: Path, metric: str) -> list[tuple[float, float]]:
    """(macs, score) of every network in an all.csv of tools/search.py."""
    with table.open(encoding='utf-8', newline='') as rows:
        return [(float(row['macs']), float(row[metric])) for row in csv.DictReader(rows)]


def draw_demo(
    out: Path,
    search: Path,
    random: Path,
    cards: Sequence[Mapping[str, Any]],
    arch: Path,
    metric: str,
) -> None:
    """front.png with both searches and the exported nets, and net.png with the best of them."""
    chosen = [
        (float(card['cost']['macs']), card['metrics']['search'][metric], card['name'])
        for card in cards
    ]
    draw_front(
        out / 'front.png',
        points(search / 'all.csv', metric),
        points(random / 'all.csv', metric),
        chosen=chosen,
        metric=f'{metric} (search split)',
    )
    best = max(cards, key=lambda card: card['metrics']['search'][metric])
    draw_arch(of_family(from_file(arch), HRArch, str(arch)), out / 'net.png', best['name'])


def draw_segmentation(
    out: Path, data: Path, predicted: Path, classes: Sequence[str], palette: Any, count: int = 6
) -> None:
    """Some images of the reported split, evenly spread: image, truth and prediction."""
    import numpy as np
    from PIL import Image

    names = sorted(path.stem for path in (data / 'images/validation').glob('*.png'))
    names = names[:: max(1, len(names) // count)][:count]
    rows = [
        (
            np.asarray(Image.open(data / f'images/validation/{name}.png')),
            np.asarray(Image.open(data / f'annotations/validation/{name}.png')),
            np.asarray(Image.open(predicted / f'{name}.png')),
        )
        for name in names
    ]
    draw_predictions(rows, palette, classes, out / 'predictions.png')
