"""A look at the data before hours are spent: each split is listed whole, and a sample is read.

A sample goes through the data set's own pipeline, so what is judged is what would be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from scalenas.config.described import check_class_names, check_joined, class_of, described, is_local
from scalenas.config.diagnosis import accepted, clear_errors, diagnosed
from scalenas.config.private_random import seeded
from scalenas.errors import DataError, UserError

from .class_folders import check_class_folders, check_same_classes
from .heads import check_class_count, check_heads, heads, label_rule
from .label_maps.files import check_segmentation
from .loading import leaves, watch

PACKAGES = {'BaseSegDataset': 'mmseg', 'BaseDataset': 'mmpretrain'}
"""Class that the data sets of a package come from -> the package."""

BUILD_ERRORS = (
    *(TypeError, ValueError, AttributeError, LookupError),
    *(AssertionError, RuntimeError, OSError),
)
"""What the packages raise for values of a config that they cannot use."""


def check_sample(cfg: Mapping[str, Any], loaders: Sequence[str], hint: str) -> None:
    """Pass when segmentation and classification data are good to train on or to test with.

    `hint` says how to get the data.

    Raises:
        UserError: names the first thing that is wrong, and a file where it is of one.
    """
    check_heads(cfg, loaders)
    scope = cfg.get('default_scope')
    classes: dict[str, tuple[str, ...]] = {}
    for loader in loaders:
        parts = list(described((cfg.get(loader) or {}).get('dataset')))
        for part in parts:
            check_class_names(part, loader)
        for part in parts:
            check_joined(part, scope, loader)
        kinds = [class_of(part, scope) for part in parts]
        if not any(kind and package_of(kind) for kind in kinds) or not all(map(is_local, parts)):
            continue
        with seeded(0):
            for leaf in leaves(watch(built(cfg, loader))):
                if package_of(type(leaf)) == 'mmseg':
                    # Of this loader alone: others may have a transform of the same class.
                    with clear_errors(Config({loader: cfg[loader]})):
                        classes[loader] = _check_segmentation(cfg, leaf, loader, hint)
                elif package_of(type(leaf)) == 'mmpretrain':
                    classes[loader] = check_class_folders(cfg, leaf, loader)
    check_same_classes(classes)


def _check_segmentation(
    cfg: Mapping[str, Any], leaf: Any, loader: str, hint: str
) -> tuple[str, ...]:
    rule = label_rule(cfg, loader)
    classes = leaf.metainfo.get('classes')
    if rule is not None:
        place = next(heads(cfg, 'decode_head'))[0]
        check_class_count(rule.num_classes, f'{place}.num_classes', classes, loader)
    check_segmentation(cfg, leaf, loader, rule, hint)
    return tuple(classes) if isinstance(classes, list | tuple) else ()


def package_of(kind: type) -> str:
    """The package that a class of data sets is of, by its bases; '' for another."""
    for base in kind.__mro__:
        name = PACKAGES.get(base.__name__)
        if name and base.__module__.startswith(f'{name}.'):
            return name
    return ''


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
    if kind is not None and package_of(kind):
        known = accepted(kind)
        if known is None or 'serialize_data' in known:
            inner['serialize_data'] = False
    return {**value, **inner}
