"""From a stock config to a folder of configs, whose data and model were looked at."""

from __future__ import annotations

import filecmp
import io
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.complexity import Budget
from scalenas.config import check_hints, check_values, clear_errors, read_config, seeded
from scalenas.errors import ConfigError, DataError, EvaluationError, UserError
from scalenas.evaluation.batches import build_loader, images
from scalenas.evaluation.evaluator import build_metrics
from scalenas.evaluation.trace import trace
from scalenas.models.supernet import supernet_of
from scalenas.paths import writable_folder
from scalenas.search.plan import SearchPlan
from scalenas.staging import staged_folder, write_whole
from scalenas.tasks import check_data, check_metrics, metric_names, task_of
from scalenas.tasks.data import built
from scalenas.tasks.loading import leaves
from scalenas.tasks.metrics import words
from scalenas.tasks.own_data import FOLDER, HERE, HeldOut
from scalenas.training.step import Step
from scalenas.training.tap import tapped

from . import written
from .code import assigned, text
from .own_data import merged, own_data
from .stock import NEEDED, Stock, base_of, images_of_a_step, leaf_of, path_of, read
from .written import Recipe

LOADERS = tuple(f'{name}_dataloader' for name in ('train', 'val', 'test'))
OF_SEARCH = ('search_dataloader', 'calibration_dataloader')
FEW = 1000
"""Iterations of a training, at most, where there is no GPU and nobody asked for more."""


@dataclass(frozen=True)
class Options:
    """What `init` is asked for besides the config.

    Attributes:
        out: the folder to write.
        checkpoint: of the stock model, trained: it is the teacher, and the supernet starts as it.
        pretrained: weights of its backbone, as of ImageNet, that the teacher starts from.
        width: of an HRNet in place of a backbone that no family knows.
        iters: of each training; default: those of the config, few without a GPU.
        candidates: networks that the search evaluates.
        search_images: how many are held out; default: a fifth, at most 500.
        settings: of the config, as `--cfg-options` gives them.
        budget: bounds of the search.
        data: a folder in the layout of the task, in place of the data of the config; `classes` are
            their names where the data does not name them.
    """

    out: Path
    checkpoint: Path | None = None
    pretrained: Path | None = None
    width: int | None = None
    iters: int | None = None
    candidates: int = 72
    search_images: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Path | None = None
    classes: Sequence[str] = ()
    budget: Budget = field(default_factory=Budget)


def init(config: str, options: Options) -> list[str]:
    """Writes a folder of configs for a stock one; what was seen, in lines.

    Data of all splits is looked at, a part of the training data held out for the search, and one
    batch of every dataloader goes through the largest network.

    Raises:
        UserError: for a config, data or a checkpoint that make no search, and a folder that has
            other content. Nothing is left then.
    """
    out = options.out
    if out.exists() and not out.is_dir():
        raise UserError('is a file', where=out, hint='name a folder')
    for path in (options.checkpoint, options.pretrained):
        if path is not None and not path.is_file():
            raise UserError('is a folder' if path.is_dir() else 'no such file', where=path)
    if options.checkpoint and options.pretrained:
        raise UserError('is for a teacher, and CHECKPOINT is one', where='--pretrained')
    for name in ('iters', 'candidates', 'search_images'):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            where = f'--{name.replace("_", "-")}'
            raise UserError(where=where, got=getattr(options, name), allowed='1 or more')
    read(config)
    made = [each for each in out.resolve().parents if not each.exists()]
    parent = writable_folder(out.resolve().parent)
    try:
        with staged_folder(parent, out.name) as stage:
            try:
                with redirect_stdout(io.StringIO()):  # of COCO's tools, a page
                    lines = _write(config, options, stage)
            except UserError as error:
                for name in ('problem', 'where', 'hint'):
                    setattr(error, name, _for_users(getattr(error, name), options, stage))
                raise
            _publish(stage, out)
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise
    return [*lines, f'wrote {out}: read and edit it, then: scalenas run {out}']


def _for_users(line: str, options: Options, stage: Path) -> str:
    """A part of an error in the paths that were given: those of the folder are gone after it."""
    line = line.replace(str(stage), str(options.out))
    for path in (options.checkpoint, options.pretrained):
        if path is not None:
            line = line.replace(f'{options.out}/{base_of(str(path), options.out)}', str(path))
    advice = 'put the data there, or give your own: --data FOLDER'
    if options.data is not None:
        advice = f'look at {options.data}'
    return re.sub(rf'see the head of {re.escape(str(options.out))}/\w+\.py', advice, line)


