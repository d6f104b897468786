"""Averages of weights (EMA, SWA) that would never begin: said before a training, not after it."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.config import Config

from scalenas.errors import ConfigError


def check_averaging(cfg: Config) -> None:
    """Pass unless an EMAHook begins after the end of the training, as in one that was shortened.

    Raises:
        ConfigError: names the hook and the two numbers.
    """
    train = cfg.get('train_cfg') or {}
    for index, hook in enumerate(cfg.get('custom_hooks') or ()):
        if not isinstance(hook, Mapping) or not str(hook.get('type', '')).endswith('EMAHook'):
            continue
        for unit in ('iter', 'epoch'):
            begin, end = hook.get(f'begin_{unit}', 0), train.get(f'max_{unit}s')
            if isinstance(begin, int) and isinstance(end, int) and begin > end:
                raise ConfigError(
                    f'the average of weights begins after the end of the training, at {end}',
                    where=f'custom_hooks.{index}.begin_{unit}',
                    got=begin,
                    allowed=f'0 ... {end}',
                    hint='at about three quarters of the training; the same holds for the ends of '
                    'param_scheduler',
                )
