"""Which network of this package a config holds: its arch, its head, and its input size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mmengine.config import Config

from scalenas.arch import Arch, Head, HRArch, Size, find, from_dict
from scalenas.errors import ConfigError
from scalenas.models.hrnet_extra import resolve_arch
from scalenas.registry import MODELS
from scalenas.space import AbstractSpace
from scalenas.space import from_dict as space_from_dict

from .config_head import head_of


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
        raise ConfigError(f'{cfg.filename}: has no model')
    plain = cfg._cfg_dict.to_dict()
    found = [
        (place, part, around)
        for place, part, around in _parts(plain['model'], 'model', {})
        if str(part.get('type', '')).removeprefix('scalenas.') in MODELS.module_dict
        and not {'arch', 'space', 'extra'}.isdisjoint(part)
    ]
    if not found:
        kind = (plain['model'].get('backbone') or {}).get('type', 'none')
        raise ConfigError(
            f'{cfg.filename}: no backbone of scalenas in its model (the backbone there: {kind}); '
            "expected type='scalenas.ScaleHRNet' with an arch, 'scalenas.SuperScaleHRNet' with a "
            'space, or another of this package'
        )
    place, part, around = found[0]
    space = None
    if 'space' in part:
        space = space_from_dict(part['space'], f'{place}.space')
        arch = space.largest() if subnet == 'largest' else space.smallest()
    else:
        arch = _arch(part, place)
    size = _size(plain, around) or arch.size
    head, text = head_of(around, [f.channels for f in arch.features(size or (256, 256))])
    return ConfigNet(arch, place, space, head, text, size)


def _arch(part: Mapping[str, Any], place: str) -> Arch:
    """The network that a static backbone is, with what stands beside its arch."""
    given = part.get('arch')
    if given is not None:
        given = find(given) if isinstance(given, str) else from_dict(given, f'{place}.arch')
    channels = part.get('in_channels')
    if given is None or isinstance(given, HRArch):
        outputs, mode = part.get('multiscale_output'), part.get('upsample')
        return resolve_arch(given, part.get('extra'), channels, outputs, mode)
    return given if channels is None else from_dict({**given.to_dict(), 'in_channels': channels})


def _parts(
    value: Any, place: str, around: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Place, content and owner of every part of a model, those of teachers last."""
    if isinstance(value, Mapping):
        yield place, value, around
        names = sorted(value, key=lambda name: name in ('distillation', 'teacher'))
        for name in names:
            yield from _parts(value[name], f'{place}.{name}', value)
    elif isinstance(value, list | tuple):
        for n, item in enumerate(value):
            yield from _parts(item, f'{place}[{n}]', around)


def _size(cfg: Mapping[str, Any], task: Mapping[str, Any]) -> Size | None:
    """Height and width that a search, the preprocessor or a pose codec names; else None."""
    search, codec = cfg.get('search'), cfg.get('codec')
    preprocessor = task.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    found = _pair(search.get('size')) if isinstance(search, Mapping) else None
    found = found or _pair(preprocessor.get('size'))
    if found is None and isinstance(codec, Mapping):
        swapped = _pair(codec.get('input_size'))
        found = None if swapped is None else (swapped[1], swapped[0])
    return found


def _pair(size: Any) -> Size | None:
    """`size`, if it is two whole numbers."""
    if not isinstance(size, list | tuple) or len(size) != 2:
        return None
    first, second = size
    return (first, second) if isinstance(first, int) and isinstance(second, int) else None
