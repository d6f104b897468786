"""Is the data there? Asked before a run starts, so that the answer can be one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .errors import DataError


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Pass when every folder and annotation file that the datasets name exists.

    The message names the config's variable `prepare_data`, the command that makes the data, if it
    has one. Left to themselves are our own datasets, which say how to get the data, and those in
    remote storage or without mmengine's `data_root`, `data_prefix` and `ann_file`.

    Raises:
        DataError: names the first path that is missing.
    """
    command = cfg.get('prepare_data')
    hint = f'make it with: {command}' if command else f'see the head of {cfg.filename}'
    for loader in loaders:
        for dataset in _datasets((cfg.get(loader) or {}).get('dataset')):
            for path in _paths(dataset):
                if not path.exists():
                    missing = next(p for p in (*reversed(path.parents), path) if not p.exists())
                    raise DataError(f'{loader}: no such folder or file: {missing}; {hint}')


def _datasets(value: Any) -> Iterator[Mapping[str, Any]]:
    """The dataset itself and those it wraps (RepeatDataset, ConcatDataset ...)."""
    if isinstance(value, Mapping):
        yield value
        yield from _datasets(value.get('dataset'))
        yield from _datasets(value.get('datasets'))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _datasets(item)


def _paths(dataset: Mapping[str, Any]) -> Iterator[Path]:
    if str(dataset.get('type')).startswith('scalenas.'):
        return
    root = dataset.get('data_root') or ''
    backend = (dataset.get('backend_args') or {}).get('backend', 'local')
    if '://' in root or backend != 'local':
        return
    if root:
        yield Path(root)
    prefix = dataset.get('data_prefix') or {}
    names = [prefix] if isinstance(prefix, str) else list(prefix.values())
    for name in [*names, dataset.get('ann_file')]:
        if isinstance(name, str) and name and '://' not in name:
            yield Path(root) / name
