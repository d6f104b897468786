"""Which network of this package a config holds: its arch, its head, and its input size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mmengine.config import Config

from scalenas.arch import Arch, ClassificationHead, Head, PoseHead, SegHead, Size, find, from_dict
from scalenas.config import ConfigError
from scalenas.registry import MODELS
from scalenas.space import AbstractSpace
from scalenas.space import from_dict as space_from_dict

HEADS = ('decode_head', 'head', 'bbox_head', 'rpn_head', 'roi_head')
"""Parts of a model that turn features into predictions, in the ecosystem's names."""


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
        and ('arch' in part or 'space' in part)
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
        given = part['arch']
        arch = find(given) if isinstance(given, str) else from_dict(given, f'{place}.arch')
        if part.get('in_channels') is not None:
            arch = from_dict({**arch.to_dict(), 'in_channels': part['in_channels']}, place)
    size = _size(plain, around) or arch.size
    head, text = _head(around, arch, size)
    return ConfigNet(arch, place, space, head, text, size)


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


def _head(task: Mapping[str, Any], arch: Arch, size: Size | None) -> tuple[Head | None, str]:
    """What the head costs, if that is known, and its name."""
    named = [(name, task[name]) for name in HEADS if isinstance(task.get(name), Mapping)]
    if not named:
        return None, 'no head'
    head = named[0][1]
    kind = str(head.get('type', 'unknown'))
    channels = [feature.channels for feature in arch.features(size or (256, 256))]
    if len(named) == 1 and not isinstance(task.get('neck'), list):
        known = _known_head(kind.split('.')[-1], head, channels)
        if known is not None and _plain_neck(task.get('neck')):
            return known, kind
    return None, ', '.join(str(part.get('type', part_name)) for part_name, part in named)


def _plain_neck(neck: Any) -> bool:
    """True for no neck, and for one without weights."""
    return neck is None or str(neck.get('type')).split('.')[-1] == 'GlobalAveragePooling'


def _known_head(kind: str, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
    """The head of the counted ones that this is, over maps of these channels."""
    sees = head.get('in_channels')
    given = list(sees) if isinstance(sees, list | tuple) else [sees]
    if kind == 'FCNHead':
        one = head.get('num_convs', 2) == 1 and head.get('kernel_size', 3) == 1
        whole = given == list(channels) and head.get('channels') == sum(channels)
        joined = head.get('input_transform') == 'resize_concat'
        plain = not head.get('concat_input', True)
        if one and whole and joined and plain:
            return SegHead(head.get('num_classes', 0), conv_bias=False)
    if kind == 'LinearClsHead' and given == [channels[-1]]:
        return ClassificationHead(head.get('num_classes', 0))
    if kind == 'HeatmapHead' and given == [channels[0]]:
        convs = [head.get(name) for name in ('deconv_out_channels', 'conv_out_channels')]
        final = head.get('final_layer', {'kernel_size': 1})
        if not any(convs) and 'deconv_out_channels' in head and final == {'kernel_size': 1}:
            return PoseHead(head.get('out_channels', 0))
    return None
