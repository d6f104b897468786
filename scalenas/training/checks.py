"""Checks before a training: averages of weights, files that parts start from, the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from torch import nn

from scalenas.errors import ConfigError
from scalenas.models import SuperLinear, Supernet
from scalenas.models.start_file import check_foreign_start, check_start
from scalenas.space import AbstractSpace


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


def check_pretrained(model: nn.Module) -> None:
    """Pass when every local file that a part of `model` starts from can be used.

    Raises:
        CheckpointError: for a damaged file, and for one of a part of this package that is missing
            or unsafe, or of which no weight fits.
    """
    for name, module in model.named_modules():
        ours = type(module).__module__.split('.')[0] == 'scalenas'
        place = '.'.join(filter(None, ('model', name, 'init_cfg')))
        (check_start if ours else check_foreign_start)(module, place)


def check_head(model: nn.Module, backbone: Supernet[Any]) -> None:
    """Pass when what follows `backbone` in the task model can read the end of all its networks.

    Raises:
        ConfigError: when they end in different widths and the head reads one; when the head reads
            fewer channels than the widest network has. Says which head, or how many.
    """
    space: AbstractSpace[Any] = backbone.space
    widths = []
    for arch in (space.smallest(), space.largest()):
        with backbone.active(arch):
            widths.append(tuple(backbone.out_channels))
    narrow, wide = widths
    heads = [module for module in model.modules() if isinstance(module, SuperLinear)]
    if narrow != wide and not heads:
        raise ConfigError(
            f'the networks of the space end in {_shown(narrow)} to {_shown(wide)} channels',
            where='model.architecture.head.type',
            allowed="'scalenas.SuperLinearClsHead', which reads any number of them",
            hint='or give the space one conv_out',
        )
    for head in heads:
        # More is right in a sub-space: the head then has the shape of the whole space.
        if head.in_features < wide[-1]:
            raise ConfigError(
                where='model.architecture.head.in_channels',
                got=head.in_features,
                allowed=f'{wide[-1]}, in which the widest network of the space ends',
            )


def _shown(widths: tuple[int, ...]) -> str:
    return '/'.join(map(str, widths))
