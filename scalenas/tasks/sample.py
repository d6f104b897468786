"""A look at the data before hours are spent: each split is listed whole, and a sample is read.

A sample goes through the data set's own pipeline, so what is judged is what would be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from scalenas.config.described import check_class_names, check_joined, class_of, described, is_local
from scalenas.config.diagnosis import accepted, diagnosed
from scalenas.config.private_random import seeded
from scalenas.errors import DataError, UserError

from .known import task_of, task_of_class
from .loading import leaves, watch

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
    """Pass when all splits number their classes alike: loader -> names.

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
    """The data set of a loader, with its files listed.

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
