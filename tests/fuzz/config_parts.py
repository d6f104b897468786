"""Shipped configs in small, and what is built of one."""

from __future__ import annotations

import copy
import functools
import io
import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, PARAM_SCHEDULERS, VISUALIZERS, DefaultScope

from scalenas.config import (
    check_hints,
    check_monitors,
    check_values,
    clear_errors,
)
from scalenas.config.monitors import schedulers
from scalenas.config.parts import tables
from scalenas.evaluation.evaluator import build_model
from scalenas.tasks import check_metrics, metric_names
from scalenas.training.saving import doubts, save_whole
from tests.configs.shrink import shrink

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
PARTS = ('model', 'optim_wrapper', 'param_scheduler', 'default_hooks', 'custom_hooks')


class _Nowhere:
    """No images: nothing here reads any."""

    def of(self, kind: str, scope: str = '', root: str = '') -> str:
        return root


@functools.cache
def shrunk(name: str) -> Config:
    cfg = Config.fromfile(REPO / name)
    for part in tables(cfg):
        part[1].pop('class_list', None) if isinstance(part[1], dict) else None
    return shrink(cfg, _Nowhere(), Path('work'))  # type: ignore[arg-type]


def any_config(rng: random.Random) -> Config:
    return copy.deepcopy(shrunk(rng.choice(SHIPPED)))


def put(cfg: Config, place: str, value: Any) -> None:
    *steps, last = place.split('.')
    at: Any = cfg
    for step in steps:
        if not isinstance(at.get(step), dict):
            at[step] = {}
        at = at[step]
    at[last] = value


def look_at(cfg: Config) -> None:
    check_values(cfg)
    check_hints(cfg)
    check_metrics(cfg)
    check_monitors(cfg, metric_names(cfg))
    doubts(cfg)
    save_whole(cfg)


def real_tables(cfg: Config) -> Iterator[tuple[str, Any]]:
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


def build_all(cfg: Config) -> None:
    """All that a run builds but its data."""
    look_at(cfg)
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
