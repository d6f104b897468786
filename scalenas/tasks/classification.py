"""mmpretrain: a class for every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from scalenas.arch import Arch, ClassificationHead, Head
from scalenas.config.walk import tables_in
from scalenas.datasets.subsets import hold_out
from scalenas.errors import ConfigError, DataError, ExportError
from scalenas.family import family_of
from scalenas.models import SuperLinear
from scalenas.registry import MODELS

from .class_folders import check_class_folders
from .heads import (
    as_dict,
    check_loss_weights,
    class_count,
    heads,
    is_whole,
    keep_resolution,
    kind,
    metrics,
    table_of,
)
from .known import register_task
from .metrics import Metric, is_listed, with_prefix, words
from .own_data import SPLITS, HeldOut, OwnData, as_lists, check_names, paths_below, splits_of, usual
from .task import FROZEN, Task

SIZED = ('ConfusionMatrix', 'SingleLabelMetric', 'MultiLabelMetric')
"""Metrics that are told how many classes there are."""

CROPS = ('RandomResizedCrop', 'EfficientNetRandomCrop')

FUSED = 2048
"""Channels that HRFuseScales brings all feature maps to, as HRNet's classifier does."""


def _accuracy(metric: Metric) -> list[str] | None:
    if is_listed(metric.get('thrs')):
        return None
    return with_prefix(metric, 'accuracy', [f'top{k}' for k in words(metric.get('topk', (1,)))])


def _single_label(metric: Metric) -> list[str] | None:
    if is_listed(metric.get('thrs')) or metric.get('average', 'macro') != 'macro':
        return None
    items = metric.get('items', ('precision', 'recall', 'f1-score'))
    return with_prefix(metric, 'single-label', words(items))


