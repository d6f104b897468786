"""Small images with boxes, in the layout of COCO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


def make_boxes(folder: Path) -> None:
    """Rectangles of two colours in COCO's layout: images, boxes, masks; the last has none."""
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
