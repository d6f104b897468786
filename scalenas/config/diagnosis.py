"""What is wrong with a config that could not be built: the part, the key, the nearest right one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine import registry as mm
from mmengine.config import Config
from mmengine.registry import Registry

from scalenas.arch.strict import suggest

from .errors import ConfigError
from .read import read_by_mmengine

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
)
"""Registries that parts of a config may come from."""

BY_SUBNETS = ('search_dataloader', 'calibration_dataloader', 'search_evaluator')
"""Parts that mmengine does not read, but the evaluation of sub-nets."""

BY_BUILDERS = ('norm_cfg', 'conv_cfg', 'act_cfg', 'upsample_cfg', 'plugins', 'init_cfg')
"""Parts that a builder function reads before their class does: they may have keys for it."""


@contextmanager
def clear_errors(cfg: Config) -> Iterator[None]:
    """An error of a build that a mistake in the config explains becomes a ConfigError."""
    try:
        yield
    except (TypeError, KeyError) as error:
        clear = diagnosed(cfg, error)
        if clear is None:
            raise
        raise clear from None


def diagnosed(cfg: Config, error: Exception) -> ConfigError | None:
    """The error of a build as one line that names the place in the config; None if it is not one.

    Understood are keys that a class does not take, keys that it needs, and classes that are not
    registered.
    """
    text = str(error.args[0]) if error.args else ''
    if 'unexpected keyword argument' in text:
        return unknown_key(cfg)
    if found := re.search(r"(\w+)\.__init__\(\) missing .* arguments?: '(\w+)'", text):
        for place, part in _built_parts(cfg):
            if part['type'].split('.')[-1] == found[1] and found[2] not in part:
                return ConfigError(f'{place} ({part["type"]}): key {found[2]!r} is missing')
    if found := re.match(r'(\S+) is not in the (\S+) registry', text):
        for place, part in _built_parts(cfg):
            if part['type'] == found[1]:
                near = suggest(found[1], _names(cfg.get('default_scope')))
                return ConfigError(f'{place}.type: no class is registered as {found[1]!r}{near}')
    return None


def unknown_key(cfg: Config) -> ConfigError | None:
    """The first key of the config that its class does not take, as an error with a suggestion."""
    for place, part in _built_parts(cfg):
        keys = set(part) - {'type', '_scope_', 'priority'}
        scope = cfg.get('default_scope')
        worst: tuple[str, set[str]] | None = None
        for registry in BUILT:
            found = _lookup(registry, part['type'], scope)
            known = None if found is None else accepted(found)
            if found is None:
                continue
            if known is None or keys <= known:
                worst = None
                break
            worst = min(keys - known), known
        if worst is not None:
            key, known = worst
            hint = suggest(key, known) or f' (allowed: {", ".join(sorted(known))})'
            return ConfigError(f'{place} ({part["type"]}): unknown key {key!r}{hint}')
    return None


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


def _lookup(registry: Registry, name: str, scope: str | None) -> Any:
    # A name without scope means the task package's class, as in a build.
    with registry.switch_scope_and_registry(scope) as current:
        return current.get(name)


def _names(scope: str | None) -> set[str]:
    names: set[str] = set()
    for registry in BUILT:
        with registry.switch_scope_and_registry(scope) as current:
            names |= set(current.module_dict)
        ours = registry.children.get('scalenas')
        names |= {f'scalenas.{name}' for name in ours.module_dict} if ours else set()
    return names


def _built_parts(cfg: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every part with a `type` in what is built."""
    read = {*read_by_mmengine(), *BY_SUBNETS}
    content = {k: v for k, v in cfg._cfg_dict.to_dict().items() if k in read}
    for place, part in _parts(content, ''):
        if isinstance(part['type'], str):
            yield place, part


def _parts(value: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if 'type' in value:
            yield place, value
        for key, child in value.items():
            if key not in BY_BUILDERS:
                yield from _parts(child, f'{place}.{key}' if place else str(key))
    elif isinstance(value, list | tuple):
        for i, child in enumerate(value):
            yield from _parts(child, f'{place}[{i}]')
