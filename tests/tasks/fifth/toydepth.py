"""A stand-in for a task package: the distance of every pixel, on mmengine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmengine.registry as mm
import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmengine.registry import Registry
from mmengine.structures import BaseDataElement, PixelData
from torch import Tensor, nn

MODELS = Registry('model', parent=mm.MODELS, scope='toydepth')
DATASETS = Registry('dataset', parent=mm.DATASETS, scope='toydepth')
TRANSFORMS = Registry('transform', parent=mm.TRANSFORMS, scope='toydepth')
METRICS = Registry('metric', parent=mm.METRICS, scope='toydepth')


class DepthSample(BaseDataElement):
    """An image's `gt_depth`, and the model's `pred_depth`."""


@DATASETS.register_module()
class PairsDataset(BaseDataset):
    """A folder of `*.npz`, each with `image` (3, H, W) and `depth` (H, W) in metres."""

    def load_data_list(self) -> list[dict[str, Any]]:
        files = sorted(Path(self.data_root).glob('*.npz'))
        return [{'img_path': str(path)} for path in files]


@TRANSFORMS.register_module()
class LoadPair:
    """What a model takes of one file."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        with np.load(row['img_path']) as content:
            image, depth = torch.from_numpy(content['image']), torch.from_numpy(content['depth'])
        sample = DepthSample(metainfo={'img_path': row['img_path']})
        sample.gt_depth = PixelData(data=depth[None])
        return {'inputs': image, 'data_samples': sample}


@MODELS.register_module()
class DepthEstimator(BaseModel):
    """A distance from the finest map, by one 1x1 convolution."""

    def __init__(self, backbone: Any, head: Any, data_preprocessor: Any = None) -> None:
        super().__init__(data_preprocessor or ImgDataPreprocessor())
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        depth = self.head(self.backbone(inputs)[0])
        if mode == 'tensor':
            return depth
        depth = nn.functional.interpolate(depth, scale_factor=4.0, mode='nearest')
        if mode == 'loss':
            truth = torch.stack([sample.gt_depth.data for sample in data_samples])
            return {'loss_depth': (depth - truth).abs().mean()}
        for sample, found in zip(data_samples, depth, strict=True):
            sample.pred_depth = PixelData(data=found)
        return data_samples


@MODELS.register_module()
class DepthHead(nn.Module):
    """One convolution, (N, C, H, W) -> (N, 1, H, W)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        depth: Tensor = self.conv(features)
        return depth


@METRICS.register_module()
class MeanError(BaseMetric):
    """Mean distance between prediction and truth, in whole metres, as metrics like to print."""

    digits = 0

    def process(self, data_batch: Any, data_samples: Any) -> None:
        for sample in data_samples:
            found, truth = sample['pred_depth']['data'], sample['gt_depth']['data']
            self.results.append(float((found - truth).abs().double().mean()))

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return {'mae': round(float(np.mean(results)), self.digits)}
