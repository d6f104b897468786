"""Metrics at full precision: two sub-nets may differ by less than a metric prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from numbers import Real
from types import MethodType
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from torch import Tensor, nn

from scalenas.tasks.coco.average_precision import BOXES, POSES, average_precision

_IOU = 'mmseg.evaluation.metrics.iou_metric'


def unrounded(evaluator: Evaluator, present: bool = False) -> Evaluator:
    """The same evaluator, whose mmseg IoUMetric and CocoMetrics neither round nor print.

    With `present` means of IoUMetric are over the classes that the truth holds: one that is nowhere
    would count, as 0, from the first pixel on that is taken for it.

    mmdet's CocoMetric rounds to three decimals, and neither has a score for a net that finds
    nothing: it is 0.
    IoUMetric rounds to two decimals of a percent, and adds its areas in float32, which is not
    exact from 2**24 pixels of one class on. Its areas are counted here in one pass over an image
    instead of six: beside a small network the metric would take as long as some stages.
    """
    for metric in evaluator.metrics:
        if is_iou(metric):
            metric.compute_metrics = partial(_scores, metric, present=present)
            if metric.output_dir is None and not metric.format_only:
                metric.process = MethodType(_count, metric)
        if any(base.__module__ in (BOXES, POSES) for base in type(metric).__mro__):
            metric.compute_metrics = MethodType(average_precision, metric)
    return evaluator


def is_iou(metric: Any) -> bool:
    """True for mmseg's IoUMetric, and what is made from it."""
    return any(base.__module__ == _IOU for base in type(metric).__mro__)


def areas(found: Tensor, truth: Tensor, num_classes: int, ignore: int) -> tuple[Tensor, ...]:
    """Pixels per class of one image: intersection, union, found, true; as IoUMetric counts them.

    found, truth: (H, W), integers from 0. A class from `num_classes` on counts nowhere.
    """
    columns = max(num_classes, int(found.max()) + 1)
    table = torch.bincount((truth * columns).add_(found).flatten(), minlength=columns * num_classes)
    # The last row may be short of columns that nothing fell into.
    rows = -(-len(table) // columns)
    table = nn.functional.pad(table, (0, rows * columns - len(table))).reshape(rows, columns).cpu()
    if ignore < rows:
        table[ignore] = 0
    both = table.diagonal()[:num_classes]
    found, truth = table.sum(0)[:num_classes], table.sum(1)[:num_classes]
    return both, found + truth - both, found, truth


def _count(metric: Any, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
    num_classes = len(metric.dataset_meta['classes'])
    for sample in data_samples:
        # mmseg gives the classes of a model with one output channel as floats.
        found = sample['pred_sem_seg']['data'].squeeze().long()
        truth = sample['gt_sem_seg']['data'].squeeze().to(found)
        metric.results.append(areas(found, truth, num_classes, metric.ignore_index))


def _scores(
    metric: Any, results: Sequence[tuple[Tensor, ...]], present: bool = False
) -> dict[str, float]:
    if metric.format_only:
        return {}
    totals = [torch.stack(column).double().sum(0) for column in zip(*results, strict=True)]
    if present:
        there = totals[-1] > 0
        totals = [total[there] for total in totals]
    per_class = metric.total_area_to_metrics(
        *totals, metric.metrics, metric.nan_to_num, metric.beta
    )
    return {
        name if name == 'aAcc' else f'm{name}': float(np.nanmean(values) * 100)
        for name, values in per_class.items()
    }


def full_precision(metrics: dict[str, Any]) -> dict[str, float]:
    """Plain floats of what an evaluator returned; lists and tables, as of classes, are left out."""
    return {name: float(value) for name, value in metrics.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        return math.prod(value.shape) == 1
    return isinstance(value, Real | np.generic)
