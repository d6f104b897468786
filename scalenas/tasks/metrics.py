"""Metrics as configs describe them: wrong arguments, and the names of their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scalenas.config.values import Check, check_known, check_table
from scalenas.config.walk import tables_in

from .heads import kind
from .known import task_of_class, task_of_type
from .task import Task

Metric = Mapping[str, Any]

__all__ = ['Check', 'Metric', 'check_metrics', 'fit_truth', 'metric_names', 'with_prefix', 'words']


def check_metrics(cfg: Mapping[str, Any]) -> None:
    """Pass when no metric has an argument that shows as wrong after hours, or never.

    Raises:
        ConfigError: names the place, the value, and what is allowed.
    """
    for name, value in cfg.items():
        if not str(name).endswith('_evaluator'):
            continue
        for where, metric in tables_in(value, name):
            task = task_of_type(metric, cfg.get('default_scope'))
            check_table(where, metric, task.metric_values.get(kind(metric), {}))
            if kind(metric) in task.metric_arguments:
                check_known(where, metric, task.metric_arguments[kind(metric)])


def metric_names(cfg: Mapping[str, Any], name: str = 'val_evaluator') -> list[str] | None:
    """All names that an evaluator of a config gives, in order; None where a metric is not known."""
    names: list[str] = []
    for metric in words(cfg.get(name)):
        if not isinstance(metric, Mapping):
            return None
        names_of_one = task_of_type(metric, cfg.get('default_scope')).metric_names(metric)
        if names_of_one is None:
            return None
        names += names_of_one
    return names


def with_prefix(metric: Metric, default: str, names: Iterable[str]) -> list[str]:
    """Names of results behind the prefix of their metric."""
    prefix = default if metric.get('prefix') is None else metric['prefix']
    return [f'{prefix}/{name}' if prefix else name for name in names]


def words(value: Any) -> list[Any]:
    """A list as it is, and one thing as a list."""
    return list(value) if is_listed(value) else [value]


def is_listed(value: Any) -> bool:
    """True for a list or a tuple."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def fit_truth(metrics: Sequence[Any], loader: Any, where: str) -> None:
    """Lets every built metric with a truth of its own score what `loader` shows, and no more.

    `where` is the variable of the config that describes the metrics.

    Raises:
        DataError: when the truth is of other images or classes, or has nothing to score.
    """
    groups: dict[Task, list[Any]] = {}
    for metric in _flat(metrics):
        groups.setdefault(task_of_class(type(metric)), []).append(metric)
    for task, own in groups.items():
        task.fit_truth(own, loader, where)


def _flat(metrics: Sequence[Any]) -> Iterator[Any]:
    """Metrics, and those that they hold."""
    for metric in metrics:
        parts = getattr(metric, 'metrics', None)
        yield from parts.values() if isinstance(parts, Mapping) else (metric,)
