"""The networks of the zoo by name, with their costs under the head of their family.

scalenas zoo
scalenas zoo 'hrnet*'
scalenas zoo --family mbconv
"""

from __future__ import annotations

import argparse

from scalenas import family_of, list_archs
from scalenas.arch import named
from scalenas.cli import add_imports
from scalenas.complexity import Counter
from scalenas.errors import UserError, did_you_mean

from .info import under_head

HEAD = ('name', 'family', 'input', 'head', 'G macs', 'M params', 'M acts')


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('pattern', nargs='?', default='*', help="such as 'regnet*' (default: all)")
    parser.add_argument('--family', help='of networks, such as hrnet')
    add_imports(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Count and print a row a network.

    Raises:
        UserError: for a family or a pattern without networks.
    """
    names = list_archs(args.pattern, family=args.family)
    if not names:
        hint = did_you_mean(args.pattern, list_archs()) or 'without a pattern all are listed'
        raise UserError('the zoo has no such network', where='zoo', got=args.pattern, hint=hint)
    rows = [HEAD, *map(_row, names)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for name, family, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[2:], strict=True)]
        print('  '.join([name.ljust(widths[0]), family.ljust(widths[1]), *cells]))


def _row(name: str) -> tuple[str, ...]:
    arch, size, head, text = under_head(named(name))
    cost = Counter(size, head)(arch)
    numbers = (f'{cost["macs"] / 1e9:.3f}', *(f'{cost[n] / 1e6:.3f}' for n in ('params', 'acts')))
    return (name, family_of(arch).name, '{}x{}'.format(*size), text, *numbers)