@register_task
class Classification(Task):
    """Folders or lists of classes, a linear head on pooled maps, and accuracy."""

    package = 'mmpretrain'
    visualizer = 'UniversalVisualizer'
    weightless_necks = ('GlobalAveragePooling', 'FeatureDropout')
    stock_heads: ClassVar = {'scalenas.SuperLinearClsHead': 'LinearClsHead'}
    recipes: ClassVar = {
        'cls': 'configs/scalenas_cls/imagenet/regnetz_500mf_8xb128-100e_imagenet.py'
    }
    headline = ('accuracy/top1', 'single-label/f1-score')
    results: ClassVar = {'Accuracy': _accuracy, 'SingleLabelMetric': _single_label}

    def counted_head(self, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """One linear layer; that of a supernet is as wide as its widest network's."""
        sees = head.get('in_channels')
        if kind(head) == 'LinearClsHead' and sees in (channels[-1], [channels[-1]]):
            return ClassificationHead(head.get('num_classes', 0))
        # It reads what the asked network ends in.
        if kind(head) == 'SuperLinearClsHead' and isinstance(sees, int) and sees >= channels[-1]:
            return ClassificationHead(head.get('num_classes', 0))
        return None

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        """The head reads the last map, or all feature maps fused; crops get the arch's own size."""
        model = variables['model']
        if kind(model.get('head')) != 'LinearClsHead':
            raise ExportError(
                f'the recipe cannot take a net of the family {arch.family}',
                where='model.head',
                got=table_of(model, 'head').get('type'),
                allowed="a head of type 'LinearClsHead'",
            )
        if family_of(arch).maps == 'all':
            keep_resolution(resolution)
            channels = tuple(feature.channels for feature in arch.features((224, 224)))
            necks = model.get('neck')
            fuse = necks[0] if isinstance(necks, list | tuple) and necks else {}
            if kind(fuse) == 'HRFuseScales':
                model['neck'] = [{**fuse, 'in_channels': channels}, *necks[1:]]
                return arch
            fuse = {'type': 'HRFuseScales', 'in_channels': channels, 'out_channels': FUSED}
            model['neck'] = [fuse, {'type': 'GlobalAveragePooling'}]
            model['head']['in_channels'] = FUSED
            return arch
        model['head']['in_channels'] = arch.features((224, 224))[-1].channels
        if not model['backbone'].get('resize'):
            _resize(variables, arch)
        return arch

    def distillation(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """By the soft predictions of a linear head."""
        if kind(model.get('head')) != 'LinearClsHead':
            return None
        return {**FROZEN, 'tap': 'head.fc', 'loss': 'kl', 'temperature': 1.0}

    def hold_out(self, dataset: Any, count: int | None, seed: int) -> HeldOut:
        """Lists of images with their labels, as many of every class."""
        found = list(paths_below(dataset, dataset.img_prefix))
        labels = [info.get('gt_label') for _, info in found]
        number = len(set(map(str, labels)))
        if not all(map(is_whole, labels)):
            raise DataError('has images of several classes', where=dataset.img_prefix)
        names = [name for name, _ in found]
        check_names(names, dataset.img_prefix)
        smallest, rarest = min((labels.count(label), label) for label in set(labels))
        if smallest < 2:
            raise DataError(
                'the class has one image, and the search needs one, too',
                where=dataset.img_prefix,
                got=dataset.CLASSES[rarest],
                allowed='two images of every class at least',
            )
        each = max(1, min(usual(len(names), count) // number, smallest - 1))
        held = hold_out(names, labels, each, seed)  # type: ignore[arg-type]
        rows = {name: f'{name} {label}' for name, label in zip(names, labels, strict=True)}
        known = 'classes' in (type(dataset).METAINFO or {})
        also = {} if known else {'metainfo': {'classes': tuple(dataset.CLASSES)}}
        return as_lists(rows, {names[index] for index in held}, **also)

    def own_data(self, cfg: Mapping[str, Any], root: Path, classes: Sequence[str]) -> OwnData:
        """SPLIT/CLASS; the classes are those of train, in alphabetical order."""
        layout = 'train/CLASS, val/CLASS and perhaps test/CLASS, with images'
        there = {name: name for name in SPLITS if (root / name).is_dir()}
        splits = splits_of(there, root, layout)
        named = _folders(root / 'train')
        if not named:
            raise DataError('has no folders', where=root / 'train', allowed=layout)
        for folder in splits.values():
            if other := set(named) ^ set(_folders(root / folder)):
                raise DataError(
                    'the classes are not those of train',
                    where=root / folder,
                    got=sorted(other),
                    allowed=named,
                )
        if classes and tuple(sorted(classes)) != named:
            raise DataError(where='--classes', got=list(classes), allowed=named)
        about = {'type': 'CustomDataset', 'data_root': str(root), 'metainfo': {'classes': named}}
        sets = {name: {**about, 'data_prefix': folder} for name, folder in splits.items()}
        return OwnData(sets, named)

    def check_config(self, cfg: Mapping[str, Any], loaders: Sequence[str]) -> None:
        """Class weights, top-k and metrics are made for the classes of the head."""
        for place, head in heads(cfg, 'head'):
            check_loss_weights(head, place)
            number = class_count(head)
            if number is None:
                continue
            if head.get('cal_acc'):
                _check_topk(head, number, place)
            for loader in loaders:
                for name, metric in metrics(cfg, loader) if loader != 'train_dataloader' else []:
                    _check_metric(metric, number, name, place)

    def looks_into(self, dataset: type) -> bool:
        """All data sets of mmpretrain."""
        own = (base for base in dataset.__mro__ if base.__module__.startswith('mmpretrain.'))
        return any(base.__name__ == 'BaseDataset' for base in own)

    def check_dataset(
        self, cfg: Mapping[str, Any], dataset: Any, loader: str, hint: str
    ) -> tuple[str, ...]:
        """All labels are looked at, and some images read."""
        return check_class_folders(cfg, dataset, loader)

    def graph(self, model: Any, images: Tensor, kind: str) -> dict[str, Any]:
        """Finished: scores (N, K) of the classes, as the head makes them of its outputs."""
        raw = super().graph(model, images, 'raw')
        if kind == 'raw':
            return raw
        several = any(base.__name__ == 'MultiLabelClsHead' for base in type(model.head).__mro__)
        return {'scores': raw['raw'].sigmoid() if several else raw['raw'].softmax(1)}


@MODELS.register_module('SuperLinearClsHead')
def super_linear_cls_head(**options: Any) -> nn.Module:
    """mmpretrain's LinearClsHead for any width up to `in_channels`; arguments are those.

    In configs it is `dict(type='scalenas.SuperLinearClsHead', ...)`; the head of an exported
    network is LinearClsHead itself. Needs mmpretrain.
    """
    from mmpretrain.models.heads import LinearClsHead

    head = LinearClsHead(**options)
    head.fc = SuperLinear(head.in_channels, head.num_classes)
    result: nn.Module = head
    return result


def _folders(root: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in root.iterdir() if path.is_dir()))


def _check_metric(metric: Mapping[str, Any], number: int, name: str, place: str) -> None:
    if kind(metric) == 'Accuracy':
        _check_topk(metric, number, name)
    sized = metric.get('num_classes') if kind(metric) in SIZED else None
    if is_whole(sized) and sized != number:
        raise ConfigError(
            where=f'{name}.num_classes',
            got=sized,
            allowed=f'{number}, as {place}.num_classes',
        )


def _check_topk(part: Mapping[str, Any], number: int, place: str) -> None:
    given = part.get('topk', (1,))
    values = given if isinstance(given, list | tuple) else (given,)
    if not values or not all(is_whole(k) and 1 <= k <= number for k in values):
        raise ConfigError(
            where=f'{place}.topk',
            got=given,
            allowed=f'numbers from 1 to {number}, the classes of the head',
        )


def _resize(variables: Mapping[str, Any], arch: Arch) -> None:
    """Training and test crops of the arch's own resolution, cut as before."""
    if arch.size is None:
        return
    side = arch.size[0]
    steps = [as_dict(part) for _, part in tables_in(variables)]
    scales = [step['scale'] for step in steps if step.get('type') in CROPS]
    if not scales:
        raise ExportError(
            f'the images of the recipe have no RandomResizedCrop that could become {side}',
            where='train_dataloader.dataset.pipeline',
        )
    old = scales[0]
    for step in steps:
        if step.get('type') in ('CenterCrop', 'EfficientNetCenterCrop'):
            step['crop_size'] = side
        elif step.get('type') in (*CROPS, 'ResizeEdge'):
            step['scale'] = round(step['scale'] * side / old)
