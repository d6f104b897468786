"""The configs that `init` writes: short, inheriting from the stock one, to be read and edited."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scalenas.errors import ConfigError
from scalenas.tasks.own_data import HeldOut

from .code import Code, assigned, assignments, extended, instead, text
from .stock import Stock, leaf_of, nested

CALIBRATION = 64
"""Training images that each sub-net's batch norms are computed from."""

PLACES = (
    *('data_root', 'data_prefix', 'img_suffix', 'seg_map_suffix', 'reduce_zero_label'),
    *('metainfo', 'classes', 'data_mode', 'with_label', 'extensions', 'split'),
)
"""Arguments of a data set that say which data it is, in the packages of the ecosystem."""

HOOKS = [{'type': 'scalenas.SpaceHook'}, {'type': 'scalenas.InvalidLossHook'}]
IMPORTS = ['scalenas.models', 'scalenas.training', 'scalenas.evaluation']


TIMES = ('begin', 'end', 'milestones', 'T_max', 'step_size', 'total_iters')
"""Arguments of schedulers that are points or spans of time."""

SHORT = 0.05
"""A span below this share of a training is a warm-up, which does not shrink with it."""


@dataclass(frozen=True)
class Recipe:
    """Of `iters` iterations with `batch` images each; the stock one has `images` in a step.

    `total` are the iterations of the stock recipe, `epochs` its epochs, where it counts those.
    """

    iters: int
    batch: int
    images: int
    total: int
    epochs: int | None

    @classmethod
    def of(cls, cfg: Mapping[str, Any], images: int, count: int, iters: int | None) -> Recipe:
        """Of a config that trains with `images` a step, over `count` images.

        Raises:
            ConfigError: for a config that says neither iterations nor epochs, or no batch size.
        """
        train, batch = cfg['train_cfg'], cfg['train_dataloader'].get('batch_size')
        if not isinstance(batch, int):
            where, allowed = 'train_dataloader.batch_size', 'a whole number'
            raise ConfigError(where=where, got=batch, allowed=allowed)
        epochs, total = train.get('max_epochs'), train.get('max_iters')
        if not isinstance(epochs or total, int):
            raise ConfigError(
                where='train_cfg', got=dict(train), allowed='max_iters, or max_epochs'
            )
        if epochs:
            total = epochs * math.ceil(count / images)
            own = epochs * math.ceil(count / batch)
        else:
            own = total
        return cls(iters or own, batch, images, int(total), epochs)

    def schedulers(self, given: Any) -> list[dict[str, Any]]:
        """Those of a config by iterations, as parts of `max_iters`."""
        listed = given if isinstance(given, list | tuple) else [given] if given else []
        return [self._scheduler(part) for part in listed]

    def _scheduler(self, part: Mapping[str, Any]) -> dict[str, Any]:
        by_epoch = part.get('by_epoch', True)
        result = {k: v for k, v in part.items() if k not in ('convert_to_iter_based', '_scope_')}
        for key in TIMES:
            value = part.get(key)
            if isinstance(value, list | tuple):
                result[key] = [self._time(item, by_epoch) for item in value]
            elif isinstance(value, int | float) and math.isfinite(value):
                result[key] = self._time(value, by_epoch)
        return {**result, 'by_epoch': False}

    def _time(self, value: float, by_epoch: bool) -> Code | int:
        """A point of time as an expression of `max_iters`."""
        whole = self.epochs or self.total if by_epoch else self.total
        if value == 0:
            return 0
        share = value / whole
        if share == 1.0 and (by_epoch or not self.epochs):
            return Code('max_iters')
        # Next to epochs, what is counted in iterations is a warm-up.
        if not by_epoch and (share < SHORT or self.epochs):
            return Code(f'max(1, min({value}, max_iters // 10))')
        return Code(f'max(1, round({share:.4g} * max_iters))')


@dataclass(frozen=True)
class Search:
    """How the search goes: what is traded, over how many networks, at which input size."""

    objectives: tuple[tuple[str, str], ...]
    candidates: int
    size: tuple[int, int] | None
    seed: int = 0
    classes: str | None = None
    budget: Mapping[str, Any] | None = None


