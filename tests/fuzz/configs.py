"""Configs: broken files, options of the command line, values, monitors, parts that are built."""

from __future__ import annotations

import argparse
import copy
import functools
import io
import logging
import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, PARAM_SCHEDULERS, VISUALIZERS, DefaultScope

from scalenas.config import (
    DictAction,
    check_hints,
    check_monitors,
    check_values,
    clear_errors,
    read_config,
)
from scalenas.config.monitors import schedulers
from scalenas.config.parts import tables
from scalenas.config.variables import read_later
from scalenas.errors import UserError
from scalenas.evaluation.evaluator import build_model
from scalenas.search import SearchPlan
from scalenas.tasks import check_metrics, metric_names
from scalenas.training.saving import doubts, save_whole
from tests.configs.shrink import shrink

from .case import Case

REPO = Path(__file__).parents[2]
SHIPPED = tuple(
    f'configs/{name}.py'
    for name in (
        'scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96',
        'scalenas_seg/earth/supernet_w16-sandwich_1xb16-1k_earth-96x96',
        'scalenas_seg/earth/search_w16_earth-96x96',
        'scalenas_seg/cityscapes/scalenas_s1_8xb3-484e_cityscapes-512x1024',
        'scalenas_pose/people/supernet_w16_1xb16-500_people-128x96',
        'scalenas_pose/coco/search_w32_coco-256x192',
        'scalenas_pose/coco_bottomup/higher_hrnet_w32_8xb12-300e_coco-512x512',
        'scalenas_det/trees/faster_rcnn_w16_1xb4-250_trees-256x256',
        'scalenas_cls/digits/search_bignas_digits-28x28',
        'scalenas_cls/digits/supernet_scalenet_1xb64-1500_digits-28x28',
        'scalenas_cls/finetune/scalenet_s0_8xb32-300e_cifar10',
    )
)
JUNK: tuple[Any, ...] = (
    *(None, 0, -1, 3, 2.5, math.nan, math.inf, '', 'x', True, False),
    *([], {}, [1], ['x'], {'type': 'X'}, {'x': 1}, (0, 0), 'a' * 300),
)
PARTS = ('model', 'optim_wrapper', 'param_scheduler', 'default_hooks', 'custom_hooks')
FALSY: tuple[Any, ...] = (0, '', False, [], (), 0.0)

WRONG: Mapping[str, tuple[Any, ...]] = {
    'train_cfg.max_iters': (0, -1, -150, 'x', True, 1.5, math.nan, math.inf, [1], None),
    'train_cfg.val_interval': (0, -1, 'x', False, None),
    'train_dataloader.batch_size': (0, -1, 'x', 2.5, True, None, [1]),
    'train_dataloader.num_workers': (-1, 'x', 1.5, None),
    'train_dataloader.persistent_workers': ('x', 1, True),
    'train_dataloader.dataset': (3, 'x', None, []),
    'train_dataloader.sampler': (3, 'x', None, []),
    'train_dataloader.sampler.shuffle': ('x', 1, None),
    'default_hooks.checkpoint.interval': (0, -2, True, False, 'x', 1.5, None, math.nan),
    'default_hooks.checkpoint.max_keep_ckpts': (0, -3, True, 'x', None),
    'default_hooks.checkpoint.save_begin': (-1, 'x', None),
    'default_hooks.checkpoint.by_epoch': (0, 1, 'no', None),
    'default_hooks.checkpoint.save_last': (0, 'x', None),
    'default_hooks.checkpoint.filename_tmpl': ('x', 'iter.pth', '{', '{x}', 3),
    'default_hooks.checkpoint.save_best': ('nothing', 'smallest', 'xx/yy', '/', 'loss'),
    'default_hooks.logger.interval': (0, -1, True, 'x', None),
    'resume': ('yes', 1, 0, '', 'auto', []),
    'load_from': (3, '', False, []),
    'find_unused_parameters': ('yes', 1, []),
    'custom_hooks': (3, 'x', {'type': 'EMAHook'}),
    'default_hooks': (3, 'x', []),
    'param_scheduler': (3, 'x'),
    'optim_wrapper': (3, 'x', []),
    'optim_wrapper.accumulative_counts': (0, -1, True, 'x', None),
    'optim_wrapper.optimizer': (3, 'x', []),
    'optim_wrapper.optimizer.lr': (-1, 'x', True, math.nan, math.inf, None, [1]),
    'optim_wrapper.optimizer.weight_decay': (-1, 'x', math.nan, None),
    'optim_wrapper.clip_grad.max_norm': (0, -1, 'x', math.nan, None),
    'env_cfg.cudnn_benchmrk': (True,),
    'env_cfg': (3, 'x', []),
    'log_processor.window_size': (0, -1, 'x', True, None),
    'default_scope': (3, [], True),
    'val_evaluator': (3, 'x', [], {}),
    'val_evaluator.iou_metrics': ('', 'mIuO', [], ['mIoU', 'x'], 3, None),
    'val_evaluator.iou_metric': ('mIoU',),
    'train_dataloader.dataset.indices': (0, True, False, [], 'x', 1.5, [True], ['x']),
    'default_hooks.checkpoint.intervall': (5,),
    'activation_checkpointing': (0, '', False, 3, [3], ['']),
    'model': (3, 'x', []),
}
"""Place -> values that make no run."""

