"""Reading configs so that a mistake in one is a line, not a traceback."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine import registry as mm
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner

from scalenas.arch.strict import suggest

from .errors import ConfigError

SUFFIXES = ('.py', '.yml', '.yaml', '.json')
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

BY_BUILDERS = ('norm_cfg', 'conv_cfg', 'act_cfg', 'upsample_cfg', 'plugins', 'init_cfg')
"""Parts that a builder function reads before their class does: they may have keys for it."""

READ_BY_MMENGINE = (
    'model_wrapper_cfg',
    'find_unused_parameters',
    'sync_bn',
    'compile',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
    'runner_type',
    'data_preprocessor',
)


def read_config(path: str, options: Mapping[str, Any] | None = None) -> Config:
    """The config at `path`, with `options` (dotted names) merged in.

    Raises:
        ConfigError: for a missing file, a suffix that is none, a broken file, an option that
            nothing would read.
    """
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise ConfigError(f'{path}: unknown kind of config {file.suffix!r} ({", ".join(SUFFIXES)})')
    if not file.is_file():
        names = [p.name for p in file.parent.glob('*.py')] if file.parent.is_dir() else []
        raise ConfigError(f'{path}: no such config{suggest(file.name, names)}')
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f'{path}: a base config is missing: {error}') from None
    except SyntaxError as error:
        raise ConfigError(f'{path}: not python: {error}') from None
    known = {*cfg, *inspect.signature(Runner).parameters, *READ_BY_MMENGINE}
    for name in options or {}:
        top = name.split('.')[0]
        if top not in known:
            raise ConfigError(
                f'--cfg-options: {path} has no {top!r}, nothing would read it{suggest(top, known)}'
            )
    cfg.merge_from_dict(dict(options or {}))
    return cfg


def unknown_key(cfg: Config) -> ConfigError | None:
    """The first key of the config that its class does not take, as an error with a suggestion."""
    known_to_runner = {*inspect.signature(Runner).parameters, *READ_BY_MMENGINE}
    content = cfg._cfg_dict.to_dict()
    for place, part in _parts({k: v for k, v in content.items() if k in known_to_runner}, ''):
        if not isinstance(part['type'], str):
            continue
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
