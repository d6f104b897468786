"""A shipped recipe with another backbone: the ready config of an arch, such as a scaled one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.arch import Arch
from scalenas.config import read_config
from scalenas.errors import ExportError
from scalenas.family import family_of
from scalenas.models import backbone_type
from scalenas.paths import resource
from scalenas.staging import write_whole
from scalenas.tasks import task_of, tasks

from .config import for_ddp, inference_variables, kept
from .text import as_config


def recipes() -> dict[str, str]:
    """Recipe -> the shipped config that it starts from where a family has no own."""
    return {name: path for task in tasks() for name, path in task.recipes.items()}


def write_recipe(
    path: str | Path,
    arch: Arch,
    task: str,
    about: str = '',
    resolution: float = 1.0,
    start: str | Path | None = None,
) -> None:
    """A new config file that trains `arch` by a recipe: `cls` on ImageNet, `seg` on Cityscapes ...

    `resolution` is the factor by which the network was scaled; an arch of ImageNet says its own.
    `start` is another config of one network to start from.

    Raises:
        UserError: for a task without recipe, an arch that does not fit, or a file that exists.
    """
    path = Path(path)
    if path.exists() or not path.parent.is_dir():
        raise ExportError(
            where='config', got=str(path), allowed='a new file in a folder that exists'
        )
    known = recipes()
    if task not in known:
        raise ExportError(where='recipe', got=task, allowed=known)
    if start is None:
        start = family_of(arch).recipes.get(task, known[task])
        cfg = Config.fromfile(resource(start))
    else:
        cfg = read_config(str(start))
        if not (cfg.get('model') or {}).get('backbone'):
            raise ExportError(
                'is missing', where=f'{start}: model.backbone', hint='give a config of one network'
            )
    variables = recipe(cfg, arch, resolution)
    source = f'{about}\nBackbone in the recipe of {start}.'.strip()
    write_whole(path, as_config(variables, source))


def recipe(cfg: Config, arch: Arch, resolution: float = 1.0) -> dict[str, Any]:
    """The variables of a config with `arch` as backbone; necks, heads and image sizes follow it.

    Images of dense tasks become `resolution` times as large.

    Raises:
        ExportError: when the config's head does not fit the arch.
    """
    source = cfg.to_dict()
    task = task_of(source)
    names = kept(task)
    variables = {name: source[name] for name in names if source.get(name) is not None}
    model = variables['model']
    model['backbone']['type'] = backbone_type(arch)
    arch = task.fit(variables, arch, resolution)
    model['backbone']['arch'] = arch.to_dict()
    variables |= for_ddp(arch)
    variables |= inference_variables(variables)
    return {name: variables[name] for name in names if name in variables}