RIGHT: Mapping[str, tuple[Any, ...]] = {
    'train_cfg.max_iters': (1, 7, 150.0, 10**9),
    'train_dataloader.batch_size': (1, 64),
    'default_hooks.checkpoint.interval': (1, -1, 100),
    'default_hooks.checkpoint.max_keep_ckpts': (-1, 1, 3),
    'default_hooks.checkpoint.filename_tmpl': ('{}.pth', 'at_{}_steps.pth', None),
    'default_hooks.checkpoint.save_best': ('auto', None),
    'optim_wrapper.optimizer.lr': (0, 0.0, 1e-9, 5),
    'optim_wrapper.optimizer.weight_decay': (0, 0.0005),
    'train_dataloader.dataset.indices': (1, -5, 10**6, [0, 3], range(2), None),
    'resume': (True, False, None),
    'load_from': (None, 'work_dirs/x/iter_1.pth', 'https://there/x.pth'),
    'custom_hooks': (None, []),
    'find_unused_parameters': (True, False),
    'val_evaluator': (None, [{'type': 'IoUMetric', 'iou_metrics': 'mDice'}]),
    'val_evaluator.iou_metrics': ('mIoU', ['mFscore', 'mIoU']),
    'default_hooks.checkpoint.published_keys': ('state_dict', ['meta', 'state_dict']),
    'activation_checkpointing': (None, [], 'decode_head', ['backbone.stage3.0', 'decode_head']),
}


class _Nowhere:
    """No pictures: nothing here reads any."""

    def of(self, kind: str, scope: str = '', root: str = '') -> str:
        return root


@functools.cache
def _shrunk(name: str) -> Config:
    cfg = Config.fromfile(REPO / name)
    for part in tables(cfg):
        part[1].pop('class_list', None) if isinstance(part[1], dict) else None
    return shrink(cfg, _Nowhere(), Path('work'))  # type: ignore[arg-type]


