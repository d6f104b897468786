"""What is wrong with a config that could not be built: the part, the key, the nearest right one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS
from torch.utils.data import DataLoader

from scalenas.errors import ConfigError, UserError, did_you_mean, foreign

from .blame import blamed
from .parts import BUILT, accepted, built_parts, registered, registered_names

BY_RUNNER = (
    'dataset',
    'sampler',
    'batch_sampler',
    'collate_fn',
    'worker_init_fn',
    'num_batch_per_epoch',
    'disable_subprocess_warning',
)
"""Keys of a dataloader that mmengine reads besides those of torch's."""


@contextmanager
def clear_errors(
    cfg: Config, explains: Callable[[BaseException, str], bool] = lambda error, place: True
) -> Iterator[None]:
    """An error of somebody else's code that a mistake in the config explains becomes a ConfigError.

    `explains` says of an error that came from a place of the config whether the config may be its
    reason: by default it always is, as while things are built. What our own code raises, or the
    user's, stays as it is.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        place = blamed(cfg, error)
        clear = diagnosed(cfg, error) if place is None or explains(error, place) else None
        if clear is None:
            raise
        raise clear from error


def diagnosed(cfg: Config, error: Exception) -> ConfigError | None:
    """The error of a build as one line that names the place in the config; None if it is not one.

    Keys that a class does not take, keys that it needs, and classes that are not registered come
    with what is allowed; everything else with the words of the code that refused it.
    """
    text = str(error.args[0]) if error.args else ''
    problem: ConfigError | None = None
    if isinstance(error, TypeError) and 'unexpected keyword argument' in text:
        problem = unknown_key(cfg)
    elif isinstance(error, TypeError):
        problem = _missing_key(cfg, text)
    elif isinstance(error, KeyError):
        problem = _no_class(cfg, text)
    if problem is not None:
        return problem
    place = blamed(cfg, error)
    if place is None:
        return None
    if place.startswith('optim_wrapper') and (problem := _no_optimizer(cfg)):
        return problem
    return ConfigError(foreign(error), where=place or cfg.filename or 'the config')


def _missing_key(cfg: Config, text: str) -> ConfigError | None:
    if match := re.search(r"(\w+)\.__init__\(\) missing .* arguments?: '(\w+)'", text):
        for place, part in built_parts(cfg):
            if part['type'].split('.')[-1] == match[1] and match[2] not in part:
                return ConfigError(
                    f'key {match[2]!r} is missing', where=f'{place} ({part["type"]})'
                )
    return None


def _no_class(cfg: Config, text: str) -> ConfigError | None:
    if match := re.match(r'(\S+) is not in the (\S+) registry', text):
        for place, part in built_parts(cfg):
            if part['type'] == match[1]:
                names = registered_names(cfg.get('default_scope'))
                return _unregistered(place, match[1], names)
    return None


def _unregistered(place: str, kind: str, known: Collection[str]) -> ConfigError:
    return ConfigError(
        'no class is registered under this name',
        where=f'{place}.type',
        got=kind,
        hint=did_you_mean(kind, known),
    )


def _no_optimizer(cfg: Config) -> ConfigError | None:
    # mmengine looks it up before it builds it, and calls what it did not find.
    wrapper = cfg.get('optim_wrapper')
    optimizer = wrapper.get('optimizer') if isinstance(wrapper, dict) else None
    kind = optimizer.get('type') if isinstance(optimizer, dict) else None
    if not isinstance(kind, str) or kind in OPTIMIZERS:
        return None
    return _unregistered('optim_wrapper.optimizer', kind, OPTIMIZERS.module_dict)


def unknown_key(cfg: Config) -> ConfigError | None:
    """The first key of the config that its class does not take, as an error with a suggestion."""
    for place, part in built_parts(cfg):
        keys = {str(key) for key in part} - {'type', '_scope_', 'priority'}
        scope = cfg.get('default_scope')
        worst: tuple[str, set[str]] | None = None
        for registry in BUILT:
            kind = registered(registry, part['type'], scope)
            known = None if kind is None else accepted(kind)
            if kind is None:
                continue
            if known is None or keys <= known:
                worst = None
                break
            worst = min(keys - known), known
        if worst is not None:
            return _unknown(f'{place} ({part["type"]})', *worst)
    known = {*inspect.signature(DataLoader).parameters, *BY_RUNNER}
    for name, value in cfg.items():
        if str(name).endswith('_dataloader') and isinstance(value, dict) and set(value) - known:
            return _unknown(name, min(set(value) - known), known)
    return None


def _unknown(place: str, key: str, known: set[str]) -> ConfigError:
    # Some classes take a hundred keys: they are told where none of them is near.
    near = did_you_mean(key, known)
    allowed = () if near else sorted(known)
    return ConfigError('unknown key', where=place, got=key, allowed=allowed, hint=near)
