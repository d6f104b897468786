"""Data sets as a config describes them: those inside others, their class, what joins them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.registry import DATASETS, DefaultScope

from scalenas.errors import ConfigError

from .parts import accepted

FILES = ('ann_file', 'bbox_file', 'headbox_file')
"""Keys of data sets that name one file."""


def described(value: Any) -> Iterator[Mapping[str, Any]]:
    """The dataset itself and those it wraps (RepeatDataset, ConcatDataset ...)."""
    if isinstance(value, Mapping):
        yield value
        yield from described(value.get('dataset'))
        yield from described(value.get('datasets'))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from described(item)


def is_local(dataset: Mapping[str, Any]) -> bool:
    """False for data in remote storage."""
    backend = (dataset.get('backend_args') or {}).get('backend', 'local')
    return backend == 'local' and '://' not in (dataset.get('data_root') or '')


def class_of(dataset: Mapping[str, Any], scope: str | None) -> type | None:
    """The class that a description names; None where it names none that is registered."""
    kind = dataset.get('type')
    if isinstance(kind, str):
        with DATASETS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(kind)
    return kind if isinstance(kind, type) else None


def check_paths(dataset: Mapping[str, Any], where: str) -> None:
    """Pass when the places of a data set are names.

    Raises:
        ConfigError: for one that is no text.
    """
    root, prefix = dataset.get('data_root'), dataset.get('data_prefix')
    if root is not None and not isinstance(root, str):
        raise ConfigError(where=f'{where}.dataset.data_root', got=root, allowed='a folder')
    if prefix is not None and not isinstance(prefix, str | Mapping):
        raise ConfigError(
            where=f'{where}.dataset.data_prefix',
            got=prefix,
            allowed='a folder, or a mapping such as dict(img_path=...)',
        )
    names = (
        {f'data_prefix.{k}': v for k, v in prefix.items()} if isinstance(prefix, Mapping) else {}
    )
    names |= {name: dataset.get(name) for name in FILES}
    for name, value in names.items():
        if value is not None and not isinstance(value, str):
            raise ConfigError(where=f'{where}.dataset.{name}', got=value, allowed='a path')


def check_class_names(dataset: Mapping[str, Any], where: str) -> None:
    """Pass unless the names of classes are one text, whose letters would be the classes.

    Raises:
        ConfigError: names the place.
    """
    about = dataset.get('metainfo')
    names = about.get('classes') if isinstance(about, Mapping) else None
    # mmengine takes a file of names, too.
    if isinstance(names, str) and not os.path.isfile(names):
        raise ConfigError(
            where=f'{where}.dataset.metainfo.classes',
            got=names,
            allowed='a tuple of names, or a file with one in each line',
            hint=f'of one class: classes=({names[:40]!r},)',
        )


def check_joined(dataset: Mapping[str, Any], scope: str | None, where: str) -> None:
    """Pass unless a ConcatDataset joins data sets that differ in what they say of themselves.

    Raises:
        ConfigError: names what differs.
    """
    parts = dataset.get('datasets')
    kind = class_of(dataset, scope)
    if kind is None or not isinstance(parts, list | tuple) or kind.__name__ != 'ConcatDataset':
        return
    if not kind.__module__.startswith('mmengine.'):
        return  # mmdet's joins what differs
    ignored = dataset.get('ignore_keys') or ()
    about = [_metainfo(part, scope) for part in parts]
    for number, (other, part) in enumerate(zip(about, parts, strict=True)):
        first = about[0]
        if not first or other is None:
            continue
        for key in {*first, *other} - set([ignored] if isinstance(ignored, str) else ignored):
            mine, theirs = other.get(key), first.get(key)
            if type(mine) is not type(theirs) or not _same(mine, theirs):
                raise ConfigError(
                    f'data sets that are joined must agree in {key!r}',
                    where=f'{where}.dataset.datasets[{number}] ({part.get("type")})',
                    got=mine,
                    allowed=f'that of the first: {theirs!r:.80}',
                    hint=f'give all the same metainfo, or ignore_keys=[{key!r}] of ConcatDataset',
                )


def _metainfo(part: Any, scope: str | None) -> Mapping[str, Any] | None:
    """What a data set says of itself, without its files being read; None where that fails."""
    kind = class_of(part, scope) if isinstance(part, Mapping) else None
    known = set() if kind is None else accepted(kind)
    if kind is None or (known is not None and 'lazy_init' not in known):
        return None
    with DefaultScope.overwrite_default_scope(scope):
        try:
            built = DATASETS.build({**part, 'lazy_init': True})
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError, OSError):
            return None  # the build itself says why
    meta = built.metainfo
    return meta if isinstance(meta, Mapping) else None


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, 'shape'):
        return bool(one.shape == other.shape and (one == other).all())
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(v, other[k]) for k, v in one.items())
    if isinstance(one, Sequence) and not isinstance(one, str):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_same(a, b) for a, b in pairs)
    return bool(one == other)
