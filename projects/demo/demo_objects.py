"""The images of the demos on COCO files: some of the reported split, evenly spread over it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .draw_objects import draw_boxes, draw_skeletons

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN = 0.25
"""Seen around a person, as a share of the box."""


def draw_poses(out: Path, data: Path, split: str, predicted: Path, count: int = 6) -> None:
    """poses.png: people with their labels, and as `predicted` (COCO's results) has them."""
    import numpy as np

    truth = _read(data / f'annotations/person_keypoints_{split}.json')
    people = [a for a in truth['annotations'] if not a['iscrowd']]
    files = {image['id']: image['file_name'] for image in truth['images']}
    joints = {row['image_id']: row['keypoints'] for row in _read(predicted)}
    rows = []
    for person in _spread(people, count):
        image = _image(data / 'images' / files[person['image_id']])
        x, y, w, h = person['bbox']
        side = max(w * 4 / 3, h) * (1 + MARGIN)  # images of 4:3, as the network sees people
        left, top = round(x + w / 2 - side * 3 / 8), round(y + h / 2 - side / 2)
        crop = _crop(image, left, top, round(side * 3 / 4), round(side))
        poses = []
        for flat, labelled in ((person['keypoints'], True), (joints[person['image_id']], False)):
            pose = np.array(flat, float).reshape(-1, 3) - (left, top, 0)
            # A network answers for joints that nobody sees, too; what is compared is drawn.
            pose[:, 2] = np.array(person['keypoints'][2::3]) > 0 if not labelled else pose[:, 2]
            poses.append(pose)
        rows.append((crop, poses[0], poses[1]))
    category = truth['categories'][0]
    draw_skeletons(rows, category['keypoints'], category['skeleton'], out / 'poses.png')


def draw_objects(
    out: Path, data: Path, truth_file: str, predicted: Mapping[str, Path], count: int = 3
) -> None:
    """boxes.png: images with their labels, and with boxes of each file of COCO results.

    Of each file the surest boxes in an image are drawn, as many as it has labels.
    """
    import numpy as np

    truth = _read(data / 'annotations' / truth_file)
    results = {title: _read(path) for title, path in predicted.items()}
    rows = []
    for image in _spread(truth['images'], count):
        labels = [a for a in truth['annotations'] if not a['iscrowd']]
        boxes_of = {'label': _boxes(labels, image['id'])}
        for title, boxes in results.items():
            ranked = sorted(boxes, key=lambda box: -box['score'])
            boxes_of[title] = _boxes(ranked, image['id'])[: len(boxes_of['label'])]
        arrays = {title: np.array(boxes, float).reshape(-1, 4) for title, boxes in boxes_of.items()}
        rows.append((_image(data / 'images' / image['file_name']), arrays))
    draw_boxes(rows, out / 'boxes.png')


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding='utf-8'))


def _spread(items: list[Any], count: int) -> list[Any]:
    return [items[i * len(items) // count] for i in range(count)] if count < len(items) else items


def _boxes(rows: list[Any], image: int) -> list[Any]:
    return [row['bbox'] for row in rows if row['image_id'] == image]


def _image(path: Path) -> NDArray:
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path).convert('RGB'))


def _crop(image: NDArray, left: int, top: int, width: int, height: int) -> NDArray:
    """A part of an image; what lies outside is black."""
    import numpy as np

    canvas = np.zeros((height, width, 3), np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    part = image[y0 : max(top + height, 0), x0 : max(left + width, 0)]
    canvas[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]] = part
    return canvas
