"""A config of a task package as its users have it: the model, and what may take its backbone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.config import read_config
from scalenas.config.walk import Path as Place
from scalenas.config.walk import tables_in, walk
from scalenas.errors import ConfigError, foreign
from scalenas.family import Family, with_field
from scalenas.models.growth import Adopted
from scalenas.space import from_dict
from scalenas.tasks import Task, task_of

from .code import of_width

NEEDED = ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'optim_wrapper')
GPUS_AND_IMAGES = re.compile(r'^[^#\n]*?(\d+)xb(\d+)[^/\n]*\.py$', re.M)
"""GPUs and images on each, in the name of a config of the ecosystem."""


def path_of(name: str) -> Path:
    """The file that a config is: a path, or `PACKAGE::FOLDER/NAME.py` of an installed package.

    Raises:
        ConfigError: when there is none.
    """
    if '::' not in name:
        return Path(name)
    try:
        path, _ = Config._get_cfg_path(name, '')
    except Exception as error:  # mmengine and pip have many for what is not there
        raise ConfigError(f'no config of a package: {foreign(error)}', where=name) from None
    return Path(path)


def base_of(name: str, folder: Path) -> str:
    """How a config in `folder` names another one as its base."""
    return name if '::' in name else os.path.relpath(Path(name).resolve(), folder.resolve())


@dataclass(frozen=True)
class Stock:
    """A stock config, and a supernet around its backbone."""

    name: str
    cfg: Config
    task: Task
    family: Family
    adopted: Adopted
    replaced: bool = False
    """Whether the backbone is another kind of network than the config's."""

    @classmethod
    def read(cls, name: str, cfg: Config, width: int | None = None) -> Stock:
        """Of a config that was read, which `name` names.

        `width` is that of a network of ours in place of a backbone that no family knows.

        Raises:
            UserError: for a config that describes no whole run, and a backbone of no family.
        """
        task = task_of(cfg)
        for path, part in walk(cfg.get('model')):
            if isinstance(part, Mapping) and 'space' in part and 'scalenas' in str(part['type']):
                raise ConfigError(
                    'has a supernet already', where=f'{name}: {".".join(map(str, path))}'
                )
        backbone = cfg.model.get('backbone')
        if not isinstance(backbone, Mapping):
            raise ConfigError('is missing', where=f'{name}: model.backbone')
        plain = batch_norms(cfg._cfg_dict.to_dict()['model'])
        single = task.reads_one_map(plain)
        # A family that names the packages of its weights has been put into their models alone.
        fitting = [f for f in with_field('adopts') if not f.weights or task.package in f.weights]
        for family in fitting:
            source = family.weights.get(task.package)
            options = {} if source is None else source.options
            adopted = family.adopts(plain['backbone'], options, single, width)
            if adopted is not None:
                return cls(name, cfg, task, family, adopted, width is not None).at_its_size()
        known = ', '.join(family.name for family in fitting)
        raise ConfigError(
            'is the backbone of no searched family',
            where=f'{name}: model.backbone.type',
            got=backbone.get('type'),
            allowed=f'of {task.package} a network of {known}',
            hint='or take another one in its place, such as HRNet-W18: --width 18',
        )

    def at_its_size(self) -> Stock:
        """With a space whose networks see images as large as the config's."""
        size = self.size()
        if size is None or self.adopted.space.get('resolution', size[0]) == size[0]:
            return self
        space = {**self.adopted.space, 'resolution': size[0]}
        # A name says the size, too.
        start = {'arch': {**self.adopted.arch.to_dict(), 'resolution': size[0]}}
        return replace(self, adopted=replace(self.adopted, space=space, start=start))

    def model(self) -> list[tuple[Place, dict[str, Any]]]:
        """What changes in the task model but for its backbone: place, and arguments there.

        Channels that follow the width of the space are expressions of `width`.

        Raises:
            ExportError: when necks or heads cannot follow.
        """
        space = dict(self.adopted.space)
        old: dict[str, Any] = self.cfg._cfg_dict.to_dict()['model']
        new = self._fitted(space)
        found = dict(changes(old, new))
        if 'width' in space:
            wider = self._fitted({**space, 'width': 2 * space['width']})
            for place, table in changes(wider, new):
                follow = of_width(table, space['width'])
                found[place] = {**found.get(place, {}), **follow}
        found.get((), {}).pop('backbone', None)
        for key in old.keys() - new.keys():
            found.setdefault((), {})[key] = None
        return [(place, table) for place, table in found.items() if table]

    def _fitted(self, space: dict[str, Any]) -> dict[str, Any]:
        """The task model over the networks of a space."""
        variables = self.cfg._cfg_dict.to_dict()
        model = variables['model'] = batch_norms(variables['model'])
        model.pop('pretrained', None)
        if self.replaced:
            self.task.open_heads(model)
        model['backbone'] = {'type': self.family.net_type}
        self.task.fit(variables, from_dict(space).largest(), 1.0)
        return model

    def pretrained(self) -> str:
        """The weights that the config starts its backbone from; '' for none."""
        model = self.cfg.model
        init = model.backbone.get('init_cfg')
        own = init.get('checkpoint') if isinstance(init, Mapping) else None
        return str(model.get('pretrained') or own or '')

    def size(self) -> tuple[int, int] | None:
        """Height and width of a test image, for costs; None where nothing says it."""
        size = self.task.input_size(self.cfg, self.cfg.model)
        for _, part in tables_in(self.cfg.test_dataloader):
            kind = str(part.get('type')).split('.')[-1]
            side = part.get('crop_size' if kind.endswith('CenterCrop') else 'scale')
            if size is None and kind.endswith('CenterCrop') and isinstance(side, int):
                size = (side, side)
            elif size is None and kind == 'Resize' and isinstance(side, list | tuple):
                size = (-(-side[1] // 32) * 32, -(-side[0] // 32) * 32)
        return size


def batch_norms(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model with the norms of one process in place of those of several."""

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            same = {key: changed(item) for key, item in value.items()}
            return {**same, 'type': 'BN'} if same.get('type') == 'SyncBN' else same
        if isinstance(value, list | tuple):
            return type(value)(map(changed, value))
        return value

    result: dict[str, Any] = changed(model)
    return result


def images_of_a_step(cfg: Config) -> int:
    """Images of a step of the stock recipe, on all of its GPUs; by its name, or one it inherits."""
    base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if isinstance(base, int) and base > 0:
        return base
    # The text of a config has a line with the name of each file that it was read from.
    named = GPUS_AND_IMAGES.findall(cfg.text)
    gpus, images = named[-1] if named else (1, cfg.train_dataloader.batch_size)
    return int(gpus) * int(images)


def leaf_of(loader: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Keys and description of the one data set in a dataloader, whatever wraps it.

    Raises:
        ConfigError: for several data sets in one.
    """
    keys, dataset = ['dataset'], loader.get('dataset')
    while isinstance(dataset, Mapping) and isinstance(dataset.get('dataset'), Mapping):
        keys, dataset = [*keys, 'dataset'], dataset['dataset']
    if not isinstance(dataset, Mapping) or 'datasets' in dataset:
        raise ConfigError(
            'several data sets in one cannot be split',
            where=f'{where}.{".".join(keys)}',
            hint='describe search_dataloader and calibration_dataloader in your config',
        )
    return tuple(keys), dataset


def nested(keys: tuple[str, ...], inner: Mapping[str, Any]) -> dict[str, Any]:
    """`inner` below these keys."""
    result = dict(inner)
    for key in reversed(keys):
        result = {key: result}
    return result


def read(name: str) -> Config:
    """The config that a name says, which must describe a whole run.

    Raises:
        ConfigError: when it does not, or is in mmengine's pure Python style.
    """
    path = path_of(name)
    cfg = read_config(str(path), needs=NEEDED)
    if path.suffix == '.py' and Config._is_lazy_import(str(path)):
        hint = "write it out: Config.fromfile(PATH).dump('mine.py')"
        raise ConfigError('is in pure Python, which text cannot inherit', where=name, hint=hint)
    return cfg


def changes(old: Any, new: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """What differs in a table: place, and the keys there with their new values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        deeper = {
            key: value
            for key, value in new.items()
            if key in old and _alike(old[key], value) and old[key] != value
        }
        own = {k: v for k, v in new.items() if k not in deeper and (k not in old or old[k] != v)}
        if own:
            yield (), own
    else:
        deeper = {i: v for i, v in enumerate(new) if old[i] != v}
    for key, value in deeper.items():
        yield from (((key, *path), table) for path, table in changes(old[key], value))


def _alike(old: Any, new: Any) -> bool:
    """Whether only parts of a value differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return bool(old.get('type') == new.get('type') and old.keys() <= new.keys())
    lists = isinstance(old, list | tuple) and isinstance(new, list | tuple)
    if not lists or len(old) != len(new) or not old:
        return False
    return all(isinstance(a, Mapping) and _alike(a, b) for a, b in zip(old, new, strict=True))