def _config(rng: random.Random) -> Config:
    return copy.deepcopy(_shrunk(rng.choice(SHIPPED)))


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Each kind in turn."""
    kinds: tuple[Callable[[random.Random, Path], Case], ...] = (
        _broken_file,
        _option,
        _option_text,
        _wrong_value,
        _right_value,
        _plan,
        _mutated,
        _mutated,
        _mutated,
        _unknown_key,
    )
    for name in SHIPPED:
        _build(copy.deepcopy(_shrunk(name)))  # their packages are imported by now
    while True:
        for kind in kinds:
            yield kind(rng, folder)


def _broken_file(rng: random.Random, folder: Path) -> Case:
    """A shipped config with a letter, a line or half of it gone wrong; or no config at all."""
    suffix = rng.choice(('.py', '.py', '.py', '.json', '.yaml'))
    path = folder / f'broken{suffix}'
    wrong: bool | None = None
    if suffix == '.py' and rng.random() < 0.7:
        text = (REPO / rng.choice(SHIPPED)).read_text()
        base = "_base_ = '" + (REPO / SHIPPED[0]).as_posix() + "'\n"
        text = base + '\n'.join(line for line in text.splitlines() if '.py' not in line)
        at = rng.randrange(len(text))
        change = rng.randrange(4)
        junk = rng.choice(('(', ')', '{', "'", '\\', '\0', '=', 'x', '\n', '  ', '*', '1/0'))
        text = (
            text[:at] + text[at + 1 :],
            text[:at] + junk + text[at:],
            text[:at],
            text.replace('dict(', junk, 1),
        )[change]
    else:
        pairs = {
            '.py': (
                *('raise SystemExit(0)', 'exit()', 'x = 1 / 0'),
                *("_base_ = './broken.py'", '_base_ = 3', "_base_ = ['none.py']", 'x = (', '\0'),
                *(
                    "_base_ = 'mmseg::none.py'",
                    "filename = 'x'",
                    'x = {}["x"]',
                ),
                *("custom_imports = dict(imports=['nothing.there'], allow_failed_imports=False)",),
                *('def f(): return f()\nf()', 'custom_imports = 3'),
            ),
            '.json': ('', '{', '[1]', '3', '"x"', '{"_base_": "none.json"}', 'null', '\ufeff{'),
            '.yaml': (
                *('', '- 1', 'a: b: c', '\t', '3', '{', "_base_: './broken.yaml'", '%'),
                '\n'.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]' for i in range(1, 12))
                .replace('*a0', '1')
                .strip(),
            ),
        }
        text, wrong = rng.choice(pairs[suffix]), True
    path.write_text(text, encoding='utf-8')
    return Case(f'file {suffix} {text[:50]!r}', lambda: read_config(str(path)), wrong)


def _option(rng: random.Random, folder: Path) -> Case:
    """A setting of the command line: of a place that is read, a variable, or nothing."""
    path = str(REPO / rng.choice(SHIPPED))
    cfg = _read(path)
    known = read_later()
    choice = rng.randrange(5)
    variables = sorted(name for name in cfg if name not in known)
    if choice == 0 and variables:
        name, wrong = rng.choice(variables), True
    elif choice == 1:
        name = rng.choice(
            ('', '.', 'x.', '.x', 'nothing', 'trian_cfg.max_iters', 'launcher', 'a..b')
        )
        wrong = True
    elif choice == 2:
        name = 'train_dataloader.dataset.pipeline.' + rng.choice(('99.type', 'x.type', '-9.type'))
        wrong = True
    else:
        name, wrong = rng.choice(('train_cfg.val_interval', 'resume', 'work_dir')), False
    # mmengine puts no table where a value is.
    value = rng.choice([junk for junk in JUNK if wrong or not isinstance(junk, dict)])
    return Case(f'option {name}={value!r:.20}', lambda: read_config(path, {name: value}), wrong)


@functools.cache
def _read(path: str) -> Config:
    return Config.fromfile(path)


def _option_text(rng: random.Random, folder: Path) -> Case:
    """What somebody may type behind --cfg-options."""
    pieces = (*'a.=[](),1-"{} é', "'", 'None')
    text = ''.join(rng.choice(pieces) for _ in range(rng.randrange(1, 9)))
    if rng.random() < 0.1:
        text = 'a=' + '[' * 3000 + ']' * 3000

    def run() -> None:
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument('--cfg-options', nargs='+', action=DictAction)
        try:
            parser.parse_args([f'--cfg-options={text}'])
        except argparse.ArgumentError as error:
            raise UserError(' '.join(str(error).split())) from error

    return Case(f'typed {text[:40]!r}', run, True if '=' not in text else None)


def _set(cfg: Config, place: str, value: Any) -> None:
    *steps, last = place.split('.')
    at: Any = cfg
    for step in steps:
        if not isinstance(at.get(step), dict):
            at[step] = {}
        at = at[step]
    at[last] = value


def _checked(cfg: Config) -> None:
    check_values(cfg)
    check_hints(cfg)
    check_metrics(cfg)
    check_monitors(cfg, metric_names(cfg))
    doubts(cfg)
    save_whole(cfg)


def _wrong_value(rng: random.Random, folder: Path) -> Case:
    cfg, place = _config(rng), rng.choice(list(WRONG))
    value = rng.choice(WRONG[place])
    _set(cfg, place, value)
    # Of a metric that has no such argument its build says so, which comes later.
    metric = cfg.get('val_evaluator')
    name = str(metric.get('type')) if isinstance(metric, Mapping) else ''
    other = place.startswith('val_evaluator.iou_') and not name.endswith('IoUMetric')
    return Case(f'{place} = {value!r}', lambda: _checked(cfg), None if other else True)


def _right_value(rng: random.Random, folder: Path) -> Case:
    cfg, place = _config(rng), rng.choice(list(RIGHT))
    value = rng.choice(RIGHT[place])
    _set(cfg, place, value)
    pose = 'auto' if cfg.default_scope == 'mmpose' else ''  # AP has no rule in mmengine
    return Case(f'{place} = {value!r}', lambda: _checked(cfg), None if value == pose else False)


def _plan(rng: random.Random, folder: Path) -> Case:
    """The search of a config with one thing changed."""
    search: dict[str, Any] = {
        'algorithm': {'type': 'random', 'num_total': 4},
        'metric': 'mIoU',
        'size': (64, 64),
        'budget': {'macs': (None, 1e9)},
        'seed': 0,
    }
    choice, wrong = rng.randrange(4), True
    if choice == 0:
        search['budget'] = rng.choice(FALSY)
    elif choice == 1:
        wrongs = (-1, math.nan, math.inf, 'x', True, [1], (None, -1), (math.nan, None), (2, 1))
        search['budget'] = {rng.choice(('macs', 'params', 'acts')): rng.choice(wrongs)}
    elif choice == 2:
        key = rng.choice(('algorithm', 'metric', 'size', 'seed'))
        search[key] = rng.choice(('', False, [], -1, 2.5, math.nan))
    else:
        search['budget'] = rng.choice((None, {}, {'params': (3, 1e6)}))
        wrong = False
    with_: Any = {} if wrong else rng.choice([{}, {'seed': 3}, {'num_total': 9}])
    if not wrong and rng.random() < 0.5:
        with_ = rng.choice([{'seed': -1}, {'num_total': 0}, {'num_total': -3}])
        wrong = True

    def run() -> None:
        SearchPlan.from_dict(search).with_(**with_)

    return Case(f'search {search} {with_}', run, wrong)


def _mutated(rng: random.Random, folder: Path) -> Case:
    """One leaf of a part that is built, replaced by anything or taken away."""
    cfg = _config(rng)
    leaves = [
        (part, key, place)
        for place, part in _real_tables(cfg)
        for key in part
        if place.partition('.')[0].partition('[')[0] in PARTS
    ]
    part, key, place = rng.choice(leaves)
    value = rng.choice(JUNK)
    if rng.random() < 0.15:
        del part[key]
        return Case(f'{place}.{key} is gone', lambda: _build(cfg), None)
    part[key] = value
    return Case(f'{place}.{key} = {value!r:.30}', lambda: _build(cfg), None)


def _unknown_key(rng: random.Random, folder: Path) -> Case:
    """A key that no class of that kind takes."""
    cfg = _config(rng)
    _, part = rng.choice(
        [
            (place, part)
            for place, part in _real_tables(cfg)
            if place in ('model', 'optim_wrapper.optimizer', 'default_hooks.checkpoint')
            or place.endswith(('.backbone', '.decode_head', '.head', '_head'))
            if part.get('type') != 'CheckpointHook'  # hands what is left to whoever saves
        ]
    )
    part['nonsense'] = 1
    return Case(f'{part.get("type")}: nonsense', lambda: _build(cfg), True)


def _real_tables(cfg: Config) -> Iterator[tuple[str, Any]]:
    """As `tables`, but those of the config itself, to be changed."""

    def walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            yield place, value
            for key, child in value.items():
                yield from walk(child, f'{place}.{key}')
        elif isinstance(value, list | tuple):
            for i, child in enumerate(value):
                yield from walk(child, f'{place}[{i}]')

    for name in PARTS:
        if cfg.get(name) is not None:
            yield from walk(cfg._cfg_dict[name], name)


def _build(cfg: Config) -> None:
    """All that a run builds but its data."""
    _checked(cfg)
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(action='ignore'):
            _parts(cfg)
    finally:
        logging.disable(logging.NOTSET)


def _parts(cfg: Config) -> None:
    with clear_errors(cfg), DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        model = build_model(cfg)
        wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
        for _, schedule in schedulers(cfg):
            PARAM_SCHEDULERS.build(dict(schedule), default_args={'optimizer': wrapper.optimizer})
        VISUALIZERS.build({'type': cfg.visualizer.type, 'name': 'fuzz'})
        hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
        for hook in hooks:
            if hook is not None:
                HOOKS.build(hook)
