"""A shipped recipe with another backbone: the ready config of an arch, such as a scaled one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.arch import Arch, HRArch, MBConvArch, RegNetArch, SegHead, under_head
from scalenas.config import read_config
from scalenas.errors import ExportError
from scalenas.family import family_of
from scalenas.models import backbone_type
from scalenas.models.hrnet_extra import single_scale
from scalenas.paths import resource
from scalenas.staging import write_whole

from .config import KEPT, for_ddp
from .fitting import fit_hrnet
from .inference import inference_variables
from .text import as_config

RECIPES: dict[str, str] = {
    'cls': 'configs/scalenas_cls/imagenet/regnetz_500mf_8xb128-100e_imagenet.py',
    'seg': 'configs/scalenas_seg/cityscapes/scalenas_s1_8xb3-484e_cityscapes-512x1024.py',
    'pose': 'configs/scalenas_pose/coco/hrnet_w48_8xb48-210e_coco-256x192.py',
}
"""Task -> the shipped config that `write_recipe` starts from where the family has no own."""

RESIZING = ('Resize', 'RandomResize', 'RandomCrop')
"""Transforms of mmseg whose sizes follow a scaled network."""


def write_recipe(
    path: str | Path,
    arch: Arch,
    task: str,
    about: str = '',
    resolution: float = 1.0,
    start: str | Path | None = None,
) -> None:
    """A new config file that trains `arch` on ImageNet (cls), Cityscapes (seg) or COCO (pose).

    `resolution` is the factor by which the network was scaled; an arch of ImageNet says its own.
    `start` is another config of one network to start from.

    Raises:
        UserError: for a task without recipe, an arch that does not fit, or a file that exists.
    """
    path = Path(path)
    if path.exists() or not path.parent.is_dir():
        raise ExportError(f'config {path}: must be a new file in a folder that exists')
    if task not in RECIPES:
        raise ExportError(f'config: no recipe for {task!r}; there are {", ".join(RECIPES)}')
    if start is None:
        start = family_of(arch).recipes.get(task, RECIPES[task])
        cfg = Config.fromfile(resource(start))
    else:
        cfg = read_config(str(start))
        if not (cfg.get('model') or {}).get('backbone'):
            raise ExportError(f'{start}: expected a config of one network, with model.backbone')
    variables = recipe(cfg, arch, resolution)
    source = f'{about}\nBackbone in the recipe of {start}.'.strip()
    write_whole(path, as_config(variables, source))


def recipe(cfg: Config, arch: Arch, resolution: float = 1.0) -> dict[str, Any]:
    """The variables of a config with `arch` as backbone; necks, heads and image sizes follow it.

    Pictures of dense tasks become `resolution` times as large.

    Raises:
        ExportError: when the config's head does not fit the arch.
    """
    source = cfg.to_dict()
    found = {name: source[name] for name in KEPT if source.get(name) is not None}
    model = found['model']
    backbone = {**model['backbone'], 'type': backbone_type(arch)}
    if 'decode_head' in model:
        arch = under_head(arch, SegHead(19))
        channels = [feature.channels for feature in arch.features((224, 224))]
        if isinstance(arch, MBConvArch | RegNetArch):
            backbone['out_indices'] = indices = _dense(arch)
            channels = [arch.stages[index - 1].width for index in indices]
        model['decode_head'] = _concatenating(model['decode_head'], channels)
        _enlarge(found, resolution)
    elif isinstance(arch, HRArch):
        if resolution != 1.0:
            raise ExportError(
                'config: the recipe keeps its input size, and the network was scaled for '
                f'{resolution:.3g} times that; choose a strategy that keeps the resolution'
            )
        if found.get('default_scope') == 'mmpose':
            arch = single_scale(arch)
            found |= for_ddp(arch)
        fit_hrnet(model, arch.out_channels)
    elif model.get('head', {}).get('type') != 'LinearClsHead':
        raise ExportError(
            'config: only HRNet-style nets have a recipe for pose or detection; take head seg:N'
        )
    else:
        model['head']['in_channels'] = arch.features((224, 224))[-1].channels
        if not backbone.get('resize'):
            _resize(found, arch)
    model['backbone'] = {**backbone, 'arch': arch.to_dict()}
    found |= inference_variables(found)
    return {name: found[name] for name in KEPT if name in found}


def _dense(arch: MBConvArch | RegNetArch) -> tuple[int, ...]:
    """The last step at each stride from 4 on."""
    total = arch.stem_stride
    last: dict[int, int] = {}
    strides = [stage.stride for stage in arch.stages]
    for step, stride in enumerate(strides, 1):
        total *= stride
        last[total] = step
    steps = tuple(step for total, step in last.items() if total >= 4)
    if not steps:
        raise ExportError('config: the arch has no map at stride 4 or more for a dense head')
    return steps


def _concatenating(head: Mapping[str, Any], channels: list[int]) -> dict[str, Any]:
    if head.get('input_transform') != 'resize_concat':
        raise ExportError(
            "config: decode_head must have input_transform='resize_concat', got "
            f'{head.get("input_transform")!r}'
        )
    indices = tuple(range(len(channels)))
    return {**head, 'in_channels': channels, 'in_index': indices, 'channels': sum(channels)}


def _resize(found: Mapping[str, Any], arch: Arch) -> None:
    """Training and test crops of the arch's own resolution, cut as before."""
    if arch.size is None:
        return
    side = arch.size[0]
    steps = list(_dicts(found))
    scales = [step['scale'] for step in steps if step.get('type') == 'RandomResizedCrop']
    if not scales:
        raise ExportError(
            f'config: the pictures of the recipe have no RandomResizedCrop that could become {side}'
        )
    old = scales[0]
    for step in steps:
        if step.get('type') == 'CenterCrop':
            step['crop_size'] = side
        elif step.get('type') in ('RandomResizedCrop', 'ResizeEdge'):
            step['scale'] = round(step['scale'] * side / old)


def _enlarge(found: Mapping[str, Any], factor: float) -> None:
    """Training and test pictures, and the crops of them, `factor` times as large."""
    for part in _dicts(found):
        kind = str(part.get('type'))
        for key in ('scale', 'crop_size') if kind in RESIZING else ():
            if key in part:
                part[key] = tuple(round(side * factor) for side in part[key])
        if kind.endswith('PreProcessor') and part.get('size'):
            part['size'] = tuple(round(side * factor) for side in part['size'])


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _dicts(item)
