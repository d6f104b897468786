#!/usr/bin/env python
"""The main job on real satellite pictures: data, teacher, supernet, two searches, export, test.

Every step is a command as a user would give it, of this package or of mmsegmentation. Stop it at
any time; the same command goes on. Writes below the folder where it is started.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scalenas.cli import main_of
from scalenas.demo import EarthDemo
from scalenas.pipeline import run_steps
from scalenas.visualization.demo_report import (
    demo_table,
    draw_demo,
    draw_segmentation,
    read_card,
    stock_metrics,
)


def main() -> None:
    """Run what is not done yet, print the table, draw the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/demo')
    parser.add_argument('--data', type=Path, default=Path('data/earth'))
    parser.add_argument('--quick', action='store_true', help='few iterations: to see that it runs')
    args = parser.parse_args()
    work = args.work_dir or Path('work_dirs/demo_quick' if args.quick else 'work_dirs/demo')
    demo = EarthDemo(work, args.data, args.quick)
    seconds = 0.0
    for part in ('train', 'search', 'export'):
        seconds += run_steps(getattr(demo, part)(), work / 'stamps' / part)
    cards = [read_card(demo.exported / f'{name}.json') for name in demo.NETS]
    stock = [stock_metrics(work / f'test_{name}') for name in demo.NETS]
    table = demo_table(cards, stock, 'mIoU')
    meta = json.loads((args.data / 'meta.json').read_text(encoding='utf-8'))
    draw_demo(
        work,
        demo.found,
        demo.random,
        cards,
        demo.exported / f'{demo.NETS[0]}.yaml',
        'mIoU',
    )
    predicted = work / f'test_{demo.NETS[0]}/predictions'
    draw_segmentation(work, args.data, predicted, meta['classes'], meta['palette'])
    (work / 'table.md').write_text(table + '\n', encoding='utf-8')
    print(f'\n{table}\n\npictures: front.png, net.png, predictions.png in {work}')
    print(f'{seconds / 60:.1f} minutes')


if __name__ == '__main__':
    main_of(main)
