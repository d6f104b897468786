"""A world of seconds for classification: an MBConv supernet in mmpretrain's ImageClassifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from scalenas.space import MBConvSpace, ScaledSpace, ScalingStage, StageChoices

CROP = 32
CLASSES = ('dark', 'middle', 'bright')
BIG = MBConvSpace(
    [
        StageChoices((8,), (1, 2), (3,), (1,)),
        StageChoices((8, 12), (1, 2), (3, 5), (3, 6), stride=2),
        StageChoices((16,), (1, 2), (3, 5, 7), (6,), stride=2),
    ],
    resolution=(24, 32, 40),
    stem=(8,),
    conv_out=(24, 32),
    shortcut='projected',
)
SCALED = ScaledSpace(
    MBConvSpace(
        [
            StageChoices((8,), (1,), (3,), (1,)),
            StageChoices((12,), (1, 2), (3, 5), (3, 6), (False, True), stride=2),
        ],
        resolution=(24,),
        stem=(8,),
        conv_out=(24,),
    ),
    [
        ScalingStage(),
        ScalingStage((1.04, 1.08), (1.04, 1.08), (1.0, 1.07)),
        ScalingStage((1.2, 1.36), (1.2, 1.36), (1.21, 1.35)),
    ],
)


def write_pictures(root: Path, count: dict[str, int], spread: float = 0.0) -> None:
    """Grey squares with noise, in folders of their classes: `root/SPLIT/CLASS/n.png`.

    Classes are 60 apart; `spread` is the deviation of an image's grey from that of its class.
    """
    rng = np.random.default_rng(0)
    for split, number in count.items():
        for level, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for n in range(number):
                grey = 60 + 60 * level + (rng.normal(0, spread) if spread else 0)
                image = grey + rng.normal(0, 30, (CROP, CROP, 3))
                Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f'{n}.png')


def architecture(backbone: dict[str, Any], head: dict[str, Any]) -> dict[str, Any]:
    """mmpretrain's classifier around a backbone."""
    return {
        'type': 'ImageClassifier',
        'backbone': backbone,
        'neck': {'type': 'GlobalAveragePooling'},
        'head': {
            'num_classes': len(CLASSES),
            'loss': {'type': 'LabelSmoothLoss', 'label_smooth_val': 0.1, 'mode': 'original'},
            **head,
        },
    }


def config(root: Path, backbone: dict[str, Any], head: dict[str, Any], sampler: Any) -> Config:
    """A supernet's config over `write_pictures(root, ...)`: three iterations of training."""
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'PackInputs'}]

    def loader(split: str, shuffle: bool = False) -> dict[str, Any]:
        return {
            'batch_size': 6,
            'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': shuffle},
            'dataset': {
                'type': 'CustomDataset',
                'data_root': str(root / split),
                'pipeline': pipeline,
            },
        }

    metric = {'type': 'Accuracy', 'topk': (1,)}
    subnets = {'type': 'scalenas.SubnetValLoop', 'archs': ('smallest', 'largest')}
    text = Config(
        {
            'default_scope': 'mmpretrain',
            'custom_imports': {'imports': ['mmpretrain'], 'allow_failed_imports': False},
            'data_preprocessor': {
                'num_classes': len(CLASSES),
                'mean': [127.5] * 3,
                'std': [60.0] * 3,
                'to_rgb': True,
            },
            'model': {
                'type': 'scalenas.SuperNet',
                'architecture': architecture(backbone, head),
                'sampler': sampler,
            },
            'train_dataloader': loader('train', shuffle=True),
            'val_dataloader': loader('search'),
            'test_dataloader': loader('test'),
            'search_dataloader': loader('search'),
            'calibration_dataloader': loader('train'),
            'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': 3, 'val_interval': 3},
            'val_cfg': subnets,
            'test_cfg': subnets,
            'val_evaluator': metric,
            'test_evaluator': metric,
            'optim_wrapper': {
                'type': 'OptimWrapper',
                'optimizer': {'type': 'SGD', 'lr': 0.05, 'momentum': 0.9, 'weight_decay': 4e-5},
            },
            'param_scheduler': [],
            'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False}},
            'custom_hooks': [{'type': 'scalenas.SpaceHook'}],
            'log_processor': {'by_epoch': False},
            'search': {
                'algorithm': {'type': 'random'},
                'objectives': ('accuracy/top1', 'macs'),
                'seed': 0,
            },
        }
    )
    path = root / 'supernet.py'
    text.dump(path)
    return Config.fromfile(path)
