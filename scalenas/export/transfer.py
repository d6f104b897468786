"""From task to task: an exported net as the backbone of ready configs, with its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import MODELS, WEIGHT_INITIALIZERS, DefaultScope
from torch import Tensor

from scalenas.arch import Arch, find, from_dict
from scalenas.arch.strict import ArchError, as_choice
from scalenas.config import read_config
from scalenas.errors import ExportError
from scalenas.family import family_of
from scalenas.models import StaticNet, net_types, static_types
from scalenas.models.checkpoint import check_weights, load_checkpoint, misfits
from scalenas.paths import resource, writable_folder
from scalenas.tasks.heads import finest_map

from .config import of_types
from .files import checkpoint_bytes, publish, staged
from .recipe import recipe, recipes
from .text import as_config

PREFIX = 'backbone.'
COMPUTING = ('conv_cfg', 'norm_cfg', 'resize')
"""Arguments of a backbone that decide what its weights compute."""

BATCH_NORMS = frozenset({'BN', 'BN2d', 'SyncBN', 'MMSyncBN'})
ANY = (256, 256)  # a size: how many maps there are does not depend on it


@dataclass(frozen=True, slots=True)
class Source:
    """An exported net: its arch, and its backbone's weights by name without prefix.

    `options` are the arguments of its backbone, as NAME.py next to the weights says them; None
    where there is no such config.
    """

    name: str
    path: Path
    arch: Arch
    state: Mapping[str, Tensor]
    options: Mapping[str, Any] | None = None

    def computing(self, backbone: Mapping[str, Any]) -> dict[str, Any]:
        """A described backbone with the convolutions and norms that the net was exported with.

        Padding, the epsilon of norms and the resizing of images are no weights, and decide what is
        computed, too. How batch norms are trained, in several processes or not at all, stays.
        """
        result = dict(backbone)
        if self.options is None:
            return result
        for key in COMPUTING:
            result.pop(key, None)
            if self.options.get(key):
                result[key] = self.options[key]
        mine, own = backbone.get('norm_cfg') or {}, result.get('norm_cfg') or {'type': 'BN'}
        if {mine.get('type'), own['type']} <= BATCH_NORMS:
            trained = {key: mine[key] for key in ('type', 'requires_grad') if key in mine}
            result['norm_cfg'] = {**own, **trained}
        return result

    @classmethod
    def from_file(cls, path: str | Path, arch_of: str | Path | None = None) -> Source:
        """From NAME.pth of tools/export.py with NAME.yaml next to it.

        Also from any checkpoint of a model around the net, such as one trained further: `arch_of`
        then says which it is, a YAML file or a name of the zoo.

        Raises:
            ExportError, CheckpointError, ArchError: for files that are missing, or no such export.
        """
        path = Path(path)
        if path.suffix != '.pth':
            raise ExportError(
                where=path, allowed='the weights that tools/export.py wrote, NAME.pth'
            )
        content, named = load_checkpoint(path), str(arch_of or path.with_suffix('.yaml'))
        if arch_of is None and not Path(named).is_file():
            raise ExportError(
                f'{Path(named).name} is not next to it', where=path, hint='name the arch by --arch'
            )
        arch = find(named)
        state = {
            key.removeprefix(PREFIX): value
            for key, value in content['state_dict'].items()
            if key.startswith(PREFIX)
        }
        sliced = sliced_state(arch, arch, state, path)
        own = _meta_state(arch, _norm(state))
        check_weights(own, sliced, path)
        # A task's recipe builds float32, and what is read back is compared bit by bit.
        state = {key: value.to(own[key].dtype) for key, value in sliced.items()}
        return cls(path.stem, path, arch, state, _options(path.with_suffix('.py')))


def _options(config: Path) -> Mapping[str, Any] | None:
    """Arguments of the backbone of an exported config; None where it is none, or not there."""
    if not config.is_file():
        return None
    model = read_config(str(config)).to_dict().get('model')
    nets = of_types(model, static_types().values())
    return nets[0][1] if len(nets) == 1 else None


def transfer(
    source: Source,
    tasks: Sequence[str],
    out: str | Path | None = None,
    config: str | Path | None = None,
    force: bool = False,
) -> list[Path]:
    """Writes NAME_TASK.py for each task, and the weights that these read, into one folder.

    The folder is by default that of the export. The backbone of the task's recipe, or of `config`,
    becomes the exported net; where the recipe uses the finest feature map only, without the blocks
    and fusions that nothing would read. Its weights are in NAME_backbone.pth, or
    NAME_backbone_single.pth of the finest feature map; a config finds them beside itself. All files
    are read back: the built model must have every weight of its backbone, bit by bit.

    Raises:
        ExportError: for an unknown task, a package that is not installed, a recipe that cannot take
            the net, or a file that is there with other content (unless `force`).
        ConfigError: when `config` is missing or cannot be read.
    """
    if config is not None and len(tasks) != 1:
        raise ExportError('is the recipe of one task', where='--config', got=tasks)
    folder = writable_folder(source.path.parent if out is None else out)
    known = recipes()
    with staged(folder) as stage:
        for task in tasks:
            own = known[as_choice(task, 'task', tuple(known))] if config is None else ''
            own = family_of(source.arch).recipes.get(task, own)
            recipe_file = Path(config or resource(own))
            _write_task(source, task, recipe_file, stage)
        return publish(stage, folder, force)


def _write_task(source: Source, task: str, recipe_file: Path, stage: Path) -> None:
    if not re.fullmatch(r'\w+', task):
        raise ExportError(where='task', got=task, allowed='letters, digits and underscores')
    cfg = read_config(str(recipe_file))
    package = cfg.get('default_scope')
    if package and find_spec(package) is None:
        raise ExportError(f'its configs need {package}, which is not installed', where=task)
    family, maps = family_of(source.arch), len(source.arch.features(ANY))
    single = _reads_one_map(cfg, recipe_file)
    if not single and maps == 1:
        print_log(
            f'{task}: its recipe takes maps of several sizes, and {source.name} gives the finest '
            'alone; the neck or head gets that one only, so it is not the model of the recipe',
            'current',
            30,
        )
    arch = source.arch
    if single:
        arch = finest_map(arch)
        arch = arch if family.pruned is None else family.pruned(arch)
    variables = recipe(cfg, arch)
    backbone = variables['model']['backbone'] = source.computing(variables['model']['backbone'])
    arch = from_dict(backbone['arch'])
    changed = '' if arch == source.arch else '_dense'
    weights = f'{source.name}_backbone{"_single" if single else changed}.pth'
    state = sliced_state(source.arch, arch, source.state, source.path)
    backbone.pop('pretrained', None)
    # mmengine replaces the braces by the folder of the config.
    place = f'{{{{ fileDirname }}}}/{weights}'
    backbone['init_cfg'] = {'type': 'Pretrained', 'checkpoint': place, 'prefix': PREFIX}
    about = (
        f'{source.name} ({arch.summary}) in the recipe\n'
        f'{recipe_file.name}, started from the weights {weights}.\n'
        f'Written by tools/transfer.py from {source.path.name}.'
    )
    written = stage / f'{source.name}_{task}.py'
    written.write_text(as_config(variables, about), encoding='utf-8')
    meta = {'scalenas': {'arch': arch.to_dict()}}
    named = {f'{PREFIX}{key}': value for key, value in state.items()}
    (stage / weights).write_bytes(checkpoint_bytes(named, meta))
    check_written(written, state)


def sliced_state(
    whole: Arch, part: Arch, state: Mapping[str, Tensor], path: str | Path
) -> dict[str, Tensor]:
    """The weights of `part`, under its own names, out of those of `whole`, which contains it.

    Raises:
        ExportError: when `state` does not hold them.
    """
    norm, renamed = _norm(state), family_of(whole).keys_within
    if renamed is None:
        names = {key: key for key in _meta_state(part, norm)}
    else:
        names = renamed(whole, part, norm)
    missing = [own for own, key in names.items() if key not in state]
    if missing:
        raise ExportError(
            f'not the weights of its arch: {len(missing)} of {len(names)} are missing, this one '
            'first',
            where=f'{path}: {PREFIX}{missing[0]}',
        )
    return {own: state[key] for own, key in names.items()}


def _meta_state(arch: Arch, norm: str) -> Mapping[str, Tensor]:
    """The state dict of the static net, without values."""
    kind = family_of(arch).net
    # A net that has no such argument has batch norms.
    options = {} if norm == 'bn' else {'norm_cfg': {'type': 'GN', 'num_groups': 1}}
    with torch.device('meta'):
        state: Mapping[str, Tensor] = kind(arch, **options).state_dict()
    return state


def _norm(state: Mapping[str, Tensor]) -> str:
    """The short name of the norm layers: those of batches have statistics."""
    return 'bn' if any(key.endswith('.running_mean') for key in state) else 'gn'


def _reads_one_map(cfg: Config, path: Path) -> bool:
    """True for a recipe whose own backbone gives its finest feature map alone."""
    backbone = cfg.get('model', {}).get('backbone') or {}
    types = net_types()
    if backbone.get('arch') is None:
        raise ExportError(
            'the recipe of a transfer needs a static net with an arch',
            where=f'{path}: model.backbone.type',
            got=backbone.get('type'),
            allowed=types,
        )
    net: type[StaticNet] = MODELS.get(backbone['type'])
    try:
        arch = net.arch_of(cfg.to_dict()['model']['backbone'], 'model.backbone')
    except ArchError as error:
        raise error.of(path) from None
    return family_of(arch).maps == 'all' and len(arch.features(ANY)) == 1


def check_written(path: Path, state: Mapping[str, Tensor]) -> None:
    """Pass when the model of a written config has these weights in its backbone, bit by bit.

    Raises:
        ExportError: says what differs.
    """
    cfg = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        model: Any = MODELS.build(cfg.model)
    # What init_weights would do, without its page of lines.
    WEIGHT_INITIALIZERS.build(cfg.model.backbone.init_cfg)(model.backbone)
    own = model.backbone.state_dict()
    wrong = misfits(own, state)
    if wrong is None:
        changed = [key for key, value in own.items() if not torch.equal(value, state[key])]
        wrong = f'{len(changed)} differ (the first is {changed[0]!r})' if changed else None
    if wrong:
        raise ExportError(f'the model it builds has other weights: {wrong}', where=path.name)
