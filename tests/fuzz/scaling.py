"""Scaling: strategies, factors, budgets, files of scalings and latencies, and the tools."""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from scalenas.arch import ROUNDINGS, Scaling, from_dict, from_file, named, rounding
from scalenas.commands import TOOL, run
from scalenas.complexity import Budget, Counter
from scalenas.errors import UserError, short
from scalenas.scaling import (
    FORMS,
    LatencyModel,
    SearchedScalings,
    Strategy,
    fast,
    fit_growth,
    grow,
    parse_strategy,
    table_entry,
)

from .case import Case

HUGE = 10**5000
NO_FACTORS: tuple[Any, ...] = (
    *(True, 0, -1, -0.0, math.nan, math.inf, -math.inf, 1e300, HUGE, '2', None, [], {}, print),
)
NAMES = ('efficientnet_b0', 'regnety_400mf', 'hrnet_w18_small', 'scalenet_s0', 'resnet50')
SIZE = {'hrnet_w18_small': (64, 128)}
RIGHT = ('fast', 'depth', 'width', 'resolution', 'compound', 'alpha=0.5', 'd1_w8_g8_r1', 'dw', 'r')
WRONG = (
    *('', 'fsat', 'alpha=2', 'alpha=nan', 'alpha=', 'alpha=x', 'd1_d2', 'd0_w0', 'g1', 'dx', 'd-1'),
    *('ä', 'd' + '9' * 400, 'x' * 5000, 'd1__w1', 'd٣', 'd1e5', 'w' * 300, ':', 'efficientnet:b9'),
    *('scalenet:', ':s2', 'none.yaml:s2', 'scalenet:s2:s3', '\0:s1', '\0.yaml:s1'),
)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless inputs."""
    kinds = (
        *(factor, strategy, strategy, growth, growth, budget, searched, searched, latency),
        *(curves, tool, tool, tool),
    )
    while True:
        yield rng.choice(kinds)(rng, folder)


def factor(rng: random.Random, _: Path) -> Case:
    name = rng.choice(['depth', 'width', 'resolution', 'group'])
    if rng.random() < 0.4:
        value = rng.choice([1, 1.5, 0.25, 3, 0.001])
        return Case('factor', partial(scaled, rng.choice(NAMES), name, value), False)
    value = rng.choice(NO_FACTORS)
    wrong = True
    return Case(f'factor {short(value)}', partial(scaled, rng.choice(NAMES), name, value), wrong)


def scaled(net: str, name: str, value: Any) -> None:
    for rule in ROUNDINGS.values():
        found = named(net).scaled(Scaling(**{name: value}), rule)
        assert from_dict(found.to_dict()) == found


def strategy(rng: random.Random, _: Path) -> Case:
    what = rng.randrange(5)
    if what == 0:
        text = rng.choice(RIGHT)
        return Case(text, lambda: parse_strategy(text)(2.0), False)
    if what == 1:
        text = rng.choice(WRONG)

        def ask() -> None:
            if ':' in text:
                table_entry(text)
            else:
                parse_strategy(text)

        return Case(f'strategy {text[:20]!r}', ask, True)
    bad = rng.choice(NO_FACTORS)
    if what == 2:
        return Case('growth', lambda: parse_strategy('fast')(bad), True)
    if what == 3:
        zero = isinstance(bad, int | float) and not isinstance(bad, bool) and bad == 0
        return Case('alpha', lambda: fast(bad), not zero)
    return Case('shares', lambda: Strategy('mine', bad), True)


def growth(rng: random.Random, _: Path) -> Case:
    net, text = rng.choice(NAMES), rng.choice([*RIGHT, 'scalenet:s1', 'efficientnet:b1'])
    size: Any = SIZE.get(net)
    table = ':' in text
    if rng.random() < 0.4:
        given = None if table else rng.choice([1, 2, 0.5, 3.3])
        return Case(f'grow {net} {text}', lambda: grow(named(net), text, given, size=size), False)
    what = rng.randrange(4)
    if what == 0:
        bad = rng.choice([f for f in NO_FACTORS if f is not None])
        return Case('factor', lambda: grow(named(net), 'fast', bad, size=size), True)
    if what == 1:
        sizes = [(0, 5), (5,), 5, 'ab', (True, 5), (1.5, 2), (10**9, 5), (HUGE, 1), (224, 225), []]
        bad = rng.choice(sizes)
        wrong = bad != (224, 225) or size is None  # a dense net takes images of any shape
        return Case(f'size {short(bad)}', lambda: grow(named(net), 'fast', 2, size=bad), wrong)
    if what == 2:
        wrong = rng.choice([*WRONG, None, 5, [], True])
        return Case('strategy', lambda: grow(named(net), wrong, 2, size=size), True)
    # Without end: no network is so large.
    far = rng.choice([1e9, 1e12, 1e17])
    one = rng.choice(['depth', 'width'])
    return Case(f'far {one}', lambda: grow(named(net), one, far, size=size), True)


def budget(rng: random.Random, _: Path) -> Case:
    net, key = rng.choice(NAMES), rng.choice(['macs', 'params', 'acts'])
    size: Any = SIZE.get(net)
    now = Counter(size)(named(net))[key]
    if rng.random() < 0.5:

        def run() -> None:
            bound = Budget({key: (None, 2 * now)})
            _, found = grow(named(net), 'compound', None, bound, size=size)
            assert found is not None
            assert found.cost[key] <= 2 * now

        return Case(f'fit {net} {key}', run, False)
    far = rng.choice([0, 1, 1e17])
    bad = rng.choice(NO_FACTORS)
    if rng.random() < 0.4:
        return Case('bound', lambda: Budget(ms=(None, bad)), bad is not None and bad != 0)
    text = rng.choice(['depth', 'width', 'compound'])
    bound = Budget({key: (None, far)})
    return Case(
        f'out of reach {key} {far:g}', lambda: grow(named(net), text, None, bound, size=size), None
    )


GOOD_SEARCHED = {
    'rounding': 'ceil',
    'form': 'exponential',
    'stages': {
        1: {'depth': 1.08, 'width': 1.04, 'resolution': 1.14},
        2: {'depth': 1.36, 'width': 1.2, 'resolution': 1.355},
        3: {'depth': 1.48, 'width': 1.4, 'resolution': 1.58},
    },
}


def searched(rng: random.Random, folder: Path) -> Case:
    path = folder / 'scalings.yaml'
    data: dict[str, Any] = json.loads(json.dumps(GOOD_SEARCHED))
    data['stages'] = {int(k): v for k, v in data['stages'].items()}
    wrong: bool | None = True
    stage: Any = rng.choice([1, 2, 3, 4, 5])
    bad = rng.choice([f for f in NO_FACTORS if f not in (None, print, HUGE)])
    what = rng.randrange(7)
    if what == 0:
        wrong = False
    elif what == 1:
        data['stages'][2]['depth'] = bad
    elif what == 2:
        data[rng.choice(['rounding', 'form', 'stages'])] = bad
    elif what == 3:
        data['stages'][rng.choice([0, -1, True, 'x', 1.5, 10**9])] = {'depth': 1.5}
        wrong = None if True in data['stages'] and len(data['stages']) == 3 else True  # true is 1
    elif what == 4:
        data['stages'] = {1: data['stages'][1]}
        stage, wrong = 4, True
    elif what == 5:
        stage = rng.choice([99_999, 5000, 9999])
        wrong = True
    else:
        data['stages'][2][rng.choice(['heigth', '', 5])] = 1.0

    def run() -> None:
        path.write_text(yaml.safe_dump(data))
        SearchedScalings.from_file(path)
        table_entry(f'{path}:s{stage}')

    return Case(f'searched {what}', run, wrong)


LINE = {
    'slope': 2.0,
    'intercept': -0.5,
    'r': 0.9,
    'error': 0.1,
    'least': 1.0,
    'most': 50.0,
    'points': 5,
}


def latency(rng: random.Random, folder: Path) -> Case:
    path = folder / 'latency.yaml'
    line: dict[str, Any] = dict(LINE)
    data: dict[str, Any] = {'device': 'a CPU', 'threads': 1, 'batch': 4, 'software': 'torch'}
    wrong = rng.random() < 0.7
    if wrong:
        bad = rng.choice(['x', None, [], {}, math.nan, math.inf, True])
        what = rng.randrange(4)
        if what == 0:
            line[rng.choice(list(line))] = bad
        elif what == 1:
            del line[rng.choice(list(line))]
        elif what == 2:
            data[rng.choice(['threads', 'batch'])] = bad
        else:
            data[rng.choice(['treads', 'ä', ''])] = 1
    data['inference'] = {'all': line}

    def run() -> None:
        path.write_text(yaml.safe_dump(data))
        model = LatencyModel.from_file(path)
        assert model.line('x')[1].ms(1e6)
        assert LatencyModel.from_file(path) == model
        assert str(model.line('x')[1])

    return Case('latency', run, wrong)


def curves(rng: random.Random, _: Path) -> Case:
    form: Any = rng.choice([*FORMS, 'cubic', None, 5, [], True])
    stages = {
        j: Scaling(1 + j * rng.random(), 1 + j * 0.1, 1.0) for j in range(1, rng.randint(2, 5))
    }
    enough = form in FORMS and len(stages) >= FORMS[form].size if isinstance(form, str) else False
    return Case(f'curve {form}', lambda: fit_growth(stages, form)(4), not enough)


def run_tool(name: str, *words: str) -> None:
    """A tool in this process; what argparse refuses is refused."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            run(name, words, TOOL)
    except SystemExit as end:
        if end.code:
            raise UserError(errors.getvalue().splitlines()[-1]) from None


