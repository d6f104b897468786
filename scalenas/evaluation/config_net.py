"""Which network of this package a config holds: its arch, its head, and its input size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mmengine.config import Config

from scalenas.arch import Arch, Head, Size
from scalenas.arch.strict import as_size
from scalenas.config.walk import Path, place_of, walk
from scalenas.errors import ConfigError
from scalenas.models import StaticNet, net_types, supernet_types
from scalenas.registry import MODELS
from scalenas.space import AbstractSpace
from scalenas.space import from_dict as space_from_dict
from scalenas.tasks import task_of


def search_size(cfg: Mapping[str, Any]) -> Size | None:
    """`search.size` of a config, height and width in pixels; None where it does not say.

    Raises:
        ArchError: when it is no size.
    """
    search = cfg.get('search')
    size = search.get('size') if isinstance(search, Mapping) else None
    return None if size is None else as_size(size, 'search.size')


@dataclass(frozen=True, slots=True)
class ConfigNet:
    """The network in a config: of a supernet `arch` is the one asked for, and `space` is there.

    `head` is None where nobody here knows what the config's costs; `head_text` says which it is.
    `size` is that of the config's inputs, or of the arch, or None.
    """

    arch: Arch
    place: str
    space: AbstractSpace[Any] | None
    head: Head | None
    head_text: str
    size: Size | None


def config_net(cfg: Config, subnet: str = 'largest') -> ConfigNet:
    """The first network of this package in the model of a config.

    `subnet` is the one to take from a supernet, 'largest' or 'smallest'.

    Raises:
        ConfigError: for a config without such a backbone.
        ArchError: for a backbone that describes no network.
    """
    import_module('scalenas.models')  # fills the registry
    if not isinstance(cfg.get('model'), Mapping):
        raise ConfigError('is missing', where=f'{cfg.filename}: model')
    plain = cfg._cfg_dict.to_dict()
    inside = dict(walk(plain['model'], ('model',)))
    paths = [
        path
        for path, part in inside.items()
        if isinstance(part, Mapping)
        and str(part.get('type', '')).removeprefix('scalenas.') in MODELS.module_dict
        and not {'arch', 'space', 'extra'}.isdisjoint(part)
    ]
    if not paths:
        kind = (plain['model'].get('backbone') or {}).get('type', 'none')
        raise ConfigError(
            where=f'{cfg.filename}: model.backbone.type',
            got=kind,
            allowed=f'a static net with an arch ({", ".join(net_types())}) or a supernet with a '
            f'space ({supernet_types()})',
            hint='of a config without: scalenas init CONFIG',
        )
    # A teacher may hold another, which is not the one that is trained.
    path = min(paths, key=lambda path: not {'distillation', 'teacher'}.isdisjoint(path))
    place, part, around = place_of(path), inside[path], _around(path, inside)
    space = None
    if 'space' in part:
        space = space_from_dict(part['space'], f'{place}.space')
        arch = space.largest() if subnet == 'largest' else space.smallest()
    else:
        net: type[StaticNet] = MODELS.module_dict[str(part['type']).removeprefix('scalenas.')]
        arch = net.arch_of(part, place)
    task = task_of(plain)
    size = search_size(cfg) or task.input_size(plain, around) or arch.size
    head = task.head(around, [f.channels for f in arch.features(size or (256, 256))])
    return ConfigNet(arch, place, space, head, task.head_text(around), size)


def _around(path: Path, inside: Mapping[Path, Any]) -> Mapping[str, Any]:
    """The table that holds a part, perhaps in a list; an empty one around the model itself."""
    for end in range(len(path) - 1, 0, -1):
        if isinstance(inside[path[:end]], Mapping):
            table: Mapping[str, Any] = inside[path[:end]]
            return table
    return {}
