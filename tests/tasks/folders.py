"""Small folders of images with labels, right by construction, for tests to spoil."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

CLASSES = ('ground', 'road', 'roof')
SIZE = (24, 32)
LOAD = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]
SPLITS = ('train', 'val', 'test', 'search', 'calibration')


def label(seed: int, size: tuple[int, int] = SIZE, num_classes: int = 3) -> NDArray[np.uint8]:
    """Boxes of all classes, and some pixels of none."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, num_classes, (3, 4)).astype(np.uint8)
    found.flat[:num_classes] = range(num_classes)
    found = np.kron(found, np.ones((size[0] // 3, size[1] // 4), np.uint8))
    whole = np.zeros(size, np.uint8)
    whole[: found.shape[0], : found.shape[1]] = found
    whole[0, 0] = 255
    return whole


def write_split(
    root: Path, split: str, labels: Sequence[NDArray[Any]], mode: str | None = None
) -> None:
    """`root/images/SPLIT/n.png` and `root/labels/SPLIT/n.png`; images of the sizes of labels."""
    for folder in ('images', 'labels'):
        (root / folder / split).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for n, one in enumerate(labels):
        pixels = rng.integers(0, 256, (*one.shape[:2], 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f'images/{split}/{n}.png')
        mask = Image.fromarray(one)
        if mode:
            mask = mask.convert(mode)
        mask.save(root / f'labels/{split}/{n}.png')


def write_world(root: Path, count: int = 4) -> Path:
    """All splits, right."""
    for k, split in enumerate(SPLITS):
        write_split(root, split, [label(100 * k + n) for n in range(count)])
    return root


def loader(root: Path, split: str, batch_size: int = 2, **changes: Any) -> dict[str, Any]:
    """A dataloader over a split; `changes` are of its dataset."""
    return {
        'batch_size': batch_size,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': {
            'type': 'BaseSegDataset',
            'data_root': str(root),
            'data_prefix': {'img_path': f'images/{split}', 'seg_map_path': f'labels/{split}'},
            'img_suffix': '.png',
            'metainfo': {'classes': CLASSES},
            'pipeline': LOAD,
            **changes,
        },
    }


def seg_config(root: Path, **changes: Any) -> Config:
    """Loaders of all splits, and a head for three classes; `changes` are of every dataset."""
    return Config(
        {
            'default_scope': 'mmseg',
            'model': {
                'type': 'EncoderDecoder',
                'decode_head': {'type': 'FCNHead', 'num_classes': 3},
                'auxiliary_head': [{'type': 'FCNHead', 'num_classes': 3}],
                'data_preprocessor': {'type': 'SegDataPreProcessor', 'size': SIZE},
            },
            'val_evaluator': {'type': 'IoUMetric', 'iou_metrics': ['mIoU']},
            **{f'{split}_dataloader': loader(root, split, **changes) for split in SPLITS},
        }
    )
