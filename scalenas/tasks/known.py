"""Which task packages are known, and which of them a config, a class or a model is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from scalenas.errors import UserError

from .heads import task_model
from .task import Task, unknown_scope

_KNOWN: dict[str, Task] = {}

OF_NO_PACKAGE = ('mmengine', 'scalenas')
"""Scopes of configs whose models are of no task package."""

PLAIN = Task()
"""For models of no task package: what mmengine alone can do."""


def register_task(kind: type[Task]) -> type[Task]:
    """Lets configs of `kind.package` be checked, trained, searched and exported; a decorator.

    A module that the config names in `custom_imports` may do this. A second task of the same
    package replaces the first.

    Raises:
        UserError: for what is no task, or a task without `package`.
    """
    if not isinstance(kind, type) or not issubclass(kind, Task):
        raise UserError(
            where='register_task', got=kind, allowed='a subclass of scalenas.tasks.Task'
        )
    if not kind.package:
        raise UserError(
            where=f'{kind.__name__}.package',
            got=kind.package,
            allowed='the import name of a package',
        )
    _KNOWN[kind.package] = kind()
    return kind


def tasks() -> tuple[Task, ...]:
    """All that are registered."""
    return tuple(_KNOWN.values())


def task_of(cfg: Mapping[str, Any]) -> Task:
    """The task of a config, by the scope in its model's type, else by `default_scope`.

    Of a SuperNet the task model inside counts. Models of no package have the task `PLAIN`.

    Raises:
        ConfigError: for a package that nobody registered.
    """
    place, model = task_model(cfg)
    type_ = model.get('type')
    if isinstance(type_, type):
        return task_of_class(type_)
    prefix = type_.partition('.')[0] if isinstance(type_, str) and '.' in type_ else ''
    default = cfg.get('default_scope')
    by_type = prefix in _KNOWN or not isinstance(default, str)
    scope = prefix if by_type else str(default)
    if scope in ('', *OF_NO_PACKAGE):
        return PLAIN
    if scope not in _KNOWN:
        raise unknown_scope(scope, sorted(_KNOWN), f'{place}.type' if by_type else 'default_scope')
    return _KNOWN[scope]


def task_of_type(part: Mapping[str, Any], scope: object) -> Task:
    """The task of a part of a config, by its type's own scope, else by that of the config."""
    type_ = part.get('type')
    if isinstance(type_, type):
        return task_of_class(type_)
    package, _, _ = str(type_).rpartition('.')
    return _KNOWN.get(package or str(scope), PLAIN)


def task_of_class(kind: type) -> Task:
    """The task of the package that a class, or one of its bases, is of."""
    for base in kind.__mro__:
        task = _KNOWN.get(base.__module__.partition('.')[0])
        if task is not None:
            return task
    return PLAIN


def task_of_model(model: nn.Module) -> Task:
    """The task of the outermost module in a built model that a package made."""
    return next(
        (t for t in map(task_of_class, map(type, model.modules())) if t is not PLAIN), PLAIN
    )


def task_of_samples(samples: object) -> Task:
    """The task of the data samples of a batch, by the class of the first."""
    if not isinstance(samples, Sequence) or not samples:
        return PLAIN
    return task_of_class(type(samples[0]))
