"""All that a fifth task package must give to be checked, trained, searched and exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from scalenas.arch import Arch, Feature, Head, Layer
from scalenas.errors import DataError
from scalenas.tasks import Task, register_task


@dataclass(frozen=True)
class DepthHead:
    """As far as cost goes: one 1x1 convolution of the finest map."""

    def layers(self, features: Sequence[Feature]) -> tuple[Layer, ...]:
        c, size = features[0].channels, features[0].size
        return (Layer('head.conv', c, 1, 1, size, bias=True, norm=False),)


@register_task
class Depth(Task):
    package = 'toydepth'
    inference_names = ('depth_range',)
    results: ClassVar = {'MeanError': lambda metric: ['mae']}

    def counted_head(self, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        return DepthHead() if head.get('in_channels') == channels[0] else None

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        variables['model']['head']['in_channels'] = arch.features((64, 64))[0].channels
        return arch

    def looks_into(self, dataset: type) -> bool:
        return True

    def check_dataset(
        self, cfg: Mapping[str, Any], dataset: Any, loader: str, hint: str
    ) -> tuple[str, ...]:
        for index in range(len(dataset)):
            _check_depth(dataset[index]['data_samples'], loader)
        return ()

    def batch_check(
        self, cfg: Mapping[str, Any], loader: str
    ) -> Callable[[Mapping[str, Any]], object]:
        def check(batch: Mapping[str, Any]) -> None:
            for sample in batch['data_samples']:
                _check_depth(sample, loader)

        return check

    def make_exact(self, metric: Any, present: bool) -> None:
        metric.digits = 15

    def inference_variables(
        self, variables: Mapping[str, Any], dataset: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {'depth_range': (0.0, 80.0)}


def _check_depth(sample: Any, loader: str) -> None:
    least = float(torch.min(sample.gt_depth.data))
    if not least > 0:
        raise DataError(where=f'{loader}: {sample.img_path}', got=least, allowed='metres > 0')
