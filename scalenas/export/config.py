"""From a supernet's config to an ordinary one of the same task, with the sub-net as backbone."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from scalenas.arch import Arch
from scalenas.config.walk import Path, replaced, tables_in, walk
from scalenas.errors import ExportError
from scalenas.family import family_of
from scalenas.models import static_types, supernet_types
from scalenas.registry import MODELS
from scalenas.tasks import Task, task_of

from .standalone import class_name, module_name, options_of


def inference_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What inference needs, read off the variables of a whole config: those of its test split.

    Not copied from variables of these names: a config may have changed the dataloader and not them.
    """
    task = task_of(variables)
    dataset = _innermost(variables.get('test_dataloader', {}).get('dataset') or {})
    added: dict[str, Any] = {}
    if dataset.get('pipeline'):
        added['test_pipeline'] = dataset['pipeline']
    added |= task.inference_variables(variables, dataset)
    if task.visualizer and not variables.get('visualizer'):
        backends = [{'type': 'LocalVisBackend'}]
        added['visualizer'] = {
            'type': task.visualizer,
            'vis_backends': backends,
            'name': 'visualizer',
        }
    return {name: value for name, value in added.items() if value is not None}


def _innermost(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data set with a pipeline inside of wrappers, of several the first."""
    while not dataset.get('pipeline'):
        parts = dataset.get('dataset') or dataset.get('datasets')
        inner = parts[0] if isinstance(parts, list | tuple) and parts else parts
        if not isinstance(inner, Mapping):
            return dataset
        dataset = inner
    return dataset


BEFORE = (
    'default_scope',
    'custom_imports',
    'data_preprocessor',
    'model',
    'tta_model',
    'tta_pipeline',
)
AFTER = (
    'train_dataloader',
    'val_dataloader',
    'test_dataloader',
    'train_cfg',
    'val_cfg',
    'test_cfg',
    'val_evaluator',
    'test_evaluator',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'find_unused_parameters',
    'default_hooks',
    'custom_hooks',
    'env_cfg',
    'randomness',
    'visualizer',
    'log_processor',
    'log_level',
)
"""What mmengine's Runner, the stock tools and stock inference read, in the order of writing; in
between come the variables that inference of the package looks up by name."""
_LOOPS = {'train_cfg': None, 'val_cfg': 'ValLoop', 'test_cfg': 'TestLoop'}


def kept(task: Task) -> tuple[str, ...]:
    """Names of the variables of a written config, in their order."""
    return (*BEFORE, 'test_pipeline', *task.inference_names, *AFTER)


def plain_config(cfg: Config, arch: Arch) -> dict[str, Any]:
    """The variables of a config without supernet, search, or hooks and loops of this package.

    Raises:
        ExportError: when the config has no supernet.
    """
    source = cfg.to_dict()
    task = task_of(source)
    names = kept(task)
    given = {name: source[name] for name in names if source.get(name) is not None}
    by_name = {n: given.pop(n) for n in ('test_pipeline', *task.inference_names) if n in given}
    plain = dict(given)
    plain['model'] = _task_model(plain.get('model', {}), arch, task)
    # The supernet needs it for its sub-nets; one net, only where it has dead parts.
    plain.pop('find_unused_parameters', None)
    plain |= for_ddp(arch)
    imported = plain.pop('custom_imports', {}).get('imports', [])
    prefixed = _is_ours(plain.get('val_cfg', {}).get('type', ''))
    for name, loop in _LOOPS.items():
        if _is_ours(plain.get(name, {}).get('type', '')):
            known = {'type': loop, 'fp16': plain[name].get('fp16')}
            plain[name] = {key: value for key, value in known.items() if value}
    plain['default_hooks'] = {
        name: _hook(hook, prefixed)
        for name, hook in plain.get('default_hooks', {}).items()
        if not (isinstance(hook, Mapping) and _is_ours(hook.get('type', '')))
    }
    hooks = [hook for hook in plain.pop('custom_hooks', []) if not _is_ours(hook.get('type', ''))]
    if hooks:
        plain['custom_hooks'] = hooks
    for where, kind in _types(plain):
        # Data sets of this package may stay: their classes are found where it is installed.
        if _is_ours(kind) and kind not in static_types().values() and '_dataloader' not in where:
            print_log(f'exported config: {where} is still {kind}, of this package', 'current', 30)
    plain |= by_name | inference_variables(plain)
    plain['custom_imports'] = _imports([imported] if isinstance(imported, str) else imported, plain)
    return {name: plain[name] for name in names if name in plain}


def _imports(names: Iterable[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The modules of others, the backbones, and of our other rooms those that are still used."""
    types = [kind for _, kind in _types(variables) if _is_ours(kind)]
    used = {kind.partition('.')[2] for kind in types}
    others = [name for name in names if not _is_ours(name)]
    rooms = [
        name
        for name in names
        if _is_ours(name) and any(hasattr(import_module(name), kind) for kind in used)
    ]
    rooms = list(dict.fromkeys(['scalenas.models', *rooms]))
    return {'imports': [*others, *rooms], 'allow_failed_imports': False}


def standalone_config(variables: Mapping[str, Any], arch: Arch, name: str) -> dict[str, Any]:
    """A plain config around the backbone in one file, whose module it imports in our place."""
    ((path, part),) = of_types(variables['model'], static_types().values())
    options = {key: value for key, value in part.items() if key in options_of(arch)}
    model = replaced(variables['model'], path, {'type': class_name(arch, name), **options})
    changed = {**variables, 'model': model}
    ours = any(_is_ours(kind) for _, kind in _types(changed))
    imports = [n for n in variables['custom_imports']['imports'] if ours or not _is_ours(n)]
    imports = [*imports, module_name(name)]
    return {**changed, 'custom_imports': {'imports': imports, 'allow_failed_imports': False}}


def for_ddp(arch: Arch) -> dict[str, Any]:
    """What training in several processes needs: parts that nothing reads get no gradient."""
    pruned = family_of(arch).pruned
    dead = pruned is not None and pruned(arch) != arch
    return {'find_unused_parameters': True} if dead else {}


def _task_model(model: Mapping[str, Any], arch: Arch, task: Task) -> dict[str, Any]:
    """The task model inside its training wrapper, with the static backbone in place."""
    inner = dict(model.get('architecture', model))
    path, part = _supernet(inner)
    static = static_types()[part['type']]
    known = inspect.signature(MODELS.get(static)).parameters
    dropped = ('type', 'space', 'init_cfg', 'pretrained')
    rest = {key: v for key, v in part.items() if key in known and key not in dropped}
    inner = replaced(inner, path, {'type': static, 'arch': arch.to_dict(), **rest})
    for path, part in of_types(inner, task.stock_heads):
        stock = {'type': task.stock_heads[part['type']], 'in_channels': width_of(arch)}
        inner = replaced(inner, path, {**part, **stock})
    result: dict[str, Any] = inner
    return result


def resizes(cfg: Config) -> bool:
    """True for a supernet that brings images to the resolution of each network."""
    model = cfg.get('model', {})
    return bool(_supernet(model.get('architecture', model))[1].get('resize', False))


def width_of(arch: Arch) -> int:
    """Channels of the last map, which a classifier reads."""
    return arch.features(arch.size or (64, 64))[-1].channels


def _supernet(model: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
    nets = of_types(model, static_types())
    if len(nets) != 1:
        raise ExportError(
            where='model',
            got=['.'.join(map(str, path)) for path, _ in nets],
            allowed=f'exactly one part of type {supernet_types()}',
        )
    return nets[0]


def of_types(whole: Any, types: Collection[str]) -> list[tuple[Path, Mapping[str, Any]]]:
    """Path and content of every part of one of these types."""
    return [
        (path, part)
        for path, part in walk(whole)
        if isinstance(part, Mapping) and isinstance(part.get('type'), str) and part['type'] in types
    ]


def _types(value: Any) -> Iterator[tuple[str, str]]:
    """Place and type of every part."""
    for where, part in tables_in(value):
        if isinstance(part.get('type'), str):
            yield where, part['type']


def _hook(hook: Any, prefixed: bool) -> Any:
    """A hook that watched `largest/mIoU` watches `mIoU`, for there is one net now."""
    if not (prefixed and isinstance(hook, Mapping) and hook.get('save_best')):
        return hook
    best = hook['save_best']
    names = [name.partition('/')[2] or name for name in ([best] if isinstance(best, str) else best)]
    return {**hook, 'save_best': names[0] if isinstance(best, str) else list(dict.fromkeys(names))}


def _is_ours(name: object) -> bool:
    return isinstance(name, str) and (name == 'scalenas' or name.startswith('scalenas.'))
