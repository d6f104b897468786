#!/usr/bin/env python
"""From task to task: ready configs of other tasks around an exported net, weights loaded."""

from __future__ import annotations

import argparse

from scalenas.cli import add_imports, main_of
from scalenas.export import Source, recipes, transfer


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('weights', help='NAME.pth of tools/export.py, or of a later training')
    parser.add_argument('tasks', nargs='+', metavar='TASK', help=', '.join(recipes()))
    parser.add_argument('--arch', help='YAML or zoo name (default: NAME.yaml beside the weights)')
    parser.add_argument('--out', help='folder (default: that of the weights)')
    parser.add_argument('--config', help="take the net into this config, not the task's recipe")
    parser.add_argument('--force', action='store_true', help='overwrite files of other content')
    add_imports(parser)
    return parser.parse_args()


def main() -> None:
    """Read, write, say what and how to go on."""
    args = parse_args()
    source = Source.from_file(args.weights, args.arch)
    files = transfer(source, args.tasks, args.out, args.config, args.force)
    for path in files:
        print(f'wrote {path}')
    for path in files:
        if path.suffix == '.py':
            print(f'train it: python tools/train.py {path}')


if __name__ == '__main__':
    main_of(main)
