"""mmdetection: boxes of objects, and their masks; one-stage and two-stage detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scalenas.arch import Arch, Head, RCNNHead
from scalenas.config.values import Check
from scalenas.config.walk import tables_in
from scalenas.errors import DataError, EvaluationError, ExportError

from .coco.annotations import Wanted
from .coco.average_precision import comes_from, score_exactly
from .coco.datasets import Reading, as_coco, check_coco
from .coco.truth import fit_boxes, fit_truth
from .heads import keep_resolution, kind, needs_all_maps, table_of
from .known import register_task
from .metrics import Metric, with_prefix, words
from .own_data import HeldOut, OwnData, annotated, coco_splits
from .task import FROZEN, Task

_TWO_STAGE = 'mmdet.models.detectors.two_stage.TwoStageDetector'
_ROI_HEAD = 'mmdet.models.roi_heads.standard_roi_head.StandardRoIHead'


def outputs_of_all_heads(detector: Any, inputs: Tensor) -> Any:
    """What both stages of a detector give before thresholds and suppression.

    `inputs`: (N, C, H, W), preprocessed. The regions that a detector's second stage sees are a
    fixed grid of boxes, as many as it keeps of an image at most: `test_cfg.rpn.max_per_img` for
    boxes and `test_cfg.rcnn.max_per_img` for masks. On the meta device nothing is computed.
    """
    maps = detector.extract_feat(inputs)
    head, kept = detector.roi_head, detector.test_cfg
    regions = _pooled(head.bbox_roi_extractor, maps, _grid(kept.rpn.max_per_img, inputs))
    outputs = [maps, detector.rpn_head(maps), head.bbox_head(regions)]
    if head.with_mask:
        regions = _pooled(head.mask_roi_extractor, maps, _grid(kept.rcnn.max_per_img, inputs))
        outputs.append(head.mask_head(regions))
    return outputs


def two_stage(model: nn.Module) -> Any:
    """The two-stage detector that `model` is or wraps; None when there is none.

    Raises:
        EvaluationError: for a detector whose second stage is of another kind than mmdet's standard.
    """
    detector = next((m for m in model.modules() if _is_a(m, _TWO_STAGE)), None)
    head = getattr(detector, 'roi_head', None)
    if detector is not None and not (_is_a(head, _ROI_HEAD) and detector.with_rpn):
        raise EvaluationError(
            f'{type(detector).__name__} with a second stage of type {type(head).__name__}: only '
            "detectors with an RPN and a 'StandardRoIHead' can be counted and compared"
        )
    return detector


def _is_a(value: object, name: str) -> bool:
    # mmdet is not imported for models of other packages.
    return any(f'{base.__module__}.{base.__qualname__}' == name for base in type(value).__mro__)


def _grid(count: int, inputs: Tensor) -> Tensor:
    """(count, 5): image index 0, and boxes of several sizes all over the image."""
    height, width = inputs.shape[2:]
    steps = torch.arange(count, dtype=inputs.dtype, device=inputs.device)
    size = 0.1 + 0.8 * (steps * 0.6180339887 % 1)
    left, top = (steps * 0.7548776662 % 1) * (1 - size), (steps * 0.5698402910 % 1) * (1 - size)
    corners = (left * width, top * height, (left + size) * width, (top + size) * height)
    return torch.stack([torch.zeros_like(steps), *corners], dim=1)


def _pooled(extractor: Any, maps: Any, boxes: Tensor) -> Tensor:
    if boxes.is_meta:
        side = extractor.roi_layers[0].output_size
        result: Tensor = maps[0].new_empty(len(boxes), extractor.out_channels, *side)
        return result
    pooled: Tensor = extractor(maps[: extractor.num_inputs], boxes)
    return pooled


SINGLE_STAGE = {
    'FCOSHead': 'conv_cls',
    'RetinaHead': 'retina_cls',
    'ATSSHead': 'atss_cls',
    'GFLHead': 'gfl_cls',
}
"""Heads of one stage -> the layer that says which class is where."""

METRIC = 'mmdet.evaluation.metrics.coco_metric'

READING = Reading(
    package='mmdet',
    base='CocoDataset',
    methods=('load_data_list', 'parse_data_info'),
    scored=('iscrowd',),
    area=True,
)

MEANS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')
RECALLS = ('AR@100', 'AR@300', 'AR@1000', 'AR_s@1000', 'AR_m@1000', 'AR_l@1000')
ITEMS: Check = (
    lambda value: (
        isinstance(value, list | tuple)
        and bool(value)
        and all(item in (*MEANS, *RECALLS) for item in value)
    ),
    f'a list of some of {", ".join((*MEANS, *RECALLS))}',
)


def _boxes(metric: Metric) -> list[str] | None:
    if metric.get('classwise') or metric.get('format_only'):
        return None
    items = metric.get('metric_items') or MEANS
    kinds = words(metric.get('metric', 'bbox'))
    if not set(kinds) <= {'bbox', 'segm'}:
        return None
    return with_prefix(metric, 'coco', [f'{kind}_{item}' for kind in kinds for item in items])


@register_task
class Detection(Task):
    """Boxes in COCO's format, a neck of several levels, and COCO's metrics."""

    package = 'mmdet'
    visualizer = 'DetLocalVisualizer'
    recipes: ClassVar = {
        'faster_rcnn': 'configs/scalenas_det/coco/faster_rcnn_scalenas_s2_8xb2-1x_coco.py',
        'mask_rcnn': 'configs/scalenas_det/coco/mask_rcnn_scalenas_s2_8xb2-1x_coco.py',
    }
    headline = ('coco/bbox_mAP', 'coco/segm_mAP', 'coco/bbox_mAP_50')
    results: ClassVar = {'CocoMetric': _boxes}
    metric_values: ClassVar = {'CocoMetric': {'metric_items': ITEMS}}

    def head(self, model: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """Faster or Mask R-CNN as HRNet's recipes have it; others are not counted."""
        neck, rpn, roi = (table_of(model, name) for name in ('neck', 'rpn_head', 'roi_head'))
        if kind(neck) != 'HRFPN' or self.named_heads(model) != ['rpn_head', 'roi_head']:
            return None
        width = neck.get('out_channels', 256)
        box, mask = table_of(roi, 'bbox_head'), roi.get('mask_head')
        ratios = table_of(rpn, 'anchor_generator').get('ratios') or ()
        usual = (
            list(neck.get('in_channels', ())) == list(channels)
            and neck.get('num_outs', 5) == 5
            and (kind(rpn), rpn.get('feat_channels', 256), len(ratios)) == ('RPNHead', width, 3)
            and kind(roi) == 'StandardRoIHead'
            and kind(box) == 'Shared2FCBBoxHead'
            and (mask is None or (kind(mask), mask.get('num_convs', 4)) == ('FCNMaskHead', 4))
        )
        if not usual:
            return None
        test = table_of(model, 'test_cfg')
        return RCNNHead(
            box.get('num_classes', 80),
            mask is not None,
            width,
            table_of(test, 'rpn').get('max_per_img', 1000),
            table_of(test, 'rcnn').get('max_per_img', 100),
            box.get('fc_out_channels', 1024),
        )

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        """The neck takes all feature maps of a net that gives them."""
        needs_all_maps(arch, 'detection')
        keep_resolution(resolution)
        model = variables['model']
        neck = table_of(model, 'neck')
        channels, sees = [f.channels for f in arch.features((256, 256))], neck.get('in_channels')
        alike = isinstance(sees, list | tuple) and len(sees) == len(channels)
        if kind(neck) != 'HRFPN' and not alike:
            raise ExportError(
                'the recipe cannot take the maps of the net',
                where='model.neck',
                got=neck.get('type'),
                allowed=f"a neck over {len(channels)} maps, such as 'HRFPN'",
            )
        model['neck'] = {**neck, 'in_channels': channels}
        return arch

    def distillation(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """By objectness of the first stage, by the classes of a single one, else by the neck."""
        head = kind(model.get('bbox_head'))
        tap = 'neck' if model.get('neck') else ''
        if kind(model.get('rpn_head')) == 'RPNHead':
            tap = 'rpn_head.rpn_cls'
        elif head in SINGLE_STAGE:
            tap = f'bbox_head.{SINGLE_STAGE[head]}'
        return {**FROZEN, 'tap': tap} if tap else None

    def hold_out(self, dataset: Any, count: int | None, seed: int) -> HeldOut:
        """Two files of COCO's annotations."""
        return annotated(dataset.ann_file, count, seed)

    def own_data(self, cfg: Mapping[str, Any], root: Path, classes: Sequence[str]) -> OwnData:
        """COCO's files; the classes are the categories of that of training."""
        splits, truth, content = coco_splits(root)
        named = tuple(str(row.get('name')) for row in content['categories'])
        if classes and tuple(classes) != named:
            raise DataError(where='--classes', got=list(classes), allowed=named)
        about = {'type': 'CocoDataset', 'metainfo': {'classes': named}}
        sets = {name: {**about, **part} for name, part in splits.items()}
        sets['train']['filter_cfg'] = {'filter_empty_gt': True, 'min_size': 1}
        for name in ('val', 'test'):
            sets[name]['test_mode'] = True
        return OwnData(sets, named, truth, metric={'type': 'CocoMetric', 'metric': 'bbox'})

    def check_files(self, cfg: Mapping[str, Any], loaders: Sequence[str], hint: str) -> None:
        """COCO files of boxes and outlines; their categories are the classes of the data set."""

        def wanted_of(dataset: Mapping[str, Any], loader: str) -> Wanted | None:
            wanted = as_coco(cfg, dataset, loader, hint, READING)
            if wanted is None:
                return None
            classes = wanted.reader.metainfo.get('classes') or ()
            _check_names(classes, loader)
            named = 'classes' in (dataset.get('metainfo') or {})
            loads = _loads_masks(dataset)
            return replace(wanted, classes=tuple(classes), named=named, loads_masks=loads)

        check_coco(cfg, loaders, wanted_of)

    def fit_truth(self, metrics: Sequence[Any], loader: Any, where: str) -> None:
        """CocoMetric scores the images that the dataloader shows."""
        own = [metric for metric in metrics if comes_from(metric, METRIC)]
        fit_truth(own, loader, where, fit_boxes)

    def make_exact(self, metric: Any, present: bool) -> None:
        """CocoMetric at full precision, not three decimals; a net that finds nothing scores 0."""
        score_exactly(metric, METRIC)

    def raw_outputs(self, model: nn.Module, inputs: Tensor, samples: Any = None) -> Any:
        """Of a two-stage detector, of all its heads, over boxes that are given.

        Raises:
            EvaluationError: for a second stage of another kind than mmdet's standard.
        """
        detector = two_stage(model)
        if detector is None:
            return super().raw_outputs(model, inputs, samples)
        return outputs_of_all_heads(detector, inputs)

    def graph(self, model: Any, images: Tensor, kind: str) -> dict[str, Any]:
        """The maps of the neck of a two-stage detector, which chooses regions after them."""
        if two_stage(model) is None:
            return super().graph(model, images, kind)
        return {'map': model.extract_feat(images)}

    def graph_head(self, model: nn.Module) -> str:
        """None of a two-stage detector."""
        return super().graph_head(model) if two_stage(model) is None else ''


def _check_names(classes: Any, loader: str) -> None:
    where = f'{loader}.dataset.metainfo.classes'
    if isinstance(classes, str):
        raise DataError(
            where=where,
            got=classes,
            allowed="a tuple of names, as ('tree',), or the path of a file with one name a line",
        )
    if other := [name for name in classes if not isinstance(name, str)]:
        raise DataError(
            where=where,
            got=other[0],
            allowed='names as text: those of the categories of the file',
            hint=f'write {str(other[0])!r}',
        )


def _loads_masks(dataset: Mapping[str, Any]) -> Any:
    """mmdet's transform that loads outlines, None where the pipeline has none."""
    for _, part in tables_in(dataset.get('pipeline')):
        if kind(part) == 'LoadAnnotations' and part.get('with_mask'):
            from mmdet.datasets.transforms import LoadAnnotations

            return LoadAnnotations(with_mask=True, poly2mask=part.get('poly2mask', True))
    return None
