"""Does the classifier fit the networks of a supernet, whichever of them runs?"""

from __future__ import annotations

from typing import Any

from torch import nn

from scalenas.errors import ConfigError
from scalenas.models import SuperLinear, Supernet
from scalenas.space import AbstractSpace


def check_head(model: nn.Module, backbone: Supernet) -> None:
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
