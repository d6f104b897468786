"""Small pictures with boxes and keypoints, in the layouts of COCO and of our demo data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from scalenas.datasets import people, trees
from scalenas.datasets.coco import CocoSplit, write_splits
from scalenas.datasets.people import Person

SIDE = 64
COUNTS = {'train': 6, 'search': 2, 'test': 2}


def noise(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def make_demo_people(folder: Path) -> None:
    """People as tools/get_demo_data.py writes them: one in each picture, all joints seen."""
    splits = {name: CocoSplit(people.CATEGORY, {}) for name in COUNTS}
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        for n in range(count):
            noise(folder / f'images/{name}{n}.jpg', n)
            image = splits[name].add_image(f'{name}{n}.jpg', (SIDE, SIDE))
            points = np.hstack([rng.integers(8, SIDE - 8, (17, 2)), np.ones((17, 1))])
            person = Person(points, (4.0, 4.0, SIDE - 4.0, SIDE - 4.0))
            people.annotate(splits[name], image, person, (SIDE, SIDE), crowd=False)
    write_splits(folder, 'person_keypoints', splits)


def make_demo_trees(folder: Path) -> None:
    """Trees as tools/get_demo_data.py writes them: two in each picture."""
    splits = {name: CocoSplit(trees.CATEGORY, {}) for name in COUNTS}
    for name, count in COUNTS.items():
        for n in range(count):
            noise(folder / f'images/{name}{n}.png', n)
            image = splits[name].add_image(f'{name}{n}.png', (SIDE, SIDE))
            for x in (5.0, 30.0):
                splits[name].add(image, (x, x, x + 20, x + 20), 400.0)
    write_splits(folder, 'instances', splits)


def make_boxes(folder: Path) -> None:
    """Rectangles of two colours in COCO's layout: pictures, boxes, masks; the last has none."""
    (folder / 'annotations').mkdir(parents=True)
    from mmdet.datasets import CocoDataset

    names = enumerate(CocoDataset.METAINFO['classes'], 1)
    categories = [{'id': number, 'name': name} for number, name in names]
    for split, count in {'train2017': 15, 'val2017': 3}.items():
        rng = np.random.default_rng(len(split))
        images, annotations = [], []
        (folder / split).mkdir()
        for i in range(count):
            pixels = rng.integers(0, 60, (SIDE, SIDE, 3), np.uint8)
            for n in range(2 if i < count - 1 or count < 5 else 0):
                x, y, w, h = (int(v) for v in rng.integers(SIDE // 4, SIDE // 2, 4))
                pixels[y : y + h, x : x + w, 2 * n] = 250
                annotations.append(
                    {
                        'id': len(annotations) + 1,
                        'image_id': i,
                        'category_id': categories[n]['id'],
                        'bbox': [x, y, w, h],
                        'area': w * h,
                        'iscrowd': 0,
                        'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    }
                )
            Image.fromarray(pixels).save(folder / split / f'{i}.png')
            images.append({'id': i, 'file_name': f'{i}.png', 'height': SIDE, 'width': SIDE})
        table = {'images': images, 'annotations': annotations, 'categories': categories}
        (folder / 'annotations' / f'instances_{split}.json').write_text(json.dumps(table))
