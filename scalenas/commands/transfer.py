"""From task to task: ready configs of other tasks around an exported net, weights loaded."""

from __future__ import annotations

import argparse

from scalenas.cli import add_imports


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('weights', help='NAME.pth of tools/export.py, or of a later training')
    parser.add_argument(
        'tasks', nargs='+', metavar='TASK', help='faster_rcnn, pose, ... (a wrong one lists all)'
    )
    parser.add_argument('--arch', help='YAML or zoo name (default: NAME.yaml beside the weights)')
    parser.add_argument('--out', help='folder (default: that of the weights)')
    parser.add_argument('--config', help="take the net into this config, not the task's recipe")
    parser.add_argument('--force', action='store_true', help='overwrite files of other content')
    add_imports(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Read, write, say what and how to go on."""
    from scalenas.export import Source, transfer

    source = Source.from_file(args.weights, args.arch)
    files = transfer(source, args.tasks, args.out, args.config, args.force)
    for path in files:
        print(f'wrote {path}')
    for path in files:
        if path.suffix == '.py':
            print(f'train it: {args.form.format("train")} {path}')
