"""Arguments of this package's own classes, held against their type hints before they are built.

A text given for a number would end somewhere inside torch, or nowhere: `with_cp='no'` is true.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from mmengine.config import Config

from scalenas.errors import ConfigError

from .parts import BUILT, registered, tables


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
        found = registered(registry, kind, scope)
        for base in getattr(found, '__mro__', ()):
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
