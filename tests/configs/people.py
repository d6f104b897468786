"""Stick figures as COCO and as MPII annotate people, in the files that our recipes name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scalenas.datasets.split import split_file, write_head_boxes

SIDE = 64
AREA = 1e5
"""So large that nets score without having learned: two that score nothing would always agree."""
COCO_SKELETON = {
    'supercategory': 'person',
    'id': 1,
    'name': 'person',
    'keypoints': [f'joint{k}' for k in range(17)],
    'skeleton': [],
}


def figure(number: int, num_joints: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (SIDE, SIDE, 3) with one bright spot per joint, and (K, 2) their places."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (SIDE, SIDE, 3), np.uint8)
    joints = rng.integers(8, SIDE - 8, (num_joints, 2))
    for k, (x, y) in enumerate(joints):
        pixels[y - 2 : y + 3, x - 2 : x + 3] = (255 - 12 * k, 12 * k, 120)
    return pixels, joints


def coco(folder: Path, split: str, numbers: range, per_image: int = 2) -> dict[str, Any]:
    """Images in `folder`/`split`, and their annotations; each person hides one joint."""
    (folder / split).mkdir(parents=True)
    images, annotations = [], []
    for number in numbers:
        pixels, joints = figure(number, 17)
        name = f'{number:012}.jpg'
        Image.fromarray(pixels).save(folder / split / name, quality=95)
        images.append({'id': number, 'file_name': name, 'width': SIDE, 'height': SIDE})
        for n in range(per_image):
            visible = np.full((17, 1), 2)
            visible[-1 - n] = 0
            marked = np.where(visible > 0, joints, 0)
            annotations.append(
                {
                    'id': number * 10 + n,
                    'image_id': number,
                    'category_id': 1,
                    'bbox': [4 + n, 4, SIDE - 8 - n, SIDE - 8],
                    'area': AREA,
                    'iscrowd': 0,
                    'num_keypoints': 16,
                    'keypoints': np.hstack([marked, visible]).flatten().tolist(),
                }
            )
    return {'images': images, 'annotations': annotations, 'categories': [COCO_SKELETON]}


def make_coco_people(folder: Path, train: int = 6, val: int = 2, search: int = 2) -> None:
    """`train` and `val` images in COCO's layout; `search` of the first are held out."""
    notes = folder / 'annotations'
    notes.mkdir(parents=True)
    for split, numbers in (
        ('train2017', range(1, train + 1)),
        ('val2017', range(101, 101 + val)),
    ):
        data = coco(folder, split, numbers)
        (notes / f'person_keypoints_{split}.json').write_text(json.dumps(data))
    split_file(notes / 'person_keypoints_train2017.json', search)


def mpii(folder: Path, numbers: range) -> list[dict[str, Any]]:
    """Images in `folder`/images, and their people; counted from 1, as MPII does."""
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    people = []
    for number in numbers:
        pixels, joints = figure(number, 16)
        Image.fromarray(pixels).save(folder / 'images' / f'{number:09}.jpg', quality=95)
        people.append(
            {
                'image': f'{number:09}.jpg',
                'center': [SIDE / 2, SIDE / 2],
                'scale': SIDE / 200,
                'joints': (joints + 1).tolist(),
                'joints_vis': [0] + [1] * 15,
            }
        )
    return people


def make_mpii_people(folder: Path, train: int = 6, val: int = 2, search: int = 2) -> None:
    """`train` and `val` images in MPII's layout; `search` of the first are held out."""
    notes = folder / 'annotations'
    notes.mkdir(parents=True)
    (notes / 'mpii_train.json').write_text(json.dumps(mpii(folder, range(1, train + 1))))
    (notes / 'mpii_val.json').write_text(json.dumps(mpii(folder, range(101, 101 + val))))
    write_head_boxes(notes / 'mpii_gt_val.mat', [20.0] * val)
    split_file(notes / 'mpii_train.json', search)