def _write(config: str, options: Options, stage: Path) -> list[str]:
    head = f'{config}, as its trainings here read it: edit data, batch size and model here.'
    settings = _settings(config, options.settings)
    own: dict[str, Any] = {}
    if options.data is not None:
        own = own_data(read(config), options.data, options.classes)
    elif options.classes:
        raise ConfigError('are for --data', where='--classes', got=list(options.classes))
    lines = assigned(merged(own, settings))
    write_whole(stage / 'stock.py', text(head, base_of(config, options.out), lines))
    cfg = read_config(str(stage / 'stock.py'), needs=(*NEEDED, 'val_dataloader', 'val_evaluator'))
    stock = Stock.read(config, cfg, options.width)
    check_data(cfg, LOADERS)
    held, count = _split(stock, options)
    if held is not None:
        (stage / FOLDER).mkdir()
        for name, content in held.files.items():
            (stage / FOLDER / name).write_text(content, encoding='utf-8')
    iters = options.iters
    recipe = Recipe.of(cfg, images_of_a_step(cfg), count, iters)
    if iters is None and recipe.iters > FEW and not torch.cuda.is_available():
        recipe = Recipe.of(cfg, recipe.images, count, FEW)
    data = written.data_lines(stock, held, count, os.cpu_count() or 1)
    learns = stock.task.distillation(cfg.model)
    start, pretrained = (
        written.start_as(stock, f'{HERE}/{base_of(str(path), options.out)}') if path else None
        for path in (options.checkpoint, options.pretrained)
    )
    plan = written.Search(
        _objectives(cfg, stock),
        options.candidates,
        stock.size(),
        options.seed,
        budget=_plain(options.budget),
    )
    files = {
        'base.py': written.base(stock, recipe, data),
        'supernet.py': written.supernet(stock, start, learns, bool(pretrained)),
        'search.py': written.search(stock, plan),
    }
    if start is None and learns is not None:
        files['teacher.py'] = written.teacher(pretrained)
    for name, content in files.items():
        write_whole(stage / name, content)
    lines = _checked(stage, start is not None, pretrained is not None)
    remote = stock.pretrained()
    if start is pretrained is None and remote and not stock.replaced:
        lines.append(f'not read: {remote}, of the config; fetch it and give --pretrained FILE')
    if absent := _absent(stage):
        plan = replace(plan, classes='present')
        write_whole(stage / 'search.py', written.search(stock, plan))
        lines.append(f'search: {absent}: its mean is over the classes that are there')
    return [*lines, _schedule(recipe, 'teacher.py' in files, plan)]


def _plain(budget: Budget) -> dict[str, Any]:
    """Bounds as a config has them: numbers, or text in percent."""
    return {
        name: tuple(b if b is None or isinstance(b, int | float) else f'{b}' for b in bounds)
        for name, bounds in budget.items()
    }