INFO_WRONG = (
    *(['none'], ['none.yaml'], ['x\0'], ['a' * 300], ['resnet50', '--size', '0', '5']),
    *(['resnet50', '--size', '5'], ['resnet50', '--size', '999999999999', '5'], ['resnet50', 'x']),
    *(['resnet50', '--size', '-1', '5'], ['resnet50', '--head', 'cls:' + '9' * 5000], []),
    *(['resnet50', '--head', 'seg'], ['resnet50', '--rule', 'x'], ['resnet50', '--draw', 'x.y']),
    *(['resnet50', '--subnet', 'largest'], ['resnet50', '--draw', '/proc/none/x.png']),
)
SCALE_WRONG = (
    *(['resnet50', 'fast'], ['resnet50', 'fast', '--factor', 'nan'], ['none', 'fast']),
    *(['resnet50', 'fast', '--factor', '0'], ['resnet50', 'fast', '--factor', '-1']),
    *(['resnet50', 'fast', '--factor', 'inf'], ['resnet50', 'fast', '--factor', '1e300']),
    *(['resnet50', 'depth', '--factor', '1e9'], ['resnet50', 'fast', '--max-macs', '-5']),
    *(['resnet50', 'fast', '--max-macs', 'nan'], ['resnet50', 'fast', '--max-macs', 'inf']),
    *(['resnet50', 'fast', '--max-macs', '1'], ['resnet50', 'fsat', '--factor', '2']),
    *(['resnet50', 'fast', '--factor', '2', '--max-macs', '1e9'], ['resnet50', 'scalenet:s9']),
    *(['resnet50', 'fast', '--factor', '2', '--rounding', 'x'], ['resnet50', '', '--factor', '2']),
    *(['resnet50', 'fast', '--factor', '2', '--size', '1', '2'], ['resnet50', 'x.yaml:s1']),
    *(['hrnet_w18', 'fast', '--factor', '2', '--size', '0', '2'], ['resnet50', 'fast', '--out']),
    *(['hrnet_w18', 'fast', '--factor', '2', '--size', '9999999', '2'],),
    *(['resnet50', 'fast', '--max', 'ms=5'], ['resnet50', 'fast', '--recipe', 'x']),
    *(['resnet50', 'fast', '--factor', '2', '--out', '/none/x.yaml'],),
    *(['resnet50', 'fast', '--max', 'ms=nan', '--measure', 'cpu'],),
)


def tool(rng: random.Random, folder: Path) -> Case:
    what = rng.randrange(4)
    net = rng.choice(NAMES)
    if what == 0:
        words = rng.choice(INFO_WRONG)
        return Case(f'info {words!s:.60}', lambda: run_tool('info', *words), True)
    if what == 1:
        words = rng.choice(SCALE_WRONG)
        return Case(f'scale {words!s:.60}', lambda: run_tool('scale', *words), True)
    if what == 2:
        extra = rng.choice([[], ['--layers'], ['--size', '64', '96'], ['--rule', 'scalenas']])
        return Case(f'info {net}', lambda: run_tool('info', net, *extra), False)
    path = folder / f'grown{rng.randrange(10**9)}.yaml'

    def run() -> None:
        run_tool('scale', net, 'compound', '--factor', '1.5', '--out', str(path))
        assert from_file(path)
        rounding('nearest')

    return Case(f'scale {net}', run, False)
