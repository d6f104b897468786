"""Heads and metrics of a config by their places: their classes, and how they follow a backbone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scalenas.arch import Arch, SegHead, arch_for_head
from scalenas.config.walk import tables_in
from scalenas.errors import ConfigError, ExportError
from scalenas.family import families, family_of, with_field


def task_model(cfg: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Place and content of the task model, without the SuperNet around it."""
    place, model = 'model', cfg.get('model') or {}
    while isinstance(model, Mapping) and isinstance(model.get('architecture'), Mapping):
        place, model = f'{place}.architecture', model['architecture']
    return place, model if isinstance(model, Mapping) else {}


def heads(cfg: Mapping[str, Any], *names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every head that is described under one of these names."""
    place, model = task_model(cfg)
    for name in names:
        given = model.get(name)
        if isinstance(given, Mapping):
            yield f'{place}.{name}', given
        elif isinstance(given, list | tuple):
            for i, head in enumerate(given):
                if isinstance(head, Mapping):
                    yield f'{place}.{name}[{i}]', head


def metrics(cfg: Mapping[str, Any], loader: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Place and content of the metrics that score the images of a loader."""
    name = loader.replace('_dataloader', '_evaluator')
    if name == 'search_evaluator' and cfg.get(name) is None:
        name = 'val_evaluator'
    given = cfg.get(name)
    if isinstance(given, Mapping) and 'type' not in given and 'metrics' in given:
        given = given['metrics']
    listed = given if isinstance(given, list | tuple) else [given]
    return [(name, metric) for metric in listed if isinstance(metric, Mapping)]


def kind(part: object) -> str:
    """Name of the class that a table describes, without its scope; '' for no table."""
    name = part.get('type', '') if isinstance(part, Mapping) else ''
    return name.split('.')[-1] if isinstance(name, str) else getattr(name, '__name__', '')


def table_of(part: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under a key; an empty one where there is none."""
    table = part.get(key)
    return table if isinstance(table, Mapping) else {}


def class_count(head: Mapping[str, Any]) -> int | None:
    """`num_classes` of a head, None where it has none."""
    number = head.get('num_classes')
    return number if is_whole(number) else None


def check_class_count(number: int, place: str, classes: object, where: str) -> None:
    """Pass when a head has an output for each class of a data set, and no other.

    Raises:
        ConfigError: names both.
    """
    if isinstance(classes, Sequence) and not isinstance(classes, str) and len(classes) != number:
        raise ConfigError(
            where=place,
            got=number,
            allowed=f'{len(classes)}, as many as {where}.dataset has classes',
            hint='of your own data give dataset.metainfo=dict(classes=(...)), too',
        )


def check_loss_weights(head: Mapping[str, Any], place: str) -> None:
    """Pass when the losses of a head weigh as many classes as it has.

    Raises:
        ConfigError: for class weights of another number.
    """
    number = class_count(head)
    if number is None or head.get('out_channels') == 1:
        return
    for name in ('loss', 'loss_decode'):
        given = head.get(name)
        for loss in given if isinstance(given, list | tuple) else [given]:
            weights = loss.get('class_weight') if isinstance(loss, Mapping) else None
            if isinstance(weights, list | tuple) and len(weights) != number:
                raise ConfigError(
                    f'{len(weights)} weights',
                    where=f'{place}.{name}.class_weight',
                    got=weights,
                    allowed=f'{number}, one for each class',
                )


def is_whole(value: object) -> bool:
    """True for an int that is no flag."""
    return isinstance(value, int) and not isinstance(value, bool)


RESIZING = ('Resize', 'RandomResize', 'RandomCrop')
"""Transforms whose sizes follow a scaled network of a dense task."""


def concatenate(model: dict[str, Any], arch: Arch) -> Arch:
    """Lets a `decode_head` read all feature maps from stride 4 on; the arch under it.

    A head concatenates them, or takes a list of as many, as a neck does that is before the heads.

    Raises:
        ExportError: for a head or a neck of another kind, and an arch without such a map.
    """
    arch = arch_for_head(arch, SegHead(19))
    dense = family_of(arch).dense
    channels = [feature.channels for feature in arch.features((224, 224))]
    if dense is not None:
        options, dense_channels = dense(arch)
        model['backbone'].update(options)
        channels = list(dense_channels)
    if not channels:
        raise ExportError('the arch has no map at stride 4 or more for a dense head')
    if neck := table_of(model, 'neck'):
        if not _reads(neck, channels):
            raise ExportError(
                'cannot take the maps of the net',
                where='model.neck',
                got=neck.get('type'),
                allowed=f'a neck over {len(channels)} maps',
            )
        model['neck'] = {**neck, 'in_channels': channels}
        return arch
    for name in ('decode_head', 'auxiliary_head'):
        given = model.get(name)
        if isinstance(given, list | tuple):
            model[name] = [_joined(head, channels, f'{name}[{i}]') for i, head in enumerate(given)]
        elif given is not None:
            model[name] = _joined(given, channels, name)
    return arch


def _reads(part: Mapping[str, Any], channels: Sequence[int]) -> bool:
    """Whether a neck or a head takes a list of as many maps."""
    sees = part.get('in_channels')
    return isinstance(sees, list | tuple) and len(sees) == len(channels)


def _joined(head: Mapping[str, Any], channels: Sequence[int], name: str) -> dict[str, Any]:
    """A head over all maps; one that is as wide as they are together stays so."""
    sees, transform = head.get('in_channels'), head.get('input_transform')
    if transform != 'resize_concat' and _reads(head, channels):  # as UPerHead
        index = {'in_index': tuple(range(len(channels)))} if 'in_index' in head else {}
        return {**head, 'in_channels': list(channels), **index}
    if transform != 'resize_concat':
        raise ExportError(
            'only heads that read all maps follow another backbone',
            where=f'model.{name}.input_transform',
            got=transform,
            allowed=f"'resize_concat', or in_channels of {len(channels)} maps",
        )
    before = sum(sees) if isinstance(sees, list | tuple) else sees
    joined = {**head, 'in_channels': list(channels), 'in_index': tuple(range(len(channels)))}
    if head.get('channels') in (None, before):
        joined['channels'] = sum(channels)
    return joined


def enlarge(variables: Mapping[str, Any], factor: float) -> None:
    """Training and test images, and the crops of them, become `factor` times as large."""
    for _, part in tables_in(variables):
        name, table = kind(part), as_dict(part)
        for key in ('scale', 'crop_size') if name in RESIZING else ():
            if key in table:
                table[key] = tuple(round(side * factor) for side in table[key])
        if name.endswith('PreProcessor') and table.get('size'):
            table['size'] = tuple(round(side * factor) for side in table['size'])


def as_dict(part: Mapping[str, Any]) -> dict[str, Any]:
    """A table of a recipe's variables, which are changed in place."""
    assert isinstance(part, dict)
    return part


def keep_resolution(resolution: float) -> None:
    """Pass when the network was scaled for images as large as the recipe's.

    Raises:
        ExportError: when it was not.
    """
    if resolution != 1.0:
        raise ExportError(
            'the recipe keeps its input size, and the network was scaled for '
            f'{resolution:.3g} times that',
            where='config',
            hint='choose a strategy that keeps the resolution',
        )


def needs_all_maps(arch: Arch, what: str) -> None:
    """Pass for a net that gives all its feature maps, fine to coarse.

    Raises:
        ExportError: for one that gives its last.
    """
    if family_of(arch).maps != 'all':
        giving = ', '.join(family.name for family in families() if family.maps == 'all')
        raise ExportError(
            f'the recipe for {what} needs a net that gives all its maps',
            where='config',
            got=arch.family,
            allowed=f'networks of the families {giving}',
            hint='take head seg:N',
        )


def finest_map(arch: Arch) -> Arch:
    """The network that gives its finest feature map, and no other.

    Raises:
        ExportError: for a family that has no such network.
    """
    family = family_of(arch)
    finest: Arch = arch if family.finest is None else family.finest(arch)
    if len(finest.features((256, 256))) > 1:
        having = ', '.join(each.name for each in with_field('finest'))
        raise ExportError(
            'the recipe reads the finest map alone',
            where='config',
            got=arch.family,
            allowed=f'networks that can give only that, of the families {having}',
        )
    return finest
