"""A folder of one's own data in place of that of a stock config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.config.walk import tables_in
from scalenas.errors import ConfigError, DataError
from scalenas.tasks import task_of

from .adopt import overrides
from .code import Code, extended, instead

OF_LABELS = ('reduce_zero_label',)
"""Arguments of transforms that are about the labels of one data set."""


def own_data(cfg: Config, root: Path, classes: Sequence[str]) -> dict[str, Any]:
    """Variables of stock.py: data sets, truth of metrics, and heads with as many outputs.

    Raises:
        UserError: for a folder that is not in the layout of the task.
    """
    if not root.is_dir():
        raise DataError('no such folder', where=root)
    given = task_of(cfg).own_data(cfg, root, classes)
    number = len(given.classes)
    shared = _shared(given.splits)
    variables: dict[str, Any] = {'own_data': shared}
    for split, described in given.splits.items():
        name = f'{split}_dataloader'
        own = {key: value for key, value in described.items() if key not in shared}
        own |= {'pipeline': _pipeline(cfg[name], f'_base_.{name}')}
        variables[f'{split}_data'] = extended('own_data', {'_delete_': True, **own})
        variables[name] = {'dataset': Code(f'{split}_data')}
        metrics = cfg.get(f'{split}_evaluator')
        if metrics is not None:
            truth = given.truth.get(split)
            fitted = _metrics(metrics, truth, number)
            if given.metric and not _has(metrics, given.metric):
                own = {**given.metric, 'ann_file': truth}
                fitted = [own] if isinstance(metrics, list | tuple) else instead(own, True)
            if fitted != metrics:
                variables[f'{split}_evaluator'] = fitted
    old = {name: cfg._cfg_dict.to_dict().get(name, {}) for name in ('model', 'data_preprocessor')}
    return {**variables, **merged(overrides(old, _with_classes(old, number)), given.model)}


def _with_classes(value: Any, number: int) -> Any:
    """Heads, and whatever else has a number of classes, with another one."""
    if isinstance(value, list | tuple):
        return type(value)(_with_classes(item, number) for item in value)
    if not isinstance(value, Mapping):
        return value
    same = {key: _with_classes(item, number) for key, item in value.items()}
    return {**same, 'num_classes': number, **_topk(same, number)} if 'num_classes' in same else same


def _shared(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all splits say alike."""
    first, *others = splits.values()
    return {k: v for k, v in first.items() if all(part.get(k, k) == v for part in others)}


def _pipeline(loader: Mapping[str, Any], start: str) -> Any:
    """The transforms of the first data set, without what is about the labels of the stock data."""
    for place, table in tables_in(loader.get('dataset'), f'{start}.dataset'):
        if steps := table.get('pipeline'):
            if not any(key in step for _, step in tables_in(steps) for key in OF_LABELS):
                return Code(f'{place}.pipeline')
            return [{k: v for k, v in step.items() if k not in OF_LABELS} for step in steps]
    raise DataError('has none', where=f'{start.removeprefix("_base_.")}.dataset.pipeline')


def _has(metrics: Any, kind: Mapping[str, Any]) -> bool:
    """Whether an evaluator has a metric of a kind, by the class and COCO's type of truth."""
    listed = metrics if isinstance(metrics, list | tuple) else [metrics]
    usual = (metric for metric in listed if metric.get('iou_type', 'keypoints') == 'keypoints')
    return any(str(metric.get('type')).split('.')[-1] == kind['type'] for metric in usual)


def _metrics(given: Any, truth: str | None, number: int) -> Any:
    """Metrics that read the truth of the data, and ask for no more classes than there are."""
    if isinstance(given, list | tuple):
        return [_metrics(metric, truth, number) for metric in given]
    fitted = {**given, **_topk(given, number)}
    return {**fitted, 'ann_file': truth} if truth and 'ann_file' in given else fitted


def _topk(part: Mapping[str, Any], number: int) -> dict[str, Any]:
    given = part.get('topk')
    if not isinstance(given, list | tuple) or all(k <= number for k in given):
        return {}
    return {'topk': tuple(k for k in given if k <= number)}


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of both; where both say something, what the other says.

    Raises:
        ConfigError: for a part of something that the first one says as an expression.
    """
    both = dict(one)
    for key, value in other.items():
        inner = both.get(key)
        if isinstance(inner, Code):
            raise ConfigError(
                'comes from --data', where=f'--cfg-options: {key}', got=value, hint='edit stock.py'
            )
        both[key] = merged(inner, value) if isinstance(inner, Mapping) else value
    return both
