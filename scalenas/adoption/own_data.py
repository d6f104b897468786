"""A folder of one's own data in place of that of a stock config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.config.walk import tables_in, walk
from scalenas.errors import ConfigError, DataError
from scalenas.tasks import task_of

from .code import Code, extended
from .stock import leaf_of, nested

OF_LABELS = ('reduce_zero_label',)
"""Arguments of transforms that are about the labels of one data set."""


def own_data(cfg: Config, root: Path, classes: Sequence[str]) -> dict[str, Any]:
    """Variables of stock.py: data sets, truth of metrics, and heads with as many outputs.

    Raises:
        UserError: for a folder that is not in the layout of the task.
    """
    if not root.is_dir():
        raise DataError('no such folder', where=root)
    given = task_of(cfg).own_data(root, classes)
    number = len(given.classes)
    shared = _shared(given.splits)
    variables: dict[str, Any] = {'own_data': shared}
    for split, described in given.splits.items():
        name = f'{split}_dataloader'
        keys, leaf = leaf_of(cfg[name], name)
        own = {key: value for key, value in described.items() if key not in shared}
        own |= {'pipeline': _pipeline(leaf, f'_base_.{name}.{".".join(keys)}')}
        variables[f'{split}_data'] = extended('own_data', {'_delete_': True, **own})
        variables[name] = {'dataset': Code(f'{split}_data')}
        metrics = cfg.get(f'{split}_evaluator')
        if metrics is not None:
            fitted = _metrics(metrics, given.truth.get(split), number)
            if fitted != metrics:
                variables[f'{split}_evaluator'] = fitted
    model: dict[str, Any] = dict(given.model)
    for part in ('model', 'data_preprocessor'):
        for path, table in walk(cfg.get(part)):
            if isinstance(table, Mapping) and isinstance(table.get('num_classes'), int):
                if any(isinstance(key, int) for key in path):
                    raise DataError(
                        'heads in a list cannot be changed by a config that inherits',
                        where=f'{part}.{".".join(map(str, path))}.num_classes',
                        hint='set it in a config of your own, and give that',
                    )
                fitted = {'num_classes': number, **_topk(table, number)}
                whole = nested(tuple(map(str, path)), fitted)
                if part == 'model':
                    model = merged(model, whole)
                else:
                    variables[part] = whole
    if model:
        variables['model'] = model
    return variables


def _shared(splits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all splits say alike."""
    first, *others = splits.values()
    return {k: v for k, v in first.items() if all(part.get(k, k) == v for part in others)}


def _pipeline(leaf: Mapping[str, Any], place: str) -> Any:
    """Its transforms, without what is about the labels of the stock data."""
    steps = leaf.get('pipeline')
    if not any(key in table for _, table in tables_in(steps) for key in OF_LABELS):
        return Code(f'{place}.pipeline')
    return [{k: v for k, v in step.items() if k not in OF_LABELS} for step in steps or ()]


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
