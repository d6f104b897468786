"""What a network is and costs: a table per stage, every layer, a drawing, milliseconds.

scalenas info scalenas_s1
scalenas info my_net.yaml --size 512 512 --head none --draw my_net.png
scalenas info configs/scalenas_seg/earth/search_w16_earth-96x96.py --subnet smallest
scalenas info exported/mine.yaml --size 512 512 --measure cuda
scalenas info efficientnet_b0 --max macs=400e6 ms=12 --measure cpu
scalenas info --space CONFIG --max macs=60%

Archs need no torch, but with --measure, which builds the backbone with random weights and times it.
In a config, the network is the first backbone of this package. With --space it is the space that is
shown, of the config of a supernet or by name: what its networks cost, what its genes offer, and
which bounds can be met.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from scalenas import family_of, list_archs
from scalenas.arch import (
    CITYSCAPES,
    Arch,
    Head,
    Size,
    arch_for_head,
    default_head,
    find,
    named,
    parse_head,
)
from scalenas.arch.strict import as_size
from scalenas.cli import (
    add_budget,
    add_columns,
    add_imports,
    budget_of,
    columns_of,
    complete_archs,
    timer_of,
)
from scalenas.complexity import COLUMNS, RULES, Counter, Measured
from scalenas.errors import UserError, did_you_mean
from scalenas.scaling.runtime import base_name
from scalenas.space import named as named_space
from scalenas.visualization import cost_rows, cost_text, draw_arch, layer_text
from scalenas.visualization.cost_table import aligned

if TYPE_CHECKING:
    from scalenas.search import SearchPlan
    from scalenas.space import AbstractSpace

CONFIGS = ('.py', '.json')

ZOO_TEXT = """The networks of the zoo by name, with their costs under the head of their family.

scalenas zoo
scalenas zoo 'hrnet*'
scalenas zoo --family mbconv
"""

ZOO_HEAD = ('name', 'family', 'input', 'head')


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    net = parser.add_argument('net', help='name in the model zoo, path of a YAML file, or a config')
    complete_archs(net)
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help="default: the config's or the network's own; HRNet-style 1024 2048",
    )
    parser.add_argument(
        '--head',
        help='seg:CLASSES, cls:CLASSES, pose:JOINTS, bottomup:JOINTS, faster_rcnn:CLASSES, '
        'mask_rcnn:CLASSES or none; default: that of the config, HRNet-style seg:19, others '
        'cls:1000',
    )
    parser.add_argument('--space', action='store_true', help='the space: of a config, or by name')
    parser.add_argument('--subnet', choices=('largest', 'smallest'), help='of a supernet config')
    parser.add_argument(
        '--rule',
        choices=sorted(RULES),
        default='pycls',
        help='unit of macs: 1 G = 1e9, or with scalenas 1 Gi = 2**30 as in the tables of HRNet',
    )
    parser.add_argument('--layers', action='store_true', help='list every layer')
    parser.add_argument('--draw', metavar='FILE', help='draw the network, e.g. net.png')
    add_budget(parser, 'say whether the network is within them')
    add_columns(parser)
    add_imports(parser)
    return parser


def of_name(args: argparse.Namespace) -> tuple[Arch, Size, Head | None, str]:
    """Arch, input size, head, and the head in words."""
    if args.subnet:
        raise UserError(
            f'{args.net} is an arch', where='--subnet', hint='give the config of a supernet'
        )
    arch, size, head, text = under_head(find(args.net), args.head)
    return arch, args.size or size, head, f'head {text}'


def under_head(arch: Arch, text: str | None = None) -> tuple[Arch, Size, Head | None, str]:
    """An arch as it stands under a head, default that of its family; its input size, the head."""
    text = text or default_head(arch)
    head = parse_head(text)
    arch = arch_for_head(arch, head)
    return arch, arch.size or CITYSCAPES, head, text


def of_config(args: argparse.Namespace) -> tuple[Arch, Size, Head | None, str]:
    """The same of a config."""
    # Only this needs torch and mmengine.
    from scalenas.config import read_config
    from scalenas.evaluation.config_net import config_net

    net = config_net(read_config(args.net, needs=('model',)), args.subnet or 'largest')
    size = args.size or net.size
    if size is None:
        raise UserError('says no input size', where=args.net, hint='give --size H W')
    if net.space is not None:
        which = args.subnet or 'largest'
        print(f'supernet of {net.space.size():.0e} networks; the {which}:')
    elif args.subnet:
        raise UserError(
            f'{args.net} has no supernet, its {net.place} is one network', where='--subnet'
        )
    if args.head:
        return net.arch, size, parse_head(args.head), f'head {args.head}'
    known = f'head {net.head_text}'
    unknown = f'backbone only ({net.head_text}: not counted)'
    return net.arch, size, net.head, known if net.head else unknown


OF_ONE_NET = ('subnet', 'layers', 'draw', 'measure', 'latency_model')


def show_space(args: argparse.Namespace) -> int:
    """Print what a space holds; the exit code is 1 where no network meets a bound."""
    from scalenas.visualization.cost_table import Extent

    for name in OF_ONE_NET:
        if getattr(args, name) not in (None, False):
            option = f'--{name.replace("_", "-")}'
            raise UserError('is for one network', where=f'{option} with --space')
    budget = budget_of(args)
    if args.net.endswith(CONFIGS):
        space, counter, plan = space_of_config(args)
        if plan is not None:
            plan = plan.with_(budget=budget).within(space, counter)
            budget = plan.budget
        extent = Extent.of(space, counter, counter if plan is None else plan.cost(counter))
    else:
        space = named_space(args.net, args.net)
        _, size, head, text = under_head(space.largest(), args.head)
        own = space.largest().size is not None and not args.size
        counter = Counter(None if own else args.size or size, head)
        extent = Extent.of(space, counter)
        print(f'{args.net}, head {text}')
    budget = budget.of(lambda: extent.largest)
    budget.check_columns(extent.largest)
    print('\n'.join(extent.lines(budget)))
    return 0 if extent.allows(budget) else 1


def space_of_config(
    args: argparse.Namespace,
) -> tuple[AbstractSpace[Any], Counter, SearchPlan | None]:
    """The space of a supernet's config, its counter as a search has it, and the search."""
    from scalenas.config import clear_errors, read_config
    from scalenas.evaluation.config_net import config_net
    from scalenas.evaluation.evaluator import build_model, counter_of
    from scalenas.models.supernet import supernet_of
    from scalenas.search import SearchPlan

    cfg = read_config(args.net, needs=('model',))
    net = config_net(cfg)
    if net.space is None:
        raise UserError(
            f'{args.net} has no supernet, its {net.place} is one network', where='--space'
        )
    with clear_errors(cfg):
        model = build_model(cfg)
    size = args.size or net.size
    if supernet_of(model).resizes:
        size = None
    elif size is None:
        raise UserError('says no input size', where=args.net, hint='give --size H W')
    counter = Counter(size, parse_head(args.head)) if args.head else counter_of(model, size)
    at = 'the size of each network' if size is None else f'{size[0]} x {size[1]}'
    print(f'{args.net} at {at}, {"whole model" if args.head is None else f"head {args.head}"}')
    return net.space, counter, SearchPlan.from_dict(cfg.search) if cfg.get('search') else None


