"""Metrics at full precision: two sub-nets may differ by less than a metric prints."""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import Evaluator


def unrounded(evaluator: Evaluator) -> Evaluator:
    """The same evaluator, in which mmseg's IoUMetric neither rounds nor prints its table.

    IoUMetric rounds to two decimals of a percent and adds its areas in float32, which is not
    exact from 2**24 pixels of one class on.
    """
    for metric in evaluator.metrics:
        if any(base.__module__ == _IOU for base in type(metric).__mro__):
            metric.compute_metrics = MethodType(_iou, metric)
    return evaluator


_IOU = 'mmseg.evaluation.metrics.iou_metric'


def _iou(metric: Any, results: Sequence[tuple[torch.Tensor, ...]]) -> dict[str, float]:
    if metric.format_only:
        return {}
    areas = [torch.stack(column).double().sum(0) for column in zip(*results, strict=True)]
    per_class = metric.total_area_to_metrics(*areas, metric.metrics, metric.nan_to_num, metric.beta)
    return {
        name if name == 'aAcc' else f'm{name}': float(np.nanmean(values) * 100)
        for name, values in per_class.items()
    }


def full_precision(metrics: dict[str, Any]) -> dict[str, float]:
    """Plain floats of what an evaluator returned."""
    return {name: float(value) for name, value in metrics.items()}
