"""mmseg's IoUMetric without rounding, and in one pass over an image instead of six."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_IOU = 'mmseg.evaluation.metrics.iou_metric'


def count_exactly(metric: Any, present: bool = False) -> None:
    """Lets an IoUMetric count in whole numbers, and neither round nor print; others stay.

    With `present` its means are over the classes that the truth holds: one that is nowhere would
    count, as 0, from the first pixel on that is taken for it.

    It rounds to two decimals of a percent, and adds its areas in float32, which is not exact from
    2**24 pixels of one class on. Beside a small network it would take as long as some stages.
    """
    if not is_iou(metric):
        return
    metric.compute_metrics = partial(_scores, metric, present=present)
    if metric.output_dir is None and not metric.format_only:
        metric.process = MethodType(_count, metric)


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
