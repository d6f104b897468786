"""Which variables of a config anybody reads once it is parsed, and which an option may set.

A config is a program: `max_iters` in `train_cfg = dict(max_iters=max_iters)` has done its work
when an option of the command line comes. Set later it changes nothing.
"""

from __future__ import annotations

import inspect

from mmengine.config import Config
from mmengine.runner import Runner

from scalenas.errors import ConfigError, did_you_mean

from .walk import place_of, walk

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
READ_BY_US = (
    'search',
    'search_dataloader',
    'calibration_dataloader',
    'search_evaluator',
    'prepare_data',
    'tta_model',
    'tta_pipeline',
    'fused_optimizer',
)
BY_OTHER_RUNNERS = ('strategy', 'init_weights_for_test_or_val')
"""What mmengine's FlexibleRunner reads besides."""

BY_OPTIONS = {'launcher': '--launcher', 'cfg': ''}
"""Arguments of the Runner that no variable of a config is: an option of the tools sets them."""


def read_by_mmengine() -> set[str]:
    """Names of all top-level variables that mmengine reads."""
    return {*inspect.signature(Runner).parameters, *READ_BY_MMENGINE}


def read_later() -> set[str]:
    """Names of all top-level variables that anybody reads from a parsed config."""
    known = {*read_by_mmengine(), *READ_BY_US, *BY_OTHER_RUNNERS}
    return known - BY_OPTIONS.keys()


def check_option(name: str, cfg: Config) -> None:
    """Pass when the option `name` (dotted) sets something that will be read.

    Raises:
        ConfigError: with the place that it may have meant.
    """
    path, known = cfg.filename, read_later()
    top, *rest = name.split('.')
    if not all([top, *rest]):
        raise ConfigError('has an empty name', where='--cfg-options', got=name)
    if top in known:
        return
    if BY_OPTIONS.get(top):
        raise ConfigError(
            'is not set by the config',
            where=f'--cfg-options: {name}',
            hint=f'use {BY_OPTIONS[top]}',
        )
    if top not in cfg:
        raise ConfigError(
            f'{path} has no such variable, nothing would read it',
            where='--cfg-options',
            got=top,
            hint=did_you_mean(top, {*known, *_keys(cfg)}),
        )
    places = ['.'.join([place, *rest]) for place in _places(cfg, top, known)]
    hint = ' or '.join(places[:3]) or f'it in a config that inherits {path}'
    raise ConfigError(
        f'is a variable of {path} that nothing reads once the config is parsed',
        where=f'--cfg-options: {name}',
        hint=f'set {hint}',
    )


def _keys(cfg: Config) -> set[str]:
    return {str(key) for key in cfg}


def _places(cfg: Config, name: str, known: set[str]) -> list[str]:
    """Where the variable's value went: keys of its name, else values that equal it."""
    content = {key: value for key, value in cfg._cfg_dict.to_dict().items() if key in known}
    inside = [(path, part) for path, part in walk(content) if path]
    named = [place_of(path) for path, _ in inside if path[-1] == name]
    if named:
        return named
    value = cfg._cfg_dict.to_dict()[name]
    if value is None or isinstance(value, bool):
        return []
    equal = [place_of(path) for path, part in inside if type(part) is type(value) and part == value]
    # A small number stands in many places by chance.
    return equal if len(equal) <= 3 else []
