"""Is the data there and usable? Asked before a run starts, so that the answer can be one line.

Every split is listed whole, and one sample of each goes through its own pipeline, so what is
checked is what would be trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from scalenas.config.described import (
    check_class_names,
    check_joined,
    check_paths,
    class_of,
    described,
    is_local,
)
from scalenas.config.described import described as _datasets
from scalenas.config.described import is_local as _is_local
from scalenas.config.diagnosis import diagnosed
from scalenas.config.parts import accepted
from scalenas.config.private_random import seeded
from scalenas.errors import DataError, UserError

from .known import task_of, task_of_class
from .loading import leaves, watch
from .task import Task

BUILD_ERRORS = (
    *(TypeError, ValueError, AttributeError, LookupError),
    *(AssertionError, RuntimeError, OSError),
)
"""What the packages raise for values of a config that they cannot use."""


def check_sample(cfg: Mapping[str, Any], loaders: Sequence[str], hint: str) -> None:
    """Pass when heads fit, and what data sets load is good to train on or to test with.

    Data sets are built and read where their task wants to look into them. `hint` says how to get
    the data.

    Raises:
        UserError: names the first thing that is wrong, and a file where it is of one.
    """
    task_of(cfg).check_config(cfg, loaders)
    scope = cfg.get('default_scope')
    classes: dict[str, tuple[str, ...]] = {}
    for loader in loaders:
        parts = list(described((cfg.get(loader) or {}).get('dataset')))
        for part in parts:
            check_class_names(part, loader)
        for part in parts:
            check_joined(part, scope, loader)
        kinds = [class_of(part, scope) for part in parts]
        if not any(kind and looks_into(kind) for kind in kinds) or not all(map(is_local, parts)):
            continue
        with seeded(0):
            for leaf in leaves(watch(built(cfg, loader))):
                if looks_into(type(leaf)):
                    task = task_of_class(type(leaf))
                    classes[loader] = task.check_dataset(cfg, leaf, loader, hint)
    check_same_classes(classes)


def looks_into(kind: type) -> bool:
    """Whether the task of a class of data sets wants to see what they load."""
    return task_of_class(kind).looks_into(kind)


def check_same_classes(classes: Mapping[str, Sequence[str]]) -> None:
    """Pass when all splits number their classes alike: dataloader -> names.

    Folders are numbered by their order, so one that a split lacks shifts all after it.

    Raises:
        DataError: names the first class that differs.
    """
    items = [(loader, list(names)) for loader, names in classes.items() if names]
    for loader, names in items[1:]:
        first, others = items[0]
        if names == others:
            continue
        place = next(
            (i for i, (a, b) in enumerate(zip(names, others, strict=False)) if a != b),
            min(len(names), len(others)),
        )
        mine, theirs = (n[place] if place < len(n) else None for n in (names, others))
        raise DataError(
            f'label {place} is {mine!r} here, and {theirs!r} in {first}',
            where=f'{loader}.dataset',
            got=names,
            allowed=f'the classes of {first}, in their order',
            hint='give both the same metainfo.classes; folders of classes must be the same, too',
        )


def built(cfg: Mapping[str, Any], loader: str) -> Any:
    """The data set of a dataloader, with its files listed.

    Raises:
        UserError: in one line, what its package says against it.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        try:
            dataset = DATASETS.build(_listed(cfg[loader]['dataset'], cfg.get('default_scope')))
            dataset.full_init()
        except UserError:
            raise
        except BUILD_ERRORS as error:
            clear = diagnosed(cfg, error) if isinstance(cfg, Config) else None
            if clear is not None:
                raise clear from None
            line = ' '.join(f'{type(error).__name__}: {error}'.split())
            raise DataError(line[:300], where=f'{loader}.dataset') from error
    return dataset


def _listed(value: Any, scope: str | None) -> Any:
    """The description of data sets that keep their lists as they are: mmengine packs an empty one
    into an error, and collects all garbage for each."""
    if isinstance(value, list | tuple):
        return [_listed(item, scope) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind = class_of(value, scope)
    inner = {key: _listed(value[key], scope) for key in ('dataset', 'datasets') if key in value}
    if kind is not None and looks_into(kind):
        known = accepted(kind)
        if known is None or 'serialize_data' in known:
            inner['serialize_data'] = False
    return {**value, **inner}


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
    """The tasks that data sets of the dataloaders are of, each once."""
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
    """Pass unless the images of a search would be scored by the annotations of others."""
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
