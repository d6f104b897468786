"""The parts of a config that are built: where each is, what its class takes, of which types.

A string given for a number fails somewhere inside torch, or not at all: `with_cp='no'` is true.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from mmengine import registry as mm
from mmengine.config import Config
from mmengine.registry import Registry

from scalenas.errors import ConfigError

from .variables import read_later
from .walk import tables_in

BUILT = (
    mm.MODELS,
    mm.DATASETS,
    mm.TRANSFORMS,
    mm.HOOKS,
    mm.METRICS,
    mm.LOOPS,
    mm.OPTIM_WRAPPERS,
    mm.OPTIMIZERS,
    mm.PARAM_SCHEDULERS,
    mm.DATA_SAMPLERS,
    mm.VISUALIZERS,
    mm.VISBACKENDS,
)
"""Registries that parts of a config may come from."""

BY_BUILDERS = ('norm_cfg', 'conv_cfg', 'act_cfg', 'upsample_cfg', 'plugins', 'init_cfg')
"""Parts that a builder function reads before their class does: they may have keys for it."""


def built_parts(cfg: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every part with a `type` in what is built, but `BY_BUILDERS`."""
    for place, part in tables(cfg, BY_BUILDERS):
        if isinstance(part.get('type'), str):
            yield place, part


def tables(cfg: Config, without: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every table in the variables that are read, the outer ones first."""
    read = read_later()
    plain = cfg._cfg_dict.to_dict()
    for key, value in plain.items():
        if key in read:
            yield from tables_in(value, key, without)


def accepted(what: Any) -> set[str] | None:
    """Names of all arguments that a class (with its bases) or a function takes; None: any."""
    if not inspect.isclass(what):
        parameters = inspect.signature(what).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None
        return {p.name for p in parameters}
    names: set[str] = set()
    for base in what.__mro__:
        init = vars(base).get('__init__')
        if init is None:
            continue
        parameters = inspect.signature(init).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names - {'self'}
    return None


def registered(registry: Registry, name: str, scope: str | None) -> Any:
    """What `name` means in a config of this scope: without one the task package's class."""
    with registry.switch_scope_and_registry(scope) as current:
        return current.get(name)


def registered_names(scope: str | None) -> set[str]:
    """All that a `type` may be in a config of this scope."""
    names: set[str] = set()
    for registry in BUILT:
        with registry.switch_scope_and_registry(scope) as current:
            names |= set(current.module_dict)
        ours = registry.children.get('scalenas')
        names |= {f'scalenas.{name}' for name in ours.module_dict} if ours else set()
    return names


def check_hints(cfg: Config) -> None:
    """Pass when every part of this package gets arguments of the types that it takes.

    Raises:
        ConfigError: names the place, the value, and the type.
    """
    for place, part in tables(cfg):
        kind = part.get('type')
        if not isinstance(kind, str) or not kind.startswith('scalenas.'):
            continue
        hints = _hints(kind, cfg.get('default_scope'))
        for key, value in part.items():
            if key in hints and not fits(value, hints[key]):
                raise ConfigError(where=f'{place}.{key}', got=value, allowed=_text(hints[key]))


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of a config is of a type; of what a config cannot hold, it is."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in args)
    if origin is Literal:
        return value in args
    if hint is None or hint is types.NoneType:
        return value is None
    if hint in (bool, str):
        return isinstance(value, hint)
    if hint in (int, float):
        return isinstance(value, int | float if hint is float else int) and not isinstance(
            value, bool
        )
    kind = origin or hint
    if kind in (dict, Mapping, collections.abc.Mapping):
        return isinstance(value, Mapping)
    if kind in (list, tuple, collections.abc.Sequence):
        if not isinstance(value, list | tuple):
            return False
        if kind is tuple and args and args[-1] is not Ellipsis:
            pairs = zip(value, args, strict=False)
            return len(value) == len(args) and all(fits(item, part) for item, part in pairs)
        return not args or all(fits(item, args[0]) for item in value)
    return True


def _hints(kind: str, scope: str | None) -> Mapping[str, Any]:
    """Type hints of a class's own arguments; none for what is not ours, or cannot be told."""
    for registry in BUILT:
        cls = registered(registry, kind, scope)
        for base in getattr(cls, '__mro__', ()):
            init = vars(base).get('__init__')
            if init is not None:
                if not base.__module__.startswith('scalenas.'):
                    return {}
                try:
                    return typing.get_type_hints(init)
                except (NameError, TypeError):  # imported for type checkers alone
                    return {}
    return {}


def _text(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(map(_text, args))
    if origin is Literal:
        return ', '.join(map(repr, args))
    words = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}
    if hint in words:
        return words[hint]
    if hint is types.NoneType:
        return 'None'
    if (origin or hint) in (list, tuple, collections.abc.Sequence):
        return 'a list'
    return 'a table' if (origin or hint) in (dict, collections.abc.Mapping) else 'another type'
