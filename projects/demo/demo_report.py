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
    that the search saw; `also` are metrics of which only the stock tool's value is shown.
    """
    names = (f'{metric} search', 'in the supernet', 'exported', 'stock test', *also)
    lines = [f'| net | params | macs | {" | ".join(names)} |', '|---' * (3 + len(names)) + '|']
    for card, tested in zip(cards, stock, strict=True):
        cost, scores = card['cost'], card['metrics']
        more = ''.join(f' {scale * tested[name]:.2f} |' for name in also)
        lines.append(
            f'| {card["name"]} | {cost["params"] / 1e6:.3f} M | {cost["macs"] / 1e6:.1f} M '
            f'| {scale * scores["search"][metric]:.2f} | {scale * scores["test"][metric]:.4f} '
            f'| {scale * scores["exported"][metric]:.4f} | {scale * tested[metric]:.2f} |{more}'
        )
    return '\n'.join(lines)


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
    scores: Mapping[str, Sequence[Mapping[str, float]]], seeds: Sequence[int], cost: Cost
) -> str:
    """Markdown: box AP (in percent) of every start of a detector, of each seed and on average.

    The spread is the standard deviation over the seeds (with n - 1); the cost is of the whole
    detector, whatever it starts from.
    """
    each = ' | '.join(f'AP, seed {seed}' for seed in seeds)
    names = f'backbone weights | params | macs | {each} | AP | AP at IoU .5'
    lines = [f'| {names} |', '|---' * (5 + len(seeds)) + '|']
    costs = f'{cost["params"] / 1e6:.3f} M | {cost["macs"] / 1e6:.1f} M'
    for start, runs in scores.items():
        cells = [f'{100 * run["coco/bbox_mAP"]:.1f}' for run in runs]
        for name in ('coco/bbox_mAP', 'coco/bbox_mAP_50'):
            values = [100 * run[name] for run in runs]
            cells.append(f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}')
        lines.append(f'| {start} | {costs} | {" | ".join(cells)} |')
    return '\n'.join(lines)


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