def main(args: argparse.Namespace) -> int:
    """Print; draw and time if asked. The exit code is 1 beyond a budget."""
    if args.size:
        args.size = tuple(args.size)
        as_size(args.size, '--size')
    if args.space:
        return show_space(args)
    timer, budget = timer_of(args), budget_of(args)
    arch, size, head, text = (of_config if args.net.endswith(CONFIGS) else of_name)(args)
    rule = RULES[args.rule]
    rows = cost_rows(arch, size, head)
    print(f'{args.net} at {size[0]} x {size[1]}, {text}, rule {rule}')
    if args.layers:
        print(layer_text(arch, size, head), end='\n\n')
    print(cost_text(rows, rule))
    if args.draw:
        draw_arch(arch, args.draw, title=args.net, size=size, head=head, rule=rule)
        print(f'drawn: {args.draw}')
    if timer is not None:
        print(f'backbone alone: {timer.text(timer.spread(arch, size))}')
    columns = columns_of(args, base_name(args.net), budget) if 'ms' in budget else {}
    budget.check_columns((*COLUMNS, *columns))
    cost = Measured(Counter(size, head), columns, size)(arch)
    if budget:
        beyond = budget.violation(cost)
        print(f'budget {budget}: ' + (f'{beyond:.1%} beyond it' if beyond else 'kept'))
    return 0 if budget.allows(cost) else 1


def zoo_parser() -> argparse.ArgumentParser:
    """The command line of `scalenas zoo`."""
    parser = argparse.ArgumentParser(
        description=ZOO_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = parser.add_argument('pattern', nargs='?', default='*', help="'regnet*' (default: all)")
    complete_archs(names)
    parser.add_argument('--family', help='of networks, such as hrnet')
    add_imports(parser)
    return parser


def zoo(args: argparse.Namespace) -> None:
    """Count and print a row a network.

    Raises:
        UserError: for a family or a pattern without networks.
    """
    names = list_archs(args.pattern, family=args.family)
    if not names:
        hint = did_you_mean(args.pattern, list_archs()) or 'without a pattern all are listed'
        raise UserError('the zoo has no such network', where='zoo', got=args.pattern, hint=hint)
    heads = [column.head for column in COLUMNS.values()]
    rows = [(*ZOO_HEAD, *(head for _, head in heads)), *map(_row, names)]
    print(aligned(rows))


def _row(name: str) -> tuple[str, ...]:
    arch, size, head, text = under_head(named(name))
    cost = Counter(size, head)(arch)
    numbers = (f'{cost[name] / column.head[0]:.3f}' for name, column in COLUMNS.items())
    return (name, family_of(arch).name, '{}x{}'.format(*size), text, *numbers)
