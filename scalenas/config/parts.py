"""The parts of a config that are built, each with its place, and what their classes take."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine import registry as mm
from mmengine.config import Config
from mmengine.registry import Registry

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
