"""Rectangles and stick figures in COCO's layout, and the net that finds what is labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from scalenas.evaluation.precision import unrounded
from scalenas.tasks import fit_truth

SIDE = 128
CLASSES = ('cat', 'dog')


def boxes(pictures: int = 6, first: int = 1) -> dict[str, Any]:
    """Two objects an image, one of each class, of middle size; ids from `first` on."""
    images, annotations = [], []
    for n in range(pictures):
        number = first + n
        images.append({'id': number, 'file_name': f'{n}.png', 'width': SIDE, 'height': SIDE})
        for k in range(2):
            x, y, w, h = 5 + 60 * k, 8 + n, 40 + n, 45
            corners = [x, y, x + w, y, x + w, y + h, x, y + h]
            annotations.append(
                {
                    'id': first + 2 * n + k,
                    'image_id': number,
                    'category_id': first + k,
                    'bbox': [x, y, w, h],
                    'area': w * h,
                    'iscrowd': 0,
                    'segmentation': [corners],
                }
            )
    categories = [{'id': first + k, 'name': name} for k, name in enumerate(CLASSES)]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def poses(pictures: int = 6) -> dict[str, Any]:
    """Two people an image, all of whose 17 joints are seen."""
    rng = np.random.default_rng(0)
    given = boxes(pictures)
    for row in given['annotations']:
        x, y, w, h = row['bbox']
        joints = rng.integers((x + 1, y + 1), (x + w - 1, y + h - 1), (17, 2))
        row['keypoints'] = np.hstack([joints, np.full((17, 1), 2)]).flatten().tolist()
        row.update(num_keypoints=17, category_id=1)
    given['categories'] = [{'id': 1, 'name': 'person'}]
    return given


def draw(folder: Path, pictures: int = 6) -> Path:
    """A folder with the images that files name."""
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    for n in range(pictures):
        Image.fromarray(np.full((SIDE, SIDE, 3), 40 * n, np.uint8)).save(folder / f'images/{n}.png')
    return folder


def write(folder: Path, content: Any, name: str = 'a.json') -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def config(folder: Path, scope: str = 'mmdet', metric: Any = None, **dataset: Any) -> Config:
    """A data set for training, search and validation over a.json, and its metric."""
    packs = {
        'mmdet': [
            {'type': 'LoadImageFromFile'},
            {'type': 'LoadAnnotations', 'with_bbox': True},
            {
                'type': 'PackDetInputs',
                'meta_keys': ('img_id', 'img_path', 'ori_shape', 'instances'),
            },
        ],
        'mmpose': [
            {'type': 'LoadImage'},
            {'type': 'GetBBoxCenterScale'},
            {'type': 'TopdownAffine', 'input_size': (48, 64)},
            {'type': 'PackPoseInputs'},
        ],
    }
    table = {
        'type': 'CocoDataset',
        'data_root': str(folder),
        'ann_file': 'a.json',
        'data_prefix': {'img': 'images/'},
        'pipeline': packs[scope],
        'test_mode': True,
        **dataset,
    }
    if scope == 'mmdet':
        table.setdefault('metainfo', {'classes': CLASSES})
    loader = {
        'batch_size': 2,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': table,
    }
    base = {'type': 'CocoMetric', 'ann_file': str(folder / 'a.json')}
    train = {**table, 'test_mode': False}
    return Config(
        {
            'default_scope': scope,
            'train_dataloader': {**loader, 'dataset': train},
            'search_dataloader': loader,
            'val_dataloader': loader,
            'search_evaluator': base if metric is None else metric,
            'val_evaluator': base if metric is None else metric,
        }
    )


def exact_score(
    cfg: Config, fit: bool = True, found_first: int | None = None, times: int = 1
) -> dict[str, float]:
    """Metrics of a net that finds what the loader's images are labelled with.

    `found_first`: only so many objects of an image; `times`: fitted and scored again.
    """
    scope = cfg.default_scope
    with DefaultScope.overwrite_default_scope(scope):
        loader = Runner.build_dataloader(dict(cfg.search_dataloader), seed=0)
        evaluator = unrounded(Evaluator(cfg.search_evaluator))
    evaluator.dataset_meta = loader.dataset.metainfo
    found: Mapping[str, Any] = {}
    for _ in range(times):
        if fit:
            fit_truth(evaluator.metrics, loader, 'search_evaluator')
        for batch in loader:
            samples = [exact(sample, scope) for sample in batch['data_samples']]
            for sample in samples:
                sample.pred_instances = sample.pred_instances[:found_first]
            evaluator.process(data_samples=samples, data_batch=batch)
        found = evaluator.evaluate(len(loader.dataset))
    return {name: float(value) for name, value in found.items()}


def exact(sample: Any, scope: str) -> Any:
    """The sample with its own labels as predictions."""
    from mmengine.structures import InstanceData

    truth = sample.gt_instances
    if scope == 'mmdet':
        found = InstanceData(
            bboxes=truth.bboxes.tensor,
            labels=truth.labels,
            scores=torch.ones(len(truth.labels)),
        )
        if 'masks' in truth:
            found.masks = torch.from_numpy(truth.masks.to_ndarray().astype(bool))
    else:
        found = InstanceData(
            keypoints=truth.keypoints,
            keypoint_scores=np.ones(truth.keypoints.shape[:2]),
            bboxes=truth.bboxes,
        )
    sample.pred_instances = found
    return sample
