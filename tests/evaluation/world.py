"""A world of seconds: a small supernet in mmseg's EncoderDecoder, and coloured images on disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image
from torch import nn

from scalenas.arch import HRArch
from scalenas.space import HRSpace

SPACE = HRSpace(
    width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)
SIZE = (64, 64)
CLASSES = ('ground', 'field', 'road', 'roof')
PALETTE = ((0, 0, 0), (60, 160, 60), (150, 150, 150), (200, 60, 40))


def architecture(backbone: dict[str, Any]) -> dict[str, Any]:
    """mmseg's segmentor around a backbone."""
    return {
        'type': 'EncoderDecoder',
        'data_preprocessor': {
            'type': 'SegDataPreProcessor',
            'mean': [123.675, 116.28, 103.53],
            'std': [58.395, 57.12, 57.375],
            'bgr_to_rgb': True,
            'pad_val': 0,
            'seg_pad_val': 255,
            'size': SIZE,
        },
        'backbone': backbone,
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': [8, 16, 32, 64],
            'in_index': (0, 1, 2, 3),
            'channels': 120,
            'input_transform': 'resize_concat',
            'kernel_size': 1,
            'num_convs': 1,
            'concat_input': False,
            'dropout_ratio': -1,
            'num_classes': len(CLASSES),
            'norm_cfg': {'type': 'BN', 'requires_grad': True},
            'align_corners': False,
            'loss_decode': {'type': 'CrossEntropyLoss', 'avg_non_ignore': True},
        },
        'train_cfg': {},
        'test_cfg': {'mode': 'whole'},
    }


def supernet(space: HRSpace = SPACE, seed: int = 0) -> nn.Module:
    """The segmentor with a supernet of random weights and random running statistics."""
    return segmentor({'type': 'scalenas.SuperScaleHRNet', 'space': space.to_dict()}, seed)


def segmentor(backbone: dict[str, Any], seed: int = 0) -> Any:
    """mmseg's segmentor, ready to run, far from its initial statistics."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('mmseg'):
        import mmseg.models  # noqa: F401

        model = MODELS.build(architecture(backbone))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            module.num_batches_tracked.fill_(7)
    return model.eval()


def archs(count: int, space: HRSpace = SPACE, seed: int = 0) -> list[HRArch]:
    """Smallest, largest, and random ones."""
    rng = random.Random(seed)
    rest = [space.sample(rng) for _ in range(count - 2)]
    return [space.smallest(), space.largest(), *rest][:count]


def write_pictures(root: Path, count: dict[str, int], size: tuple[int, int] = SIZE) -> None:
    """Boxes of the classes' colours on ground, with noise: `root/img/SPLIT`, `root/ann/SPLIT`."""
    rng = np.random.default_rng(0)
    for split, number in count.items():
        for folder in ('img', 'ann'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        for n in range(number):
            label = np.zeros(size, np.uint8)
            for _ in range(6):
                y, x = rng.integers(0, size[0] - 8), rng.integers(0, size[1] - 8)
                h, w = rng.integers(6, 24, 2)
                label[y : y + h, x : x + w] = rng.integers(1, len(CLASSES))
            image = np.array(PALETTE)[label] + rng.normal(0, 25, (*size, 3))
            name = f'{n:03}.png'
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / 'img' / split / name)
            Image.fromarray(label).save(root / 'ann' / split / name)


def config(root: Path, wrapped: bool = False) -> Config:
    """A supernet's config over `write_pictures(root, ...)`: train, search and test splits."""
    pipeline = [
        {'type': 'LoadImageFromFile'},
        {'type': 'LoadAnnotations'},
        {'type': 'PackSegInputs'},
    ]

    def loader(split: str, batch_size: int, shuffle: bool = False) -> dict[str, Any]:
        return {
            'batch_size': batch_size,
            'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': shuffle},
            'dataset': {
                'type': 'BaseSegDataset',
                'data_root': str(root),
                'data_prefix': {'img_path': f'img/{split}', 'seg_map_path': f'ann/{split}'},
                'img_suffix': '.png',
                'metainfo': {'classes': CLASSES, 'palette': [list(c) for c in PALETTE]},
                'pipeline': pipeline,
            },
        }

    model = architecture({'type': 'scalenas.SuperScaleHRNet', 'space': SPACE.to_dict()})
    if wrapped:
        model = {
            'type': 'scalenas.SuperNet',
            'architecture': model,
            'sampler': {'type': 'grouped', 'seed': 0},
        }
    metric = {'type': 'IoUMetric', 'iou_metrics': ['mIoU']}
    text = Config(
        {
            'default_scope': 'mmseg',
            'custom_imports': {
                'imports': ['mmseg.models', 'mmseg.datasets', 'mmseg.evaluation'],
                'allow_failed_imports': False,
            },
            'model': model,
            'train_dataloader': loader('train', 4, shuffle=True),
            'val_dataloader': loader('search', 4),
            'test_dataloader': loader('test', 4),
            'search_dataloader': loader('search', 4),
            'calibration_dataloader': loader('train', 5),
            'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': 4, 'val_interval': 4},
            'val_cfg': {'type': 'scalenas.SubnetValLoop', 'archs': ('smallest', 'largest')},
            'test_cfg': {'type': 'scalenas.SubnetValLoop', 'archs': ('smallest', 'largest')},
            'val_evaluator': metric,
            'test_evaluator': metric,
            'optim_wrapper': {
                'type': 'OptimWrapper',
                'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9, 'weight_decay': 5e-4},
            },
            'param_scheduler': [
                {
                    'type': 'PolyLR',
                    'eta_min': 1e-4,
                    'power': 0.9,
                    'begin': 0,
                    'end': 4,
                    'by_epoch': False,
                }
            ],
            'default_hooks': {
                'checkpoint': {
                    'type': 'CheckpointHook',
                    'by_epoch': False,
                    'interval': 4,
                    'save_best': 'largest/mIoU',
                },
                'visualization': {'type': 'SegVisualizationHook'},
            },
            'visualizer': {
                'type': 'SegLocalVisualizer',
                'vis_backends': [{'type': 'LocalVisBackend'}],
                'name': 'visualizer',
            },
            'env_cfg': {'cudnn_benchmark': False},
            'log_processor': {'by_epoch': False},
            'search': {
                'algorithm': {'type': 'topology_evolution'},
                'objectives': (('mIoU', 'max'), ('macs', 'min')),
                'size': SIZE,
                'seed': 0,
            },
        }
    )
    if wrapped:
        text.custom_hooks = [{'type': 'scalenas.SpaceHook'}]
    path = root / ('wrapped.py' if wrapped else 'supernet.py')
    text.dump(path)
    return Config.fromfile(path)


def checkpoint(path: Path, model: nn.Module, space: HRSpace = SPACE) -> Path:
    """A supernet's checkpoint as training writes it."""
    meta = {'scalenas': {'space': space.to_dict()}, 'dataset_meta': {'classes': CLASSES}}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path
