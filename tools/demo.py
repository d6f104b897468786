#!/usr/bin/env python
"""A whole job on real images, as a chain of commands that a user would give.

segmentation  satellite images: data, teacher, supernet, two searches, export, test (default)
pose          people on video: the same steps, with mmpose
detection     people on video, an unseen camera: a detector from three backbones, three seeds each
trees         trees from the air: the same with two backbones; the hard one
scalenet      digits: two super-supernets, how they rank networks, MCEA, a family of networks
bignas        digits: slices of a single-stage model, nets alone, rules left out, three seeds

Stop it at any time; the same command goes on. Writes below the folder where it is started.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Of the repository, which is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from projects.demo import DEMOS, demo_of
from projects.demo.report import report
from scalenas.cli import main_of
from scalenas.pipeline import run_steps
from scalenas.staging import write_whole


def main() -> None:
    """Run what is not done yet, print the table, draw the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('demo', nargs='?', choices=DEMOS, default=DEMOS[0])
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/demo[_NAME]')
    parser.add_argument('--data', type=Path, help='default: data/ and the name of the data')
    parser.add_argument('--quick', action='store_true', help='few iterations: to see that it runs')
    parser.add_argument('--long', action='store_true', help='scalenet: more of all, three seeds')
    args = parser.parse_args()
    demo = demo_of(args.demo, args.work_dir, args.data, args.quick, args.long)
    seconds = 0.0
    for part in demo.PARTS:
        seconds += run_steps(getattr(demo, part)(), demo.work / 'stamps' / part)
    table, figures = report(demo)
    write_whole(demo.work / 'table.md', table + '\n')
    print(f'\n{table}\n\nfigures: {", ".join(figures)} in {demo.work}')
    print(f'{seconds / 60:.1f} minutes')


if __name__ == '__main__':
    main_of(main)
