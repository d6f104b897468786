"""Recipes that follow another backbone: the maps of a dense head, the size of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.arch import Arch, SegHead, under_head
from scalenas.config.walk import tables_in
from scalenas.errors import ExportError
from scalenas.family import families, family_of, with_part

from .heads import kind

RESIZING = ('Resize', 'RandomResize', 'RandomCrop')
"""Transforms whose sizes follow a scaled network of a dense task."""


def concatenate(model: dict[str, Any], arch: Arch) -> Arch:
    """Lets a `decode_head` concatenate all maps of an arch from stride 4 on; the arch under it.

    Raises:
        ExportError: for a head of another kind, and an arch without such a map.
    """
    arch = under_head(arch, SegHead(19))
    dense = family_of(arch).dense
    channels = [feature.channels for feature in arch.features((224, 224))]
    if dense is not None:
        options, found = dense(arch)
        model['backbone'].update(options)
        channels = list(found)
    if not channels:
        raise ExportError('the arch has no map at stride 4 or more for a dense head')
    head = model['decode_head']
    if head.get('input_transform') != 'resize_concat':
        raise ExportError(
            'only heads that concatenate all maps follow another backbone',
            where='model.decode_head.input_transform',
            got=head.get('input_transform'),
            allowed="'resize_concat'",
        )
    positions = tuple(range(len(channels)))
    model['decode_head'] = {
        **head,
        'in_channels': channels,
        'in_index': positions,
        'channels': sum(channels),
    }
    return arch


def enlarge(variables: Mapping[str, Any], factor: float) -> None:
    """Training and test pictures, and the crops of them, become `factor` times as large."""
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
    """Pass when the network was scaled for pictures as large as the recipe's.

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
    """Pass for a net that gives all its maps, fine to coarse.

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
    """The network that gives its finest map, and no other.

    Raises:
        ExportError: for a family that has no such network.
    """
    family = family_of(arch)
    found: Arch = arch if family.finest is None else family.finest(arch)
    if len(found.features((256, 256))) > 1:
        having = ', '.join(each.name for each in with_part('finest'))
        raise ExportError(
            'the recipe reads the finest map alone',
            where='config',
            got=arch.family,
            allowed=f'networks that can give only that, of the families {having}',
        )
    return found
