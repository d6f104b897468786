"""What a network is and costs: a table per stage, every layer, a drawing. Needs no torch.

python tools/info.py scalenas_s1
python tools/info.py my_net.yaml --size 512 512 --head none --draw my_net.png
"""

from __future__ import annotations

import argparse

from scalenas.arch import find, parse_head
from scalenas.cli import main_of
from scalenas.complexity import RULES
from scalenas.errors import UserError
from scalenas.visualization import cost_rows, cost_text, draw_arch, layer_text


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Cost and drawing of an architecture.')
    parser.add_argument('arch', help='name in the model zoo, or path of a YAML file')
    parser.add_argument('--size', nargs=2, type=int, default=(1024, 2048), metavar=('H', 'W'))
    kinds = 'seg:CLASSES, pose:JOINTS, faster_rcnn:CLASSES, mask_rcnn:CLASSES or none'
    parser.add_argument('--head', default='seg:19', help=kinds)
    parser.add_argument('--rule', default='scalenas', choices=sorted(RULES), help='unit of macs')
    parser.add_argument('--layers', action='store_true', help='list every layer')
    parser.add_argument('--draw', metavar='FILE', help='draw the network, e.g. net.png')
    return parser.parse_args()


def main() -> None:
    """Print, and draw if asked."""
    args = parse_args()
    if min(args.size) < 1:
        raise UserError(f'--size: expected two numbers >= 1, got {args.size[0]} {args.size[1]}')
    arch, head, size = find(args.arch), parse_head(args.head), tuple(args.size)
    rows = cost_rows(arch, size, head)
    print(f'{args.arch} at {size[0]} x {size[1]}, head {args.head}, rule {args.rule}')
    if args.layers:
        print(layer_text(arch, size, head), end='\n\n')
    print(cost_text(rows, RULES[args.rule]))
    if args.draw:
        draw_arch(arch, args.draw, title=args.arch, size=size, head=head, rule=RULES[args.rule])
        print(f'drawn: {args.draw}')


if __name__ == '__main__':
    main_of(main)
