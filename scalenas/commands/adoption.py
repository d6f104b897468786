"""From the model that one has to a search, and from an exported net back into one's own config."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalenas.cli import add_budget, add_cfg_options, budget_of

INIT = """Write a folder of configs that search networks for a stock config of a task package.

scalenas init mine.py --out nas
scalenas init mine.py mine.pth --out nas     mine.pth, trained, is the teacher and the start
scalenas run nas
"""
RUN = """Train, search, export and test as the configs of a folder of `scalenas init` say.

Interrupted at any point, the same command goes on with the step that was not finished.
"""
ADOPT = """Write a stock config with an exported net in it: necks and heads follow.

scalenas adopt nas/exported/best.pth mine.py
"""


def _parser(text: str) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=text, formatter_class=form)


def init_parser() -> argparse.ArgumentParser:
    """The command line of `init`."""
    parser = _parser(INIT)
    parser.add_argument('config', help='a path, or PACKAGE::FOLDER/NAME.py')
    parser.add_argument('checkpoint', nargs='?', type=Path, help='of its model, trained')
    parser.add_argument('--out', type=Path, default=Path('nas'), help='folder (default: nas)')
    parser.add_argument(
        '--pretrained', type=Path, help='weights of the backbone, which the teacher starts from'
    )
    parser.add_argument(
        '--width', type=int, help='of an HRNet in place of a backbone that no family knows'
    )
    parser.add_argument('--iters', type=int, help="of a training (default: the config's)")
    parser.add_argument(
        '--data', type=Path, help="your own, in place of the config's: see the docs"
    )
    parser.add_argument('--classes', nargs='+', default=[], help='their names, with --data')
    for name, text, default in (
        ('--candidates', 'networks to evaluate (default: 72)', 72),
        ('--search-images', 'to hold out of training (default: a fifth, at most 500)', None),
        ('--seed', 'of the split and the search (default: 0)', 0),
    ):
        parser.add_argument(name, type=int, help=text, default=default)
    add_budget(parser, 'what a searched model may cost')
    add_cfg_options(parser, {})
    return parser


def init(args: argparse.Namespace) -> None:
    """Write the folder; says what was seen."""
    from scalenas.adoption import Options
    from scalenas.adoption import init as write

    names = (
        *('data', 'classes', 'out', 'checkpoint', 'pretrained', 'width', 'iters'),
        *('candidates', 'search_images', 'seed'),
    )
    options = {name: getattr(args, name) for name in names}
    settings = args.cfg_options
    for line in write(args.config, Options(**options, settings=settings, budget=budget_of(args))):
        print(line)


def run_parser() -> argparse.ArgumentParser:
    """The command line of `run`."""
    parser = _parser(RUN)
    parser.add_argument('folder', help='that `scalenas init` wrote')
    return parser


def run(args: argparse.Namespace) -> None:
    """Do what is not done yet; shows the table."""
    from scalenas.adoption import run as do

    print(do(args.folder), end='')


def adopt_parser() -> argparse.ArgumentParser:
    """The command line of `adopt`."""
    parser = _parser(ADOPT)
    parser.add_argument('weights', type=Path, help='NAME.pth of an export')
    parser.add_argument('config', help='a path, or PACKAGE::FOLDER/NAME.py')
    parser.add_argument('--out', type=Path, help='file (default: NAME_CONFIG.py next to the net)')
    parser.add_argument('--arch', help='YAML file or name of the zoo (default: NAME.yaml)')
    parser.add_argument('--force', action='store_true', help='overwrite')
    return parser


def adopt(args: argparse.Namespace) -> None:
    """Write the config; says what it changes."""
    from scalenas.adoption import adopt as write

    print('\n'.join(write(args.weights, args.config, args.out, args.force, args.arch)))
