"""Values of a config that mmengine takes without a look, and that make no run.

No iterations, a checkpoint every 0 steps, a rate that is no number: it trains nothing, saves
nothing or fails after hours, and says nothing. What the classes check themselves is left to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from inspect import signature
from numbers import Integral
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from scalenas.errors import ConfigError

from .monitors import schedulers
from .parts import tables
from .walk import tables_in

Check = tuple[Callable[[Any], bool], str]


def whole(least: int, *others: int) -> Check:
    """A whole number from `least` on, or one of the others; 150.0 is whole, True is no number."""

    def is_right(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) and value == int(value) and (value >= least or value in others)

    return is_right, ', '.join([f'a whole number >= {least}', *map(str, others)])


def number(least: float) -> Check:
    """A finite number from `least` on."""
    return (
        lambda value: (
            not isinstance(value, bool)
            and isinstance(value, int | float)
            and math.isfinite(value)
            and value >= least
        )
    ), f'a number >= {least:g}'


FLAG: Check = (lambda value: isinstance(value, bool), 'True or False')
PATH: Check = (lambda value: isinstance(value, str) and bool(value), 'a path')
TABLE: Check = (lambda value: isinstance(value, Mapping), 'a table, dict(...)')
LIST: Check = (lambda value: isinstance(value, list | tuple), 'a list')
TABLES: Check = (lambda value: isinstance(value, Mapping | list | tuple), 'a table or a list')
METRICS: Check = (
    lambda value: isinstance(value, Mapping | list | tuple) and bool(value),
    'a metric, dict(...), or a list of at least one; None where nothing is scored',
)
PREFIX: Check = (lambda value: isinstance(value, Mapping | str), 'a table of folders')
MODULES: Check = (
    lambda value: (
        isinstance(value, str | list | tuple)
        and value != ''
        and all(isinstance(name, str) and name for name in value)
    ),
    'the name of a module, or a list of names',
)
TEXT: Check = (lambda value: isinstance(value, str), 'a text')
STEPS: Check = (
    lambda value: isinstance(value, list | tuple) and all(whole(0)[0](step) for step in value),
    'a list of whole numbers >= 0',
)


def _is_part(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return len(value) > 0 and all(map(_is_int, value))
    return _is_int(value) and value != 0


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _numbers(is_right: Callable[[float], bool]) -> Callable[[Any], bool]:
    def right(values: Any) -> bool:
        return isinstance(values, list | tuple) and all(
            isinstance(value, int | float) and not isinstance(value, bool) and is_right(value)
            for value in values
        )

    return right


INDICES: Check = (_is_part, 'a number of samples other than 0, or a list of their numbers')
MEANS: Check = (_numbers(math.isfinite), 'a list of numbers')
DEVIATIONS: Check = (
    _numbers(lambda value: math.isfinite(value) and value > 0),
    'a list of numbers > 0, by which the images are divided',
)


def _differ(template: Any) -> bool:
    try:
        return isinstance(template, str) and template.format(1) != template.format(2)
    except (IndexError, KeyError, ValueError):
        return False


# Else each checkpoint would overwrite the one before.
TEMPLATE: Check = (_differ, "a name with the number of the step in it, as 'iter_{}.pth'")

OF_LOOP = {
    'max_iters': whole(1),
    'max_epochs': whole(1),
    'val_interval': whole(1),
    'val_begin': whole(0),
    'by_epoch': FLAG,
}
OF_VALIDATION = {'fp16': FLAG}
OF_LOADER = {
    'batch_size': whole(1),
    'num_workers': whole(0),
    'num_batch_per_epoch': whole(1),
    'persistent_workers': FLAG,
    'drop_last': FLAG,
    'dataset': TABLE,
    'sampler': TABLE,
}
OF_SAMPLER = {'shuffle': FLAG}
OF_DATASET = {
    'data_root': TEXT,
    'ann_file': TEXT,
    'data_prefix': PREFIX,
    'pipeline': LIST,
    'indices': INDICES,
}
OF_CHECKPOINTS = {
    'interval': whole(1, -1),
    'max_keep_ckpts': whole(1, -1),
    'save_begin': whole(0),
    'by_epoch': FLAG,
    'save_last': FLAG,
    'save_optimizer': FLAG,
    'save_param_scheduler': FLAG,
    'filename_tmpl': TEMPLATE,
}
OF_OPTIMIZER = {'lr': number(0), 'weight_decay': number(0)}
OF_WRAPPER = {'accumulative_counts': whole(1), 'optimizer': TABLE}
OF_CLIPPING = {'max_norm': (lambda value: number(0)[0](value) and value > 0, 'a number > 0')}
OF_NORMALISATION = {'mean': MEANS, 'std': DEVIATIONS}
OF_SCHEDULE = {'by_epoch': FLAG, 'milestones': STEPS}
OF_LOGS = {'window_size': whole(1), 'by_epoch': FLAG}
AT_TOP = {
    'resume': FLAG,
    'load_from': PATH,
    'work_dir': PATH,
    'default_scope': TEXT,
    'find_unused_parameters': FLAG,
    'fused_optimizer': FLAG,
    'custom_hooks': LIST,
    'activation_checkpointing': MODULES,
    'param_scheduler': TABLES,
    'val_evaluator': METRICS,
    'test_evaluator': METRICS,
    'search_evaluator': METRICS,
    **dict.fromkeys(
        (
            *('model', 'train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper', 'default_hooks'),
            *('env_cfg', 'visualizer', 'log_processor', 'randomness', 'model_wrapper_cfg'),
            *('data_preprocessor', 'auto_scale_lr', 'train_dataloader', 'val_dataloader'),
            *('test_dataloader', 'search_dataloader', 'calibration_dataloader'),
        ),
        TABLE,
    ),
}
"""Variables that mmengine or this package reads; None is as if one were not there."""

MAY_BE_NONE = (
    *('num_batch_per_epoch', 'filename_tmpl', 'data_root', 'ann_file', 'data_prefix', 'indices'),
    'metric_items',
    *('mean', 'std'),
)
OF_MMENGINE = {
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    'auto_scale_lr': ('enable', 'base_batch_size'),
}
"""Tables that no class takes: a key that nobody knows is read by nobody."""


def check_values(cfg: Config) -> None:
    """Pass when no value of the config is one that runs to nothing.

    Raises:
        ConfigError: names the place, the value, and what is allowed.
    """
    plain = cfg._cfg_dict.to_dict()
    for where, table, checks in _checked(plain):
        check_table(where, table, checks)
    for where, loader in _loaders(plain):
        if loader.get('persistent_workers') and not loader.get('num_workers', 0):
            raise ConfigError(
                where=f'{where}.persistent_workers',
                got=True,
                allowed='False where num_workers is 0',
            )
    for name, known in OF_MMENGINE.items():
        for key in plain.get(name) or () if isinstance(plain.get(name), Mapping) else ():
            if key not in known:
                raise ConfigError('nothing reads this key', where=name, got=key, allowed=known)
    for where, table, names in _open_tables(plain):
        check_known(where, table, names)
    for where, table in tables(cfg):
        for key, value in table.items():
            if isinstance(value, float) and math.isnan(value):
                raise ConfigError(where=f'{where}.{key}', got=value, allowed='a number')


def check_table(where: str, table: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    """Pass when the values of a table at `where` are what the checks of their keys let them be.

    Raises:
        ConfigError: names the place, the value, and what is allowed.
    """
    for key, (is_right, allowed) in checks.items():
        empty = table.get(key) is None and (key in MAY_BE_NONE or not where)
        if key in table and not empty and not is_right(table[key]):
            place = f'{where}.{key}' if where else key
            raise ConfigError(where=place, got=table[key], allowed=allowed)


def check_known(where: str, table: Mapping[str, Any], names: Collection[str]) -> None:
    """Pass when a table at `where` has no key that nobody reads.

    Raises:
        ConfigError: names the key, and the nearest that is read.
    """
    for key in table:
        if key not in (*names, 'type', '_scope_'):
            raise ConfigError('unknown key', where=where, got=key, allowed=names)


def _checked(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Check]]]:
    """Place and content of what is looked at, and by which checks."""
    yield '', cfg, AT_TOP
    for name, checks in (
        ('train_cfg', OF_LOOP),
        ('val_cfg', OF_VALIDATION),
        ('test_cfg', OF_VALIDATION),
        ('log_processor', OF_LOGS),
    ):
        if isinstance(cfg.get(name), Mapping):
            yield name, cfg[name], checks
    for where, loader in _loaders(cfg):
        yield where, loader, OF_LOADER
        if isinstance(loader.get('sampler'), Mapping):
            yield f'{where}.sampler', loader['sampler'], OF_SAMPLER
        for place, part in tables_in(loader.get('dataset'), f'{where}.dataset'):
            yield place, part, OF_DATASET
    for where, hook in _hooks(cfg):
        yield where, hook, OF_CHECKPOINTS if _saves(where, hook) else {'interval': whole(1)}
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, Mapping):
        yield 'optim_wrapper', wrapper, OF_WRAPPER
        if isinstance(wrapper.get('clip_grad'), Mapping):
            yield 'optim_wrapper.clip_grad', wrapper['clip_grad'], OF_CLIPPING
        if isinstance(wrapper.get('optimizer'), Mapping):
            yield 'optim_wrapper.optimizer', wrapper['optimizer'], OF_OPTIMIZER
    for where, schedule in schedulers(cfg):
        yield where, schedule, OF_SCHEDULE
    for name in ('model', 'data_preprocessor'):
        for where, part in tables_in(cfg.get(name), name):
            if where.split('.')[-1] == 'data_preprocessor':
                yield where, part, OF_NORMALISATION


def _loaders(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in cfg.items():
        if str(name).endswith('_dataloader') and isinstance(value, Mapping):
            yield name, value


def _hooks(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    named, listed = cfg.get('default_hooks'), cfg.get('custom_hooks')
    for name, hook in named.items() if isinstance(named, Mapping) else ():
        if isinstance(hook, Mapping):
            yield f'default_hooks.{name}', hook
    for i, hook in enumerate(listed if isinstance(listed, list | tuple) else ()):
        if isinstance(hook, Mapping):
            yield f'custom_hooks[{i}]', hook


def _saves(where: str, hook: Mapping[str, Any]) -> bool:
    return where == 'default_hooks.checkpoint' or _kind(hook) == 'CheckpointHook'


def _open_tables(
    cfg: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Collection[str]]]:
    """Tables whose classes take any key, and the keys that do something there.

    mmengine's hook gives the rest to the first save, which fails of it.
    """
    saving = {*signature(CheckpointHook).parameters, *signature(Runner.save_checkpoint).parameters}
    for where, hook in _hooks(cfg):
        kinds = ('CheckpointHook', 'WholeCheckpointHook')
        if _saves(where, hook) and ('type' not in hook or _kind(hook) in kinds):
            yield where, hook, saving - {'self', 'kwargs', 'filename'} | {'priority'}


def _kind(part: Mapping[str, Any]) -> str:
    return str(part.get('type')).split('.')[-1]
