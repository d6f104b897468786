"""Configs: broken files, options of the command line, values, monitors, parts that are built."""

from __future__ import annotations

import argparse
import copy
import functools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.config import (
    DictAction,
    read_config,
)
from scalenas.config.variables import read_later
from scalenas.errors import UserError
from scalenas.search import SearchPlan

from .case import Case
from .config_parts import (
    PARTS,
    REPO,
    SHIPPED,
    any_config,
    build_all,
    look_at,
    put,
    real_tables,
    shrunk,
)
from .config_values import FALSY, JUNK, RIGHT, WRONG


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
        build_all(copy.deepcopy(shrunk(name)))  # their packages are imported by now
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


def _wrong_value(rng: random.Random, folder: Path) -> Case:
    cfg, place = any_config(rng), rng.choice(list(WRONG))
    value = rng.choice(WRONG[place])
    put(cfg, place, value)
    # Of a metric that has no such argument its build says so, which comes later.
    metric = cfg.get('val_evaluator')
    name = str(metric.get('type')) if isinstance(metric, Mapping) else ''
    other = place.startswith('val_evaluator.iou_') and not name.endswith('IoUMetric')
    return Case(f'{place} = {value!r}', lambda: look_at(cfg), None if other else True)


def _right_value(rng: random.Random, folder: Path) -> Case:
    cfg, place = any_config(rng), rng.choice(list(RIGHT))
    value = rng.choice(RIGHT[place])
    put(cfg, place, value)
    pose = 'auto' if cfg.default_scope == 'mmpose' else ''  # AP has no rule in mmengine
    return Case(f'{place} = {value!r}', lambda: look_at(cfg), None if value == pose else False)


def _plan(rng: random.Random, folder: Path) -> Case:
    """The search of a config with one thing changed."""
    search: dict[str, Any] = {
        'algorithm': {'type': 'random', 'num_total': 4},
        'objectives': (('mIoU', 'max'), ('macs', 'min')),
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
        key = rng.choice(('algorithm', 'objectives', 'size', 'seed'))
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
    cfg = any_config(rng)
    leaves = [
        (part, key, place)
        for place, part in real_tables(cfg)
        for key in part
        if place.partition('.')[0].partition('[')[0] in PARTS
    ]
    part, key, place = rng.choice(leaves)
    value = rng.choice(JUNK)
    if rng.random() < 0.15:
        del part[key]
        return Case(f'{place}.{key} is gone', lambda: build_all(cfg), None)
    part[key] = value
    return Case(f'{place}.{key} = {value!r:.30}', lambda: build_all(cfg), None)


def _unknown_key(rng: random.Random, folder: Path) -> Case:
    """A key that no class of that kind takes."""
    cfg = any_config(rng)
    _, part = rng.choice(
        [
            (place, part)
            for place, part in real_tables(cfg)
            if place in ('model', 'optim_wrapper.optimizer', 'default_hooks.checkpoint')
            or place.endswith(('.backbone', '.decode_head', '.head', '_head'))
            if part.get('type') != 'CheckpointHook'  # hands what is left to whoever saves
        ]
    )
    part['nonsense'] = 1
    return Case(f'{part.get("type")}: nonsense', lambda: build_all(cfg), True)
