"""Recipes that follow another backbone: the maps of a dense head, the size of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.arch import Arch, MBConvArch, RegNetArch, SegHead, under_head
from scalenas.config.walk import tables_in
from scalenas.errors import ExportError

from .heads import kind

RESIZING = ('Resize', 'RandomResize', 'RandomCrop')
"""Transforms whose sizes follow a scaled network of a dense task."""


def concatenate(model: dict[str, Any], arch: Arch) -> Arch:
    """Lets a `decode_head` concatenate all maps of an arch from stride 4 on; the arch under it.

    Raises:
        ExportError: for a head of another kind, and an arch without such a map.
    """
    arch = under_head(arch, SegHead(19))
    channels = [feature.channels for feature in arch.features((224, 224))]
    if isinstance(arch, MBConvArch | RegNetArch):
        model['backbone']['out_indices'] = indices = _last_at_each_stride(arch)
        channels = [arch.stages[index - 1].width for index in indices]
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


def _last_at_each_stride(arch: MBConvArch | RegNetArch) -> tuple[int, ...]:
    """Numbers of the stages whose maps are the last at their stride, from stride 4 on."""
    total = arch.stem_stride
    last: dict[int, int] = {}
    strides = [stage.stride for stage in arch.stages]
    for step, stride in enumerate(strides, 1):
        total *= stride
        last[total] = step
    steps = tuple(step for total, step in last.items() if total >= 4)
    if not steps:
        raise ExportError('has no map at stride 4 or more for a dense head', where='arch')
    return steps
