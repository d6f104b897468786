"""Is the data there? Asked before a run starts, so that the answer can be one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .annotations import Wanted, check_annotations
from .coco_datasets import as_coco
from .errors import DataError


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Pass when every folder and annotation file that the datasets name exists and is usable.

    Files in COCO's format are read and checked, for mmpose's and mmdet's data sets; so are the
    files that the evaluators of these loaders name. The message names the config's variable `prepare_data`, the command that makes the data, if it
    has one. Left to themselves are our own datasets, which say how to get the data, and those in
    remote storage or without mmengine's `data_root`, `data_prefix` and `ann_file`.

    Raises:
        DataError: names the first path that is missing, or what is wrong in a file.
    """
    command = cfg.get('prepare_data')
    hint = f'make it with: {command}' if command else f'see the head of {cfg.filename}'
    good: set[tuple[Path, Wanted]] = set()
    for loader in loaders:
        for dataset in _datasets((cfg.get(loader) or {}).get('dataset')):
            for path in _paths(dataset):
                _check_exists(path, loader, hint)
            wanted = as_coco(cfg, dataset, loader, hint) if _is_local(dataset) else None
            if wanted is not None:
                path = Path(dataset.get('data_root') or '') / dataset['ann_file']
                _check_exists(path, loader, hint)
                if (path, replace(wanted, where='')) not in good:
                    check_annotations(path, wanted)
                    good.add((path, replace(wanted, where='')))
        name = loader.replace('dataloader', 'evaluator')
        for part in _listed(cfg.get(name)):
            if isinstance(part.get('ann_file'), str) and '://' not in part['ann_file']:
                _check_exists(Path(part['ann_file']), name, hint)


def _check_exists(path: Path, where: str, hint: str) -> None:
    if not path.exists():
        missing = next(p for p in (*reversed(path.parents), path) if not p.exists())
        raise DataError(f'{where}: no such folder or file: {missing}; {hint}')


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return list(value) if isinstance(value, list | tuple) else [value or {}]


def _datasets(value: Any) -> Iterator[Mapping[str, Any]]:
    """The dataset itself and those it wraps (RepeatDataset, ConcatDataset ...)."""
    if isinstance(value, Mapping):
        yield value
        yield from _datasets(value.get('dataset'))
        yield from _datasets(value.get('datasets'))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _datasets(item)


def _is_local(dataset: Mapping[str, Any]) -> bool:
    backend = (dataset.get('backend_args') or {}).get('backend', 'local')
    names = (dataset.get('data_root'), dataset.get('ann_file'))
    return backend == 'local' and not any('://' in str(name) for name in names)


def _paths(dataset: Mapping[str, Any]) -> Iterator[Path]:
    root = dataset.get('data_root') or ''
    if str(dataset.get('type')).startswith('scalenas.') or not _is_local({**dataset, 'ann_file': 0}):
        return
    if root:
        yield Path(root)
    prefix = dataset.get('data_prefix') or {}
    names = [prefix] if isinstance(prefix, str) else list(prefix.values())
    for name in [*names, dataset.get('ann_file')]:
        if isinstance(name, str) and name and '://' not in name:
            yield Path(root) / name
    if isinstance(dataset.get('bbox_file'), str):  # mmpose joins it with no root
        yield Path(dataset['bbox_file'])
