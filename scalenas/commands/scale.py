"""Grow a network: by a strategy and a factor, into a budget, or by a published table.

scalenas scale regnetz_500mf fast --max-macs 4e9 --out big.yaml
scalenas scale scalenas_s1 compound --factor 2 --config twice.py
scalenas scale efficientnet_b0 scalenet:s2 --config efficientnet_b0_s2.py
scalenas scale stages/s0.yaml scalings.yaml:s4 --config s4.py --recipe CONFIG_OF_ONE_NETWORK
scalenas scale efficientnet_b0 fast --max ms=20 --measure cpu
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scalenas.arch import (
    CITYSCAPES,
    ROUNDINGS,
    Arch,
    Head,
    Scaling,
    SegHead,
    Size,
    arch_for_head,
    default_head,
    dump,
    find,
    parse_head,
    rounding,
)
from scalenas.cli import add_budget, add_columns, add_imports, budget_of, columns_of, complete_archs
from scalenas.errors import UserError
from scalenas.paths import new_file
from scalenas.scaling import fit_text, grow, scale, scale_table
from scalenas.scaling.runtime import base_name
from scalenas.staging import write_whole


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    complete_archs(parser.add_argument('arch', help='name in the zoo, or path of a YAML file'))
    parser.add_argument(
        'strategy',
        help='depth, width, resolution, compound, fast, alpha=0.6, d1_w8_g8_r1, or a table entry '
        'such as scalenet:s2 or efficientnet:b3',
    )
    parser.add_argument('--factor', type=float, help='growth of the macs, e.g. 2')
    add_budget(parser, 'grow as far as they allow')
    add_columns(parser)
    parser.add_argument(
        '--rounding',
        choices=sorted(ROUNDINGS),
        help="default: the table's own, nearest for HRNet-style networks, else pycls",
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help='HRNet-style: input before scaling (default with a head seg:N: 1024 2048)',
    )
    parser.add_argument(
        '--head', help='cls:N, seg:N, pose:N or none; default: HRNet-style seg:19, others cls:1000'
    )
    parser.add_argument('--out', metavar='FILE', help='write the arch as YAML')
    parser.add_argument(
        '--config',
        metavar='FILE',
        help='write a config that trains it (ImageNet, Cityscapes, COCO pose)',
    )
    parser.add_argument(
        '--recipe', metavar='CONFIG', help='what --config starts from (default: one of the family)'
    )
    parser.add_argument('--force', action='store_true', help='overwrite the file of --out')
    add_imports(parser)
    return parser


def network(args: argparse.Namespace) -> tuple[Arch, Head | None, str, Size | None]:
    """The base as it stands under its head, that head and its text, and the input size."""
    base = find(args.arch)
    text = args.head or default_head(base)
    head = parse_head(text)
    size = tuple(args.size) if args.size else None
    if base.size is None and size is None:
        if not isinstance(head, SegHead):
            raise UserError(
                f'{args.arch} has no input size of its own, and a head {text} implies none',
                where='--size',
                hint='give --size H W',
            )
        size = CITYSCAPES
    return arch_for_head(base, head), head, text, size


def main(args: argparse.Namespace) -> None:
    """Grow, print the table, write the arch if asked."""
    for option in ('out', 'config'):
        path = getattr(args, option)
        if path:
            new_file(path, force=args.force and option == 'out')
    if args.out and args.config and Path(args.out).resolve() == Path(args.config).resolve():
        raise UserError(
            where='--out and --config', got=str(args.out), allowed='two different files'
        )
    base, head, text, size = network(args)
    if args.recipe and not args.config:
        raise UserError('needs --config', where='--recipe')
    if args.config and not args.recipe and text not in ('cls:1000', 'seg:19', 'pose:17'):
        raise UserError(
            'of this head there is no recipe',
            where='--head with --config',
            got=text,
            allowed=('cls:1000', 'seg:19', 'pose:17'),
        )
    budget = budget_of(args)
    rule = rounding(args.rounding) if args.rounding else None
    columns = columns_of(args, base_name(args.arch), budget)
    grown, fit = grow(base, args.strategy, args.factor, budget, rule, head, size, columns)
    print(f'{args.arch}, {args.strategy}, rounding {grown.rounding}, head {text}')
    print(scale_table(scale(base, Scaling(), grown.rounding, size), grown, head))
    if fit is not None:
        print(fit_text(fit, columns))
    # First what can still be refused: nothing is left behind then.
    if args.config:
        from scalenas.export.recipe import write_recipe

        task, about = text.partition(':')[0], f'{args.arch}, {args.strategy}'
        factor = grown.reached.resolution
        write_recipe(args.config, grown.arch, task, about, factor, args.recipe)
        print(f'wrote {args.config}')
    if args.out:
        write_whole(args.out, dump(grown.arch))
        print(f'wrote {args.out}')
