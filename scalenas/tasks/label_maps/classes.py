"""mmseg's IoUMetric in one pass and unrounded, and whether a split holds every class it averages.

A class that is nowhere is left out of a mean over classes, until a network predicts it in a single
pixel: then it counts as 0. Which networks lose those points is chance.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from scalenas.errors import EvaluationError

from .labels import LabelRule, check_batch

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


def areas(pred: Tensor, truth: Tensor, num_classes: int, ignore: int) -> tuple[Tensor, ...]:
    """Pixels per class of an image: intersection, union, predicted, true; as IoUMetric counts them.

    pred, truth: (H, W), integers from 0. A class from `num_classes` on counts nowhere.
    """
    columns = max(num_classes, int(pred.max()) + 1)
    table = torch.bincount((truth * columns).add_(pred).flatten(), minlength=columns * num_classes)
    # The last row may be short of columns that nothing fell into.
    rows = -(-len(table) // columns)
    table = nn.functional.pad(table, (0, rows * columns - len(table))).reshape(rows, columns).cpu()
    if ignore < rows:
        table[ignore] = 0
    both = table.diagonal()[:num_classes]
    pred, truth = table.sum(0)[:num_classes], table.sum(1)[:num_classes]
    return both, pred + truth - both, pred, truth


def _count(metric: Any, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
    num_classes = len(metric.dataset_meta['classes'])
    for sample in data_samples:
        # mmseg gives the classes of a model with one output channel as floats.
        pred = sample['pred_sem_seg']['data'].squeeze().long()
        truth = sample['gt_sem_seg']['data'].squeeze().to(pred)
        # One tensor, for mmengine copies and gathers them one by one.
        counted = areas(pred, truth, num_classes, metric.ignore_index)
        metric.results.append(torch.stack(counted))


def _scores(
    metric: Any, results: Sequence[Sequence[Tensor] | Tensor], present: bool = False
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


BY_PREDICTION = ('mIoU', 'mDice', 'mPrecision')
"""Means that a class without a true pixel enters when it is found somewhere."""

PATIENCE = 5.0


def check_classes(
    cfg: Mapping[str, Any], batches: Iterable[Any], metrics: Sequence[Any], rule: LabelRule
) -> None:
    """Pass when every class is in an image of `batches`, or the searched metric does not mind.

    All labels are read, and looked at; `batches` are those that candidates are scored on.

    Raises:
        EvaluationError: names the classes that are not there.
        DataError: for a label that does not fit.
    """
    search = cfg.get('search')
    aims = search.get('objectives') if isinstance(search, Mapping) else None
    searched = [aim if isinstance(aim, str) else aim[0] for aim in aims or ()]
    minded = [name for name in searched if name.split('/')[-1] in BY_PREDICTION]
    scored = [metric for metric in metrics if is_iou(metric)]
    # With `nan_to_num=0` a class that is nowhere always counts as 0.
    if not scored or not minded or scored[0].nan_to_num == 0:
        return
    names = (scored[0].dataset_meta or {}).get('classes') or range(rule.num_classes)
    pixels = _pixels(batches, rule)
    absent = [str(names[i]) for i in range(len(names)) if not pixels[i] and i != rule.ignore]
    if absent:
        raise EvaluationError(
            f'no image holds {", ".join(absent[:5])}{", ..." if len(absent) > 5 else ""}: '
            f'{minded[0]} would fall by {100 / len(names):.3g} or so with the first pixel that a '
            'network takes for it',
            where='search_dataloader',
            got=f'{len(names) - len(absent)} of {len(names)} classes',
            allowed='a split that holds all classes',
            hint="add images, or set search.classes='present' to score over the classes that are "
            'there',
        )


def _pixels(batches: Iterable[Any], rule: LabelRule) -> Counter[int]:
    total: Counter[int] = Counter()
    start, said = time.monotonic(), False
    for count, batch in enumerate(batches, 1):
        total += check_batch(batch, rule, 'search_dataloader', count=True)
        if not said and time.monotonic() - start > PATIENCE:
            said = True
            print_log(f'search_dataloader: counting classes, {count} batches read', 'current')
    return total
