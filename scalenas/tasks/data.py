"""Is the data there? Asked before a run starts, so that the answer can be one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scalenas.config.described import check_paths, class_of
from scalenas.config.described import described as _datasets
from scalenas.config.described import is_local as _is_local
from scalenas.errors import DataError

from .known import task_of_class
from .sample import check_sample
from .task import Task

FILES = ('bbox_file', 'headbox_file')
"""Files that mmpose's datasets read, whose names do not begin at `data_root`."""


def check_data(cfg: Mapping[str, Any], loaders: tuple[str, ...], sample: bool = True) -> None:
    """Pass when every folder and file exists that the datasets and their metrics name.

    Annotations that the task knows are read, too, and must be good to train on or to test with. So
    must be a sample of what a data set loads; `sample=False` leaves it out.

    The message names the config's variable `prepare_data`, the command that makes the data, if it
    has one. Left to themselves are our own datasets, which say how to get the data, and those in
    remote storage or without mmengine's `data_root`, `data_prefix` and `ann_file`.

    Raises:
        DataError: names the first path that is missing, or what is wrong in a file.
    """
    command = cfg.get('prepare_data')
    head = getattr(cfg, 'filename', None) or 'the config'
    hint = f'make it with: {command}' if command else f'see the head of {head}'
    for loader in loaders:
        for dataset in _datasets((cfg.get(loader) or {}).get('dataset')):
            check_paths(dataset, loader)
        metric = loader.replace('_dataloader', '_evaluator')
        needed = [
            (loader, path)
            for dataset in _datasets((cfg.get(loader) or {}).get('dataset'))
            for path in _paths(dataset)
        ]
        if loader == 'search_dataloader' and cfg.get(metric) is None:
            metric = 'val_evaluator'
            _check_same_truth(cfg)
        needed += [(metric, path) for path in _truths(cfg.get(metric))]
        for where, path in needed:
            if not path.exists():
                missing = next(p for p in (*reversed(path.parents), path) if not p.exists())
                raise DataError('no such folder or file', where=f'{where}: {missing}', hint=hint)
    for task in _tasks(cfg, loaders):
        task.check_files(cfg, loaders, hint)
    if sample:
        check_sample(cfg, loaders, hint)


def _tasks(cfg: Mapping[str, Any], loaders: tuple[str, ...]) -> list[Task]:
    """The tasks that data sets of the loaders are of, each once."""
    scope = cfg.get('default_scope')
    parts = (
        part for loader in loaders for part in _datasets((cfg.get(loader) or {}).get('dataset'))
    )
    kinds = (class_of(part, scope) for part in parts)
    return list(dict.fromkeys(task_of_class(kind) for kind in kinds if kind is not None))


def _truths(metrics: Any) -> Iterator[Path]:
    """Annotation files that metrics read by themselves, as those of COCO do."""
    for metric in metrics if isinstance(metrics, list | tuple) else [metrics]:
        name = metric.get('ann_file') if isinstance(metric, Mapping) else None
        if isinstance(name, str) and '://' not in name:
            yield Path(name)


def _check_same_truth(cfg: Mapping[str, Any]) -> None:
    """Pass unless the pictures of a search would be scored by the annotations of others."""
    dataset = (cfg.get('search_dataloader') or {}).get('dataset') or {}
    if not isinstance(dataset, Mapping) or not dataset.get('ann_file') or not _is_local(dataset):
        return
    own = Path(dataset.get('data_root') or '') / dataset['ann_file']
    for path in _truths(cfg.get('val_evaluator')):
        if path.resolve() != own.resolve():
            raise DataError(
                'is missing, and val_evaluator scores by another file than search_dataloader reads',
                where='search_evaluator',
                got=str(path),
                allowed=f'{own}, as ann_file',
            )


def _paths(dataset: Mapping[str, Any]) -> Iterator[Path]:
    if str(dataset.get('type')).startswith('scalenas.'):
        return
    if not _is_local(dataset):
        return
    root = dataset.get('data_root') or ''
    if root:
        yield Path(root)
    prefix = dataset.get('data_prefix') or {}
    yield from (Path(dataset[key]) for key in FILES if dataset.get(key))
    names = [prefix] if isinstance(prefix, str) else list(prefix.values())
    for name in [*names, dataset.get('ann_file')]:
        if isinstance(name, str) and name and '://' not in name:
            yield Path(root) / name
