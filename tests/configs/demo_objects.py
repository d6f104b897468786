"""Small images with keypoints and boxes, in the layout of our demo data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from projects.demo_data import people, trees
from projects.demo_data.coco import CocoSplit, write_splits
from projects.demo_data.people import Person

SIDE = 64
COUNTS = {'train': 6, 'search': 2, 'test': 2}


def noise(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def make_demo_people(folder: Path) -> None:
    """People as tools/get_demo_data.py writes them: one in each image, all joints seen."""
    counts = COUNTS | {f'{name}_cam4': count for name, count in COUNTS.items()}
    splits = {name: CocoSplit(people.CATEGORY, {}) for name in counts}
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        for n in range(count):
            noise(folder / f'images/{name}{n}.jpg', n)
            image = splits[name].add_image(f'{name}{n}.jpg', (SIDE, SIDE))
            points = np.hstack([rng.integers(8, SIDE - 8, (17, 2)), np.ones((17, 1))])
            person = Person(points, (4.0, 4.0, SIDE - 4.0, SIDE - 4.0))
            people.annotate(splits[name], image, person, (SIDE, SIDE), crowd=False)
    write_splits(folder, 'person_keypoints', splits)


def make_demo_trees(folder: Path) -> None:
    """Trees as tools/get_demo_data.py writes them: two in each image."""
    splits = {name: CocoSplit(trees.CATEGORY, {}) for name in COUNTS}
    for name, count in COUNTS.items():
        for n in range(count):
            noise(folder / f'images/{name}{n}.png', n)
            image = splits[name].add_image(f'{name}{n}.png', (SIDE, SIDE))
            for x in (5.0, 30.0):
                splits[name].add(image, (x, x, x + 20, x + 20), 400.0)
    write_splits(folder, 'instances', splits)
