"""Images of several drawn people, as COCO files; and a shipped config made small for them."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config

from scalenas.arch import HRArch, HRStage, module_of

REPO = Path(__file__).parents[2]
CONFIG = REPO / 'configs/scalenas_pose/coco_bottomup/higher_scalenas_p1_8xb12-300e_coco-512x512.py'
LINKS = [(5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (11, 12), (5, 11), (6, 12)]
LINKS += [(11, 13), (13, 15), (12, 14), (14, 16), (0, 5), (0, 6)]
# x to the person's left and y down, in heights of a person; COCO's order.
POSE = np.array(
    [
        *[(0.0, 0.13), (0.05, 0.07), (-0.05, 0.07), (0.11, 0.1), (-0.11, 0.1)],
        *[(0.12, 0.25), (-0.12, 0.25), (0.17, 0.36), (-0.17, 0.36), (0.2, 0.47), (-0.2, 0.47)],
        *[(0.08, 0.57), (-0.08, 0.57), (0.1, 0.76), (-0.1, 0.76), (0.11, 0.96), (-0.11, 0.96)],
    ],
    dtype=np.float32,
)


def person(rng: random.Random, height: float, foot: tuple[float, float]) -> np.ndarray:
    """Joints (17, 2) of someone standing at `foot`, limbs moved a little."""
    moved = POSE.copy()
    for joint in range(5, 17):
        moved[joint] += [rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.02)]
    return (moved - [0, 1]) * height + foot


def draw(image: np.ndarray, joints: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Limbs in the person's colour, joints in that of their kind: left and right have the same."""
    for a, b in LINKS:
        ends = [tuple(np.round(joints[j] * 16).astype(int).tolist()) for j in (a, b)]
        cv2.line(image, *ends, colour, 5, cv2.LINE_AA, 4)
    for j, (x, y) in enumerate(joints):
        kind = (j + 1) // 2
        hue = tuple(int(127 + 120 * math.cos(2.1 * c + 0.7 * kind)) for c in range(3))
        cv2.circle(image, (round(x * 16), round(y * 16)), 3 * 16, hue, -1, cv2.LINE_AA, 4)


def annotation(number: int, image: int, joints: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """A person of a COCO file; `labels` (17,) are COCO's 0, 1, 2."""
    (x0, y0), (x1, y1) = joints.min(0) - 4, joints.max(0) + 4
    corners = [x0, y0, x1, y0, x1, y1, x0, y1]
    return {
        'id': number,
        'image_id': image,
        'category_id': 1,
        'bbox': [float(v) for v in (x0, y0, x1 - x0, y1 - y0)],
        'area': float((x1 - x0) * (y1 - y0)),  # of the outline, which is the box
        'segmentation': [[float(v) for v in corners]],
        'iscrowd': 0,
        'num_keypoints': int((labels > 0).sum()),
        'keypoints': [
            float(v)
            for (x, y), label in zip(joints, labels, strict=True)
            for v in ((x, y, label) if label else (0, 0, 0))
        ],
    }


def make_people(root: Path, num: int = 8, side: int = 128, seed: int = 0) -> Path:
    """`num` images of two or three people each, one reddish, one greenish ...; returns `root`.

    images/*.png, people.json.
    """
    rng = random.Random(seed)
    (root / 'images').mkdir(parents=True)
    images, people = [], []
    for i in range(1, num + 1):
        picture = np.full((side, side, 3), rng.randrange(30, 90), np.uint8)
        count = 2 + i % 2
        for n in range(count):
            colour = tuple(
                rng.randrange(170, 256) if c == n else rng.randrange(90) for c in range(3)
            )
            left = side * (n + 0.5) / count + rng.uniform(-4, 4)
            joints = person(rng, rng.uniform(0.7, 0.85) * side, (left, side * 0.95))
            draw(picture, joints, colour)
            labels = 2 * ((joints >= 0) & (joints < side - 0.5)).all(1)  # not what is cut off
            people.append(annotation(len(people) + 1, i, joints, labels))
        cv2.imwrite(str(root / 'images' / f'{i}.png'), picture)
        images.append({'id': i, 'file_name': f'{i}.png', 'width': side, 'height': side})
    write(root, images, people)
    return root


def write(root: Path, images: list[dict[str, Any]], people: list[dict[str, Any]]) -> None:
    """people.json of a folder."""
    categories = [{'id': 1, 'name': 'person'}]
    content = {'images': images, 'annotations': people, 'categories': categories}
    (root / 'people.json').write_text(json.dumps(content))


def small_arch(width: int = 12) -> HRArch:
    """Two stages with every fusion at the end of each module; only the finest map comes out."""
    channels = [width, 2 * width, 4 * width]
    two, three = module_of((2, 2), (-1,)), module_of((2, 2, 2), (-1,))
    last = type(three)(three.depths, (*three.fusions[:-1], (three.fusions[-1][0], (), ())))
    stages = (HRStage(tuple(channels[:2]), (two,)), HRStage(tuple(channels), (last,)))
    return HRArch(stages, stem=16, stage1_blocks=1, stage1_channels=8, output='single')


def small_config(root: Path, work_dir: Path, side: int = 128, config: Path = CONFIG) -> Config:
    """A shipped config on the images of `root`, with a small net, and nothing random."""
    cfg = Config.fromfile(config)
    arch = small_arch()
    sizes = dict(input_size=(side, side))
    codec = {**cfg.codec, **sizes, 'heatmap_sizes': [(side // 4,) * 2, (side // 2,) * 2]}
    cfg.model.backbone = dict(type='scalenas.ScaleHRNet', arch=arch.to_dict())
    cfg.model.head.update(in_channels=arch.out_channels[0], decoder=codec)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(
            data_root=str(root), ann_file='people.json', data_prefix=dict(img='images/')
        )
        for step in loader.dataset.pipeline:
            if 'input_size' in step:
                step.update(sizes)
            if step.type == 'scalenas.PyramidResize':
                step.size_factor = 32
            if step.type == 'scalenas.BottomupRandomWarp':
                step.update(rotation=0.0, scale=(1.0, 1.0), translation=0.0)
            if step.type == 'RandomFlip':
                step.prob = 0.0
            if step.type == 'GenerateTarget':
                step.encoder = codec
    cfg.train_dataloader.batch_size = 8
    cfg.val_evaluator.ann_file = cfg.test_evaluator.ann_file = str(root / 'people.json')
    cfg.env_cfg.cudnn_benchmark = False
    cfg.visualizer.name = str(work_dir)
    cfg.work_dir, cfg.launcher = str(work_dir), 'none'
    return cfg
