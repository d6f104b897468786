#!/usr/bin/env python
"""Hold pictures out of training for a search: NAME.json becomes NAME-rest.json, NAME-search.json.

Reads keypoint annotations of COCO, or MPII's mpii_train.json (then also NAME-search.mat: sizes of
heads). Disjoint by picture; the same seed gives the same split.
"""

import argparse
from pathlib import Path

from scalenas.cli import main_of
from scalenas.datasets.split import split_file


def main() -> None:
    """Parse, split, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', type=Path, help='JSON file of the training split')
    parser.add_argument('--search-images', type=int, required=True, help='pictures to hold out')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    found, files = split_file(args.annotations, args.search_images, args.seed)
    print(f'held out for the search: {found.pictures} pictures, {found.people} people')
    if found.dropped:
        print(f'{found.dropped} people of these pictures have no annotated head: in neither part')
    for path in files:
        print(f'wrote {path}')


if __name__ == '__main__':
    main_of(main)
