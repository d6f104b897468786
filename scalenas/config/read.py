"""Reading configs so that a mistake in one is a line, not a traceback."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

import scalenas.registry  # noqa: F401 (tells mmengine where `scalenas::` and `mmseg::` are)
from scalenas.arch.strict import suggest
from scalenas.errors import UserError

from .errors import ConfigError

SUFFIXES = ('.py', '.yml', '.yaml', '.json')
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


def read_config(
    path: str, options: Mapping[str, Any] | None = None, needs: Sequence[str] = ()
) -> Config:
    """The config at `path`, with `options` (dotted names) merged in; it has all that `needs` names.

    Raises:
        ConfigError: for a missing file, a suffix that is none, a broken file, an option that
            nothing would read or that cannot be set, a variable that is needed and missing.
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
    except UserError:
        raise
    except Exception as error:
        # A config is a program, and may fail as any program does.
        raise ConfigError(f'{path}: cannot be read: {type(error).__name__}: {error}') from None
    known = {*cfg, *read_by_mmengine()}
    for name in options or {}:
        top = name.split('.')[0]
        if top not in known:
            raise ConfigError(
                f'--cfg-options: {path} has no {top!r}, nothing would read it{suggest(top, known)}'
            )
    for name, value in (options or {}).items():
        try:
            cfg.merge_from_dict({name: value})
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            ValueError,
            AssertionError,
        ) as error:
            why = error.args[0] if error.args else type(error).__name__
            raise ConfigError(f'--cfg-options: {name}: cannot be set in {path}: {why}') from None
    for name in needs:
        if cfg.get(name) is None:
            raise ConfigError(
                f'{path}: has no {name!r}{suggest(name, set(cfg))}; it must describe a whole run'
            )
    if 'model' in needs and not (isinstance(cfg.model, dict) and 'type' in cfg.model):
        raise ConfigError(f"{path}: model: expected dict(type='...', ...), got {cfg.model!r:.60}")
    return cfg


def read_by_mmengine() -> set[str]:
    """Names of all top-level variables that mmengine reads."""
    return {*inspect.signature(Runner).parameters, *READ_BY_MMENGINE}
