#!/usr/bin/env python
"""Hold images out of training for a search: NAME.json becomes NAME-rest.json, NAME-search.json.

Reads annotations of COCO, of boxes or keypoints, or MPII's mpii_train.json (then also
NAME-search.mat: sizes of heads). Disjoint by image; the same seed gives the same split.
--renumber alone writes NAME-renumbered.json, whose annotations are numbered from 1.
"""

import argparse
from pathlib import Path

from scalenas.cli import main_of
from scalenas.datasets.split import renumber_file, split_file


def main() -> None:
    """Parse, split, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', type=Path, help='JSON file of the training split')
    parser.add_argument('--search-images', type=int, help='images to hold out')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--renumber', action='store_true', help="new ids for COCO's annotations")
    args = parser.parse_args()
    if args.search_images is None:
        if not args.renumber:
            parser.error('--search-images or --renumber is needed')
        print(f'wrote {renumber_file(args.annotations)}')
        return
    split, files = split_file(args.annotations, args.search_images, args.seed, args.renumber)
    print(f'held out for the search: {split.images} images, {split.people} {split.kind}')
    if split.dropped:
        print(f'{split.dropped} people of these images have no annotated head: in neither part')
    for path in files:
        print(f'wrote {path}')


if __name__ == '__main__':
    main_of(main)