def data_lines(stock: Stock, held: HeldOut | None, images: int, batch_workers: int) -> list[str]:
    """Dataloaders: training data without the held out part, that part, images to calibrate with."""
    cfg = stock.cfg
    sampler = {'type': 'InfiniteSampler', 'shuffle': True}
    train = {'sampler': instead(sampler, 'sampler' in cfg.train_dataloader)}
    if int(cfg.train_dataloader.get('num_workers', 0)) > batch_workers:
        train['num_workers'] = batch_workers
    if held is None:
        return assigned({'train_dataloader': train})
    keys, leaf = leaf_of(cfg.train_dataloader, 'train_dataloader')
    rest = {**held.rest, **({'indices': None} if leaf.get('indices') is not None else {})}
    lines = assigned({'train_dataloader': {**train, **nested(keys, rest)}})
    at = f'_base_.train_dataloader.{".".join(keys)}'
    seen, start = leaf, at
    val_keys, val = leaf_of(cfg.val_dataloader, 'val_dataloader')
    if val.get('type') == leaf.get('type'):
        seen, start = val, f'_base_.val_dataloader.{".".join(val_keys)}'
    own: dict[str, Any] = {
        key: Code(f'{at}.{key}') if key in leaf else None
        for key in PLACES
        if leaf.get(key) != seen.get(key)
    }
    own |= {key: None for key in ('indices', 'bbox_file') if seen.get(key) is not None}
    if seen is leaf:
        pipeline = f'_base_.val_dataloader.{".".join(val_keys)}.pipeline'
        own |= {'pipeline': Code(pipeline), 'test_mode': True}
    step = max(1, images // CALIBRATION)
    some = Code(f'list(range(0, {images}, {step}))[:{CALIBRATION}]')
    for name, part in (
        ('search', {**own, **held.search}),
        ('calibration', {**own, **held.rest, 'indices': some}),
    ):
        lines += assigned({f'{name}_data': extended(start, part)})
        lines.append(f'{name}_dataloader = dict(_base_.val_dataloader, dataset={name}_data)')
    if held.truth:
        metrics = cfg.val_evaluator
        listed = metrics if isinstance(metrics, list | tuple) else [metrics]
        fitted = [{**m, **held.truth} if 'ann_file' in m else dict(m) for m in listed]
        lines += assigned({'search_evaluator': fitted})
    return lines


def base(stock: Stock, recipe: Recipe, data: list[str]) -> str:
    """base.py: the supernet in the model of stock.py, its data and its schedule."""
    cfg, space = stock.cfg, dict(stock.adopted.space)
    lines = []
    if 'width' in space:
        lines += ['', f'width = {space["width"]}  # necks and heads follow']
        space['width'] = Code('width')
    lines += assigned({'space': space})
    lines += ['architecture = _base_.model']
    net = {**stock.adopted.net, 'space': Code('space')}
    lines += assigned({'architecture.backbone': net})
    lines += assignments('architecture', stock.model())
    model = {
        '_delete_': True,
        'type': 'scalenas.SuperNet',
        'architecture': Code('architecture'),
        'sampler': {'type': 'fixed', 'arch': 'largest'},
    }
    lines += [*assigned({'model': model, 'find_unused_parameters': True}), '', *data, '']
    every = Code('max(1, max_iters // 10)')
    lines += [f'max_iters = {recipe.iters}', 'batch_size = _base_.train_dataloader.batch_size']
    loop = {'type': 'scalenas.SubnetValLoop', 'archs': ('largest',)}
    hooks: dict[str, Any] = {
        'logger': {
            'type': 'LoggerHook',
            'interval': Code('max(1, min(50, max_iters // 10))'),
            'log_metric_by_epoch': False,
        },
        'checkpoint': {
            'type': 'CheckpointHook',
            'by_epoch': False,
            'interval': every,
            'max_keep_ckpts': 2,
        },
    }
    iterations = Code('max_iters')
    loops = {'type': 'IterBasedTrainLoop', 'max_iters': iterations, 'val_interval': iterations}
    variables: dict[str, Any] = {
        'train_cfg': instead(loops, True),
        'val_cfg': instead(loop, 'val_cfg' in cfg),
        'test_cfg': instead(loop, 'test_cfg' in cfg),
        'param_scheduler': recipe.schedulers(cfg.get('param_scheduler')),
    }
    if recipe.batch != recipe.images:
        lr = Code(f'_base_.optim_wrapper.optimizer.lr * batch_size / {recipe.images}')
        variables['optim_wrapper'] = {'optimizer': {'lr': lr}}
    imports: Any = IMPORTS
    if cfg.get('custom_imports'):
        one = isinstance(cfg.custom_imports.imports, str)
        imports = Code(f'[{"" if one else "*"}_base_.custom_imports.imports, *{IMPORTS!r}]')
    given, known = Code('_base_.custom_hooks'), cfg.get('default_hooks') or {}
    variables |= {
        'default_hooks': {name: instead(hook, name in known) for name, hook in hooks.items()},
        'custom_hooks': Code(f'[*{given!r}, *{HOOKS!r}]') if cfg.get('custom_hooks') else HOOKS,
        'custom_imports': {'imports': imports, 'allow_failed_imports': False},
        'log_processor': {'by_epoch': False},
        'randomness': {'seed': 0},
        'load_from': None,
        'resume': False,
    }
    head = 'The supernet in the model of stock.py, its data, and the schedule of all trainings.'
    return text(head, './stock.py', [*lines, *assigned(variables)])


def start_as(stock: Stock, path: str) -> dict[str, Any]:
    """What `init_from` says of a trained network of the stock config's kind."""
    more = stock.adopted.start
    return {'stock': path, **more, **({'source': stock.task.package} if more else {})}


def teacher(pretrained: Mapping[str, Any] | None) -> str:
    """teacher.py: the largest network, trained first."""
    head = 'The largest network, trained first: it teaches the others, which start as it.'
    start = {'model': {'init_from': dict(pretrained)}} if pretrained else {}
    return text(head, './base.py', assigned(start))


def supernet(
    stock: Stock,
    start: Mapping[str, Any] | None,
    learns: Mapping[str, Any] | None,
    pretrained: bool,
) -> str:
    """supernet.py: all networks, which start as a trained model, or as the teacher."""
    archs = ('smallest', 'largest')
    model: dict[str, Any] = {'sampler': {'_delete_': True, **stock.adopted.sampler}}
    if start is not None:
        model['init_from'] = dict(start)
    elif learns is not None:
        trained = Code("f'{{ fileDirname }}/work_dirs/teacher/iter_{_base_.max_iters}.pth'")
        model['init_from'] = instead({'checkpoint': trained}, pretrained)
    if learns is not None:
        model['distillation'] = dict(learns)
    variables = {'model': model, 'val_cfg': {'archs': archs}, 'test_cfg': {'archs': archs}}
    lines = assigned(variables)
    if learns is not None or start is not None:
        # Lower ones, as for segmentation in the paper, ranked and scored worse: docs/rank.md.
        lines += [
            '# The learning rate is that of the base, though it starts from a trained network.'
        ]
    head = 'All networks of the space in one set of weights.'
    after = './base.py' if start is not None or learns is None else './teacher.py'
    return text(head, after, lines)


def search(stock: Stock, plan: Search) -> str:
    """search.py: which networks are best."""
    total = plan.candidates
    first = max(2, total // 3)
    algorithm: dict[str, Any] = {'type': 'nsga2', 'population': max(2, total // 6)}
    if 'fusion' in stock.family.roles:
        algorithm = {
            'type': 'topology_evolution',
            'num_initial': first,
            'initial': 'stratified',
            'num_parents': max(2, first // 2),
            'p_crossover': 0.25,
            'p_mutation': 0.1,
            'p_depth': 0.1,
        }
    table: dict[str, Any] = {
        'algorithm': {**algorithm, 'num_total': total},
        'objectives': plan.objectives,
        'size': plan.size,
        'seed': plan.seed,
    }
    for name in ('classes', 'budget'):
        if getattr(plan, name):
            table[name] = getattr(plan, name)
    head = 'Which networks are best: on images that were held out of training.'
    lines = assigned({'search': table})
    lines += [
        '# --algorithm predictor (needs scikit-learn) may find more with as few: docs/search.md'
    ]
    return text(head, './supernet.py', lines)
