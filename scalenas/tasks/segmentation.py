"""mmsegmentation: a class for every pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor, nn

from scalenas.arch import Arch, Head, SegHead
from scalenas.config.diagnosis import clear_errors
from scalenas.errors import ConfigError, DataError

from .heads import (
    check_class_count,
    check_loss_weights,
    class_count,
    concatenate,
    enlarge,
    heads,
    is_whole,
    kind,
    metrics,
    table_of,
    task_model,
)
from .known import register_task
from .label_maps.classes import check_classes, count_exactly
from .label_maps.files import check_segmentation
from .label_maps.labels import BYTE, LabelRule, check_batch
from .metrics import Check, Metric, with_prefix, words
from .own_data import (
    SPLITS,
    HeldOut,
    OwnData,
    colours,
    folders_of,
    listed,
    paths_below,
    splits_of,
    suffix_of,
)
from .task import FROZEN, Task

OF_EDGES = ('STDCHead',)
"""Auxiliary heads that find the edges of classes, not the classes."""

OF_MASKS = ('SideAdapterCLIPHead',)
"""Heads whose losses know one class more: no object."""

WITHOUT_LOGITS = (
    *('MaskFormerHead', 'Mask2FormerHead', 'SideAdapterCLIPHead', 'PointHead'),
    *('SegmenterMaskTransformerHead', 'IterativeDecodeHead'),
)
"""Heads without a `conv_seg` that gives the scores of all classes everywhere."""

RESULTS = {
    'mIoU': ['mIoU', 'mAcc'],
    'mDice': ['mDice', 'mAcc'],
    'mFscore': ['mFscore', 'mPrecision', 'mRecall'],
}
"""`iou_metrics` of IoUMetric -> what each of them gives besides `aAcc`."""


def _results(metric: Metric) -> list[str]:
    names = ['aAcc']
    for name in words(metric.get('iou_metrics', ['mIoU'])):
        names += RESULTS.get(name, [])
    return [] if metric.get('format_only') else with_prefix(metric, '', dict.fromkeys(names))


def _are_iou_metrics(value: Any) -> bool:
    given = [value] if isinstance(value, str) else value
    return isinstance(given, list | tuple) and bool(given) and all(m in RESULTS for m in given)


# Another name is found out when the first validation is at its end.
IOU_METRICS: Check = (_are_iou_metrics, f'some of {", ".join(RESULTS)}')


@register_task
class Segmentation(Task):
    """Label maps `gt_sem_seg` next to the images, a `decode_head`, and IoUMetric."""

    package = 'mmseg'
    visualizer = 'SegLocalVisualizer'
    graphs = ('raw', 'task', 'labels')
    recipes: ClassVar = {
        'seg': 'configs/scalenas_seg/cityscapes/scalenas_s1_8xb3-484e_cityscapes-512x1024.py'
    }
    results: ClassVar = {'IoUMetric': _results}
    headline = ('mIoU', 'mDice', 'mFscore')
    metric_values: ClassVar = {'IoUMetric': {'iou_metrics': IOU_METRICS}}
    metric_arguments: ClassVar = {
        'IoUMetric': (
            *('iou_metrics', 'ignore_index', 'nan_to_num', 'beta', 'collect_device'),
            *('output_dir', 'format_only', 'prefix', 'keep_results', 'backend_args'),
        )
    }

    def counted_head(self, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """HRNetV2's: all feature maps concatenated, one 1x1 convolution, the classifier."""
        one = head.get('num_convs', 2) == 1 and head.get('kernel_size', 3) == 1
        sees = head.get('in_channels')
        given = list(sees) if isinstance(sees, list | tuple) else [sees]
        whole = given == list(channels) and head.get('channels') == sum(channels)
        joined = head.get('input_transform') == 'resize_concat'
        plain = not head.get('concat_input', True)
        if kind(head) == 'FCNHead' and one and whole and joined and plain:
            return SegHead(head.get('num_classes', 0), conv_bias=False)
        return None

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        """The head concatenates all feature maps, and images grow with the network."""
        arch = concatenate(variables['model'], arch)
        enlarge(variables, resolution)
        return arch

    def open_heads(self, model: dict[str, Any]) -> None:
        """Heads of one map read all maps together; auxiliary ones, of inner maps, go."""
        model.pop('auxiliary_head', None)
        given = model.get('decode_head')
        if isinstance(given, list | tuple) and not model.get('neck'):
            model['decode_head'] = [_opened(head) for head in given]
        elif isinstance(given, Mapping) and not model.get('neck'):
            model['decode_head'] = _opened(given)

    def distillation(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """By the logits of the head, of several the last, where there is a label."""
        head, tap = model.get('decode_head'), 'decode_head'
        if isinstance(head, list | tuple):
            head, tap = head[-1], f'decode_head.{len(head) - 1}'
        if kind(head) in WITHOUT_LOGITS:
            return None
        ignored = head.get('ignore_index', BYTE) if isinstance(head, Mapping) else BYTE
        return {**FROZEN, 'tap': f'{tap}.conv_seg', 'ignore_index': ignored}

    def hold_out(self, dataset: Any, count: int | None, seed: int) -> HeldOut:
        """Lists of names, as mmseg's data sets read them."""
        suffix, folder = dataset.img_suffix, dataset.data_prefix['img_path']
        names = [path.removesuffix(suffix) for path, _ in paths_below(dataset, folder)]
        return listed(names, count, seed, str(folder))

    def own_data(self, cfg: Mapping[str, Any], root: Path, classes: Sequence[str]) -> OwnData:
        """images/SPLIT, and labels/SPLIT with the numbers of classes from 0 on."""
        layout = 'images/train, images/val and perhaps images/test, the same below labels/'
        if not classes:
            raise DataError('are missing', where='--classes', allowed='names, from label 0 on')
        images = folders_of(root, ('images', 'img'), layout)
        labels = folders_of(root, ('labels', 'annotations', 'masks', 'ann'), layout)
        there = {name: name for name in SPLITS if (images / name).is_dir()}
        about = {
            'type': 'BaseSegDataset',
            'data_root': str(root),
            'img_suffix': suffix_of(images),
            'seg_map_suffix': suffix_of(labels),
            'metainfo': {'classes': tuple(classes), 'palette': colours(len(classes))},
        }
        splits = {
            name: {
                **about,
                'data_prefix': {
                    'img_path': f'{images.name}/{folder}',
                    'seg_map_path': f'{labels.name}/{folder}',
                },
            }
            for name, folder in splits_of(there, images, layout).items()
        }
        return OwnData(splits, classes)

    def label_maps(self, samples: Sequence[Any]) -> Tensor | None:
        """`gt_sem_seg` of all samples."""
        if not all('gt_sem_seg' in sample for sample in samples):
            return None
        maps: list[Any] = [sample.gt_sem_seg.data for sample in samples]
        return torch.stack(maps)

    def check_config(self, cfg: Mapping[str, Any], loaders: Sequence[str]) -> None:
        """Losses weigh as many classes as their heads have."""
        for place, head in heads(cfg, 'decode_head', 'auxiliary_head'):
            if kind(head) not in OF_MASKS:
                check_loss_weights(head, place)

    def looks_into(self, dataset: type) -> bool:
        """All data sets with label maps."""
        return any(base.__name__ == 'BaseSegDataset' for base in dataset.__mro__)

    def check_dataset(
        self, cfg: Mapping[str, Any], dataset: Any, loader: str, hint: str
    ) -> tuple[str, ...]:
        """Every file is asked for, some are read; labels are classes of the head."""
        rule = label_rule(cfg, loader)
        classes = dataset.metainfo.get('classes')
        # Of this dataloader alone: others may have a transform of the same class.
        with clear_errors(Config({loader: cfg[loader]})):
            if rule is not None:
                place = next(heads(cfg, 'decode_head'))[0]
                check_class_count(rule.num_classes, f'{place}.num_classes', classes, loader)
            check_segmentation(cfg, dataset, loader, rule, hint)
        return tuple(classes) if isinstance(classes, list | tuple) else ()

    def batch_check(
        self, cfg: Mapping[str, Any], loader: str
    ) -> Callable[[Mapping[str, Any]], object] | None:
        """Label maps hold classes; a loss would end in an IndexError, a metric say nothing."""
        rule = label_rule(cfg, loader)
        if rule is None:
            return None
        about = table_of(task_model(cfg)[1], 'data_preprocessor') or table_of(
            cfg, 'data_preprocessor'
        )
        return partial(check_batch, rule=rule, where=loader, size=about.get('size'))

    def rearrange(self, model: nn.Module) -> None:
        """HRNetV2's head convolves maps before it enlarges them."""
        from .label_maps.summed_head import sum_heads

        sum_heads(model)

    def make_exact(self, metric: Any, present: bool) -> None:
        """Areas in whole numbers, means in float64."""
        count_exactly(metric, present)

    def check_classes(self, cfg: Mapping[str, Any], batches: Any, metrics: Sequence[Any]) -> None:
        """A class without a pixel makes the mean over classes arbitrary."""
        rule = label_rule(cfg, 'search_dataloader')
        if rule is not None:
            check_classes(cfg, batches, metrics, rule)

    def graph(self, model: Any, images: Tensor, kind: str) -> dict[str, Any]:
        """Finished: logits (N, K, H, W) at the size of the images, or labels (N, H, W) of those."""
        raw = super().graph(model, images, 'raw')
        if kind == 'raw':
            return raw
        logits = F.interpolate(
            raw['raw'], images.shape[2:], mode='bilinear', align_corners=model.align_corners
        )
        if kind == 'task':
            return {'logits': logits}
        if logits.shape[1] > 1:
            return {'labels': logits.argmax(1)}
        return {'labels': (logits[:, 0].sigmoid() > model.decode_head.threshold).long()}


def _opened(head: Mapping[str, Any]) -> dict[str, Any]:
    """A head of one map as one of all maps; one of several is as it should be."""
    single = is_whole(head.get('in_channels'))
    return {**head, **({'input_transform': 'resize_concat'} if single else {})}


def label_rule(cfg: Mapping[str, Any], loader: str) -> LabelRule | None:
    """What a label of this dataloader may hold; None where no head says how many classes there are.

    Training ignores what the head says, a score what its metric says.

    Raises:
        ConfigError: when heads disagree about the number of classes.
    """
    counted = [(place, h) for place, h in heads(cfg, 'decode_head') if class_count(h) is not None]
    if not counted:
        return None
    first, head = counted[0]
    number = class_count(head)
    others = [
        (place, part)
        for place, part in heads(cfg, 'auxiliary_head')
        if kind(part) not in OF_EDGES and class_count(part) is not None
    ]
    for place, part in (*counted[1:], *others):
        if class_count(part) != number:
            raise ConfigError(
                where=f'{place}.num_classes',
                got=part['num_classes'],
                allowed=f'{number}, as {first}.num_classes',
            )
    ignore: Any = head.get('ignore_index', BYTE)
    if loader != 'train_dataloader':
        scoring = [m for _, m in metrics(cfg, loader) if kind(m).endswith('IoUMetric')]
        ignore = scoring[0].get('ignore_index', BYTE) if scoring else ignore
    return LabelRule(number or 0, ignore if is_whole(ignore) else None)