def _settings(config: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a command line as variables of a config that inherits."""
    if not given:
        return {}
    changed = read_config(str(path_of(config)), given)._cfg_dict.to_dict()
    result: dict[str, Any] = {}
    for name in given:
        table, value, (*keys, last) = result, changed, name.split('.')
        for key in keys:
            if not isinstance(value[key], Mapping):
                last = key  # of a list the whole is said
                break
            table, value = table.setdefault(key, {}), value[key]
        table[last] = value[last]
    return result


def _split(stock: Stock, options: Options) -> tuple[HeldOut | None, int]:
    """What is held out, and how many images are left to train on."""
    dataset = built(stock.cfg, 'train_dataloader')
    if all(stock.cfg.get(name) is not None for name in OF_SEARCH):
        return None, len(dataset)
    leaf_of(stock.cfg.train_dataloader, 'train_dataloader')
    leaf = next(leaves(dataset))
    held = stock.task.hold_out(leaf, options.search_images, options.seed)
    return held, held.counts[0]


def _objectives(cfg: Config, stock: Stock) -> tuple[tuple[str, str], ...]:
    """The first metric of the evaluator that one searches for, against MACs."""
    names: list[str] = []
    for metric in words(cfg.get('val_evaluator')):
        # Of a metric for each class the names are not known, but all others are.
        own = {key: value for key, value in metric.items() if key != 'classwise'}
        scope = cfg.get('default_scope')
        names += metric_names({'default_scope': scope, 'val_evaluator': own}) or []
    last = {name.rpartition('/')[2]: name for name in reversed(names)}
    wanted = stock.task.headline
    best = next((name for name in wanted if name in names), None)
    best = best or next((last[n] for w in wanted if (n := w.rpartition('/')[2]) in last), None)
    if best is None:
        raise ConfigError(
            'gives no metric to search for',
            where=f'{stock.name}: val_evaluator',
            got=list(names),
            allowed=stock.task.headline,
        )
    return (
        (best, 'min' if best.rpartition('/')[2] in stock.task.errors else 'max'),
        ('macs', 'min'),
    )


def _checked(stage: Path, grown: bool, pretrained: bool) -> list[str]:
    """What is in the data and the model of the written configs, which were built and run."""
    cfg = read_config(str(stage / 'search.py'))
    check_values(cfg)
    check_hints(cfg)
    check_metrics(cfg)
    SearchPlan.from_dict(cfg.search)
    check_data(cfg, (*LOADERS, *OF_SEARCH))
    datasets: dict[str, Any] = {}
    with clear_errors(cfg), seeded(0):
        for name in (*OF_SEARCH, *reversed(LOADERS)):
            few = {'batch_size': min(2, int(cfg[name]['batch_size'])), 'num_workers': 0}
            loader = build_loader(Config({**cfg, name: {**cfg[name], **few}}), name)
            batch = next(iter(loader))
            check = task_of(cfg).batch_check(cfg, name)
            if check is not None:
                check(batch)
            datasets[name] = loader.dataset
    _check_disjoint(datasets)
    with clear_errors(cfg), DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        described = {'data_preprocessor': cfg.get('data_preprocessor'), **cfg.model}
        model: Any = MODELS.build(described)
        space, learns = supernet_of(model).space, model.distillation
        if not grown:  # it starts as a teacher that is not trained yet
            if pretrained:
                own = read_config(str(stage / 'teacher.py')).model.init_from
                model = MODELS.build({**described, 'distillation': None, 'init_from': own})
            model.distillation = None
        if grown or pretrained:
            model.init_weights()
        tap = tapped(model.architecture, learns.tap) if learns else nullcontext([None])
        with torch.no_grad(), seeded(0), tap as outputs:
            batch = model.data_preprocessor(batch, True)  # of the training data, the last
            model.train()(**batch, mode='loss', step=Step([space.largest()]))
        if not outputs:
            where, hint = f'{stage}/supernet.py: model.distillation.tap', 'name a layer that runs'
            raise ConfigError('does not run', where=where, got=learns.tap, hint=hint)
    lines = [f'{name.partition("_")[0]}: {len(data):,} samples' for name, data in datasets.items()]
    return [*lines, f'supernet: {space.size():.1e} networks{_costs(cfg, model)}']


def _check_disjoint(datasets: Mapping[str, Any]) -> None:
    """Pass when no image of the search is trained on or reported.

    Raises:
        DataError: names the split and an image.
    """
    searched = images(datasets['search_dataloader'])
    for name in ('train_dataloader', 'test_dataloader'):
        if shared := searched & images(datasets[name]):
            raise DataError(
                f'{len(shared)} of the {len(searched)} images of the search are there, too',
                where=f'{name}.dataset',
                got=min(shared),
                hint='describe search_dataloader and calibration_dataloader in your config',
            )


def _costs(cfg: Config, model: Any) -> str:
    """MACs of the smallest and the largest network with all around them."""
    size, supernet = cfg.search.get('size'), supernet_of(model)
    if size is None:
        return ''
    costs = []
    for arch in (supernet.space.smallest(), supernet.space.largest()):
        with supernet.active(arch):
            costs.append(trace(model, tuple(size), arch.in_channels)['macs'] / 1e9)
    return f', {costs[0]:.3f} to {costs[1]:.3f} G MACs at {size[0]}x{size[1]}'


def _absent(stage: Path) -> str:
    """Which classes no image of the search holds; '' where all are there."""
    cfg = read_config(str(stage / 'search.py'))
    with clear_errors(cfg):
        loader = build_loader(cfg, 'search_dataloader')
        evaluator = build_metrics(cfg, 'search_evaluator')
        evaluator.dataset_meta = getattr(loader.dataset, 'metainfo', None)
    try:
        task_of(cfg).check_classes(cfg, loader, evaluator.metrics)
    except EvaluationError as error:
        return error.problem.partition(':')[0]
    return ''


def _schedule(recipe: Recipe, teacher: bool, plan: written.Search) -> str:
    trainings = 'teacher and supernet' if teacher else 'supernet'
    metric = ' and '.join(name for name, _ in plan.objectives)
    return (
        f'{trainings}: {recipe.iters:,} iterations of {recipe.batch} images each (max_iters in '
        f'base.py); search: {plan.candidates} networks, by {metric}'
    )


def _publish(stage: Path, out: Path) -> None:
    """Moves the folder to its place, or finds the same there.

    Raises:
        UserError: for a place with other content.
    """
    if not out.exists() or not any(out.iterdir()):
        os.replace(stage, out)
        return
    for path in sorted(stage.rglob('*')):
        other = out / path.relative_to(stage)
        same = (
            other.is_dir() if path.is_dir() else other.is_file() and filecmp.cmp(path, other, False)
        )
        if not same:
            raise UserError(
                'the folder is there with other content',
                where=out,
                got=str(path.relative_to(stage)),
                hint='name another --out, or remove it',
            )
