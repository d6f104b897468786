"""Studies that were cut, damaged or written into by others, and the settings of a search.

A study with a change that is known to be wrong must be refused in one line; one that was cut or
lost a line must be read with the records that it still holds, each with the scores of its own
network.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scalenas.search import SearchPlan, SearchStudy, run_search

from ..search.table import COST, SPACE, evolution, open_study, score
from .case import Case

NUM = 8
ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1.5, float('nan'), float('inf'), 10**30),
    *('', 'x', '0', [], [1], {}, {'x': 1}, [[]]),
)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Journals, databases, settings and names of storages in turn."""
    journal, database = _whole(folder / 'whole.journal'), folder / 'whole.db'
    _whole(database)
    makers: list[Callable[[random.Random, Path], Case]] = [
        *[lambda rng, path: _cut(rng, path, journal)] * 3,
        *[lambda rng, path: _edited(rng, path, journal)] * 3,
        lambda rng, path: _row(rng, path, database),
        *[lambda rng, path: _settings(rng)] * 3,
        lambda rng, path: _name(rng),
    ]
    for number in range(10**9):
        place = folder / str(number % 16)  # only the last ones stay
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        yield makers[number % len(makers)](rng, place)


def _whole(path: Path) -> bytes:
    """The study of a small search, by a process that is gone."""
    study = open_study(str(path), space=SPACE.to_dict())
    object.__setattr__(study.worker, 'started', '1')
    run_search(evolution(num_initial=4, num_parents=2, num_total=NUM), study, score)
    return path.read_bytes()


def _read(path: Path) -> int:
    """How many records a study gives; each must have the score of its network."""
    records = SearchStudy.read(str(path), 'test').records()
    for record in records:
        assert dict(record.metrics) == score(record.arch), (
            f'slot {record.slot} has the score of another'
        )
    return len(records)


def _cut(rng: random.Random, folder: Path, whole: bytes) -> Case:
    """Damage of bytes: what is left is read."""
    kind = rng.choice(['end', 'line', 'zeros', 'join', 'newline', 'noise'])
    lines = whole.splitlines(keepends=True)
    if kind == 'end':
        data = whole[: rng.randrange(len(lines[0]) + len(lines[1]), len(whole))]
    elif kind == 'line':
        i = rng.randrange(len(lines))
        lines[i] = bytes(rng.choices(b'ab{}"\0:', k=len(lines[i]) - 1)) + b'\n'
        data = b''.join(lines)
    elif kind == 'join':
        i = rng.randrange(2, len(lines) - 1)
        lines[i] = lines[i][: rng.randrange(1, len(lines[i]) - 1)]
        data = b''.join(lines)
    else:
        start = rng.randrange(len(whole))
        size = rng.choice([1, 2, 30, 600])
        patch = {'zeros': b'\0' * size, 'newline': b'\n' * size, 'noise': rng.randbytes(size)}[kind]
        data = whole[:start] + patch + whole[start + size :]
    path = folder / 'study.journal'
    path.write_bytes(data)

    def run() -> None:
        # A digit that became another is seen by nobody; that no score moves is.
        (_read if kind not in ('noise', 'newline') else _count)(path)
        assert path.read_bytes() == data, 'reading wrote'

    return Case(f'journal {kind}', run, False if kind in ('end', 'join') else None)


def _count(path: Path) -> int:
    return len(SearchStudy.read(str(path), 'test').records())


def _edited(rng: random.Random, folder: Path, whole: bytes) -> Case:
    """A journal in whose records one value is another."""
    records = [json.loads(line) for line in whole.splitlines()]
    made = [r for r in records if r['op_code'] == 4]
    scored = [r for r in records if r['op_code'] == 8 and 'metrics' in r['user_attr']]
    ended = [r for r in records if r['op_code'] == 6]
    attrs = rng.choice(made)['user_attrs']
    metrics = rng.choice(scored)['user_attr']
    other = rng.choice([value for value in ODD if not _is_count(value)])
    kind = rng.choice(
        ['gone', 'odd', 'cost', 'worker', 'arch', 'foreign', 'metric', 'moved', 'values', 'note']
    )
    wrong: bool | None = True
    if kind == 'gone':
        del attrs[rng.choice(['slot', 'generation', 'worker', 'arch', 'cost:macs'])]
    elif kind == 'odd':
        attrs[rng.choice(['slot', 'generation', 'worker', 'arch', 'cost:macs'])] = other
    elif kind == 'cost':
        attrs[f'cost:{rng.choice(["macs", "params", "acts", "x"])}'] = other
    elif kind == 'worker':
        attrs['worker'][rng.choice(['pid', 'x'])] = rng.choice(['x', None, [], 1.5])
    elif kind == 'arch':
        attrs['arch'][rng.choice(['family', 'stages', 'x'])] = other
    elif kind == 'foreign':  # an arch of another space
        attrs['arch'] = rng.choice(
            [evolution().space.largest().to_dict(), {'family': 'mbconv'}]
        ) | {'in_channels': 4}
    elif kind == 'metric':
        metrics['metrics'] = rng.choice([{}, {'mIoU': other}, other, {'x': 1.0}])
    elif kind == 'moved':
        metrics['metrics']['mIoU'] += 1.0
    elif kind == 'values':
        rng.choice(ended)['values'] = rng.choice([None, [1.0], [1.0, 2.0, 3.0], 'x', [None, None]])
        wrong = None  # a line that Optuna cannot take is left out, and the trial stays open
    else:
        attrs['note'], wrong = other, False
    path = folder / 'study.journal'
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return Case(f'journal record {kind}', lambda: _count(path), wrong)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_AT = ' WHERE trial_id = {t}'
_ATTRS = 'trial_user_attributes'
_SET = f"UPDATE {_ATTRS} SET value_json = '{{bad}}' {_AT} AND key = "
_PARAM = '(trial_id, param_name, param_value, distribution_json)'
_NOTE = "(trial_id, key, value_json) VALUES ({t}, 'note', '1')"
ROWS: tuple[tuple[str, bool | None], ...] = (
    (f"DELETE FROM {_ATTRS} {_AT} AND key = 'slot'", True),
    (f"DELETE FROM {_ATTRS} {_AT} AND key = 'worker'", True),
    (f"DELETE FROM {_ATTRS} {_AT} AND key = 'arch'", True),
    (f"DELETE FROM {_ATTRS} {_AT} AND key = 'cost:macs'", True),
    (f"DELETE FROM {_ATTRS} {_AT} AND key = 'metrics'", True),
    (f'DELETE FROM {_ATTRS} {_AT}', True),
    (f"{_SET} 'slot'", True),
    (f"{_SET} 'arch'", True),
    (f"{_SET} 'metrics'", True),
    (f"UPDATE {_ATTRS} SET value_json = NULL {_AT} AND key = 'cost:macs'", True),
    (f'UPDATE trials SET number = 0 {_AT}', True),
    ('UPDATE trials SET number = number + 1 WHERE trial_id >= {t}', True),
    (f'DELETE FROM trials {_AT} AND trial_id < {NUM}', None),  # the last one may be gone
    (f"UPDATE trials SET state = 'DONE' {_AT}", True),
    (f'UPDATE trial_values SET value = value + 1 {_AT} AND objective = 0', True),
    (f'UPDATE trial_values SET objective = 7 {_AT} AND objective = 1', True),
    (f'DELETE FROM trial_values {_AT}', True),
    (f"UPDATE trial_values SET value_type = 'ODD' {_AT}", True),
    ("UPDATE study_user_attributes SET value_json = '{bad}'", True),
    ('DELETE FROM study_user_attributes', True),
    ('DELETE FROM studies', True),
    ('DROP TABLE trials', True),
    ('DROP TABLE version_info', None),
    (f"INSERT INTO trial_params {_PARAM} VALUES ({{t}}, 'x', 0.5, '{{dist}}')", True),
    (f'INSERT INTO trial_system_attributes {_NOTE}', False),
    (f'INSERT INTO {_ATTRS} {_NOTE}', False),
)
DISTRIBUTION = json.dumps(
    {
        'name': 'FloatDistribution',
        'attributes': {'step': None, 'low': 0.0, 'high': 1.0, 'log': False},
    }
)


def _row(rng: random.Random, folder: Path, whole: Path) -> Case:
    """A database with one statement of somebody else, or with bytes that are not its own."""
    path = folder / 'study.db'
    if rng.random() < 0.3:
        data = bytearray(whole.read_bytes())
        kind = rng.choice(['cut', 'zeros', 'noise', 'empty'])
        start = rng.randrange(100, len(data))
        if kind == 'cut':
            del data[start:]
        elif kind == 'empty':
            data.clear()
        else:
            size = min(rng.choice([1, 100, 5000]), len(data) - start)
            data[start : start + size] = b'\0' * size if kind == 'zeros' else rng.randbytes(size)
        path.write_bytes(data)
        return Case(
            f'database {kind}', lambda: _count(path), True if kind in ('cut', 'empty') else None
        )
    shutil.copy(whole, path)
    statement, wrong = rng.choice(ROWS)
    bad = rng.choice(['', '{"a"', 'null', '"x"', '-1', '[]', 'NaN', 'true'])
    text = statement.replace('{t}', str(rng.randint(2, NUM))).replace('{bad}', bad)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(text.replace('{dist}', DISTRIBUTION))
    return Case(f'database: {text[:60]}', lambda: _count(path), wrong)


GOOD: dict[str, Any] = {
    'algorithm': {'type': 'topology_evolution', 'num_initial': 4, 'num_parents': 2, 'num_total': 8},
    'objectives': (('mIoU', 'max'), ('macs', 'min')),
    'size': (64, 64),
    'seed': 0,
}


def _settings(rng: random.Random) -> Case:
    """The `search` of a config."""
    data = copy.deepcopy(GOOD)
    wrong: bool | None = True
    algorithm = data['algorithm']
    kind = rng.randrange(8)
    if kind == 0:  # good ones
        algorithm['type'] = rng.choice(['topology_evolution', 'random'])
        total = rng.randint(1, 20)
        algorithm |= {'num_initial': rng.randint(1, total), 'num_total': total}
        pairs = [('mIoU', 'max'), ('loss', 'min'), 'aAcc', ('macs', 'min'), 'params', 'acts']
        data['objectives'] = rng.sample(pairs, rng.randint(1, len(pairs)))
        data['seed'] = rng.randrange(10**6)
        wrong = False
        if algorithm['type'] == 'random':
            data['algorithm'] = {'type': 'random', 'num_total': total}
    elif kind == 1:
        algorithm[rng.choice(['num_initial', 'num_parents', 'num_total'])] = rng.choice(
            [v for v in ODD if not _is_count(v) or v == 0]
        )
    elif kind == 2:
        name = rng.choice(['p_crossover', 'p_mutation', 'p_depth'])
        algorithm[name] = rng.choice([-0.1, 1.1, 'x', None, float('nan'), True, [0.5]])
    elif kind == 3:
        bad = rng.choice(
            ['', 1, None, [], {}, True, 3.5, ('mIoU', None), ('x', 'y', 1), (1, 'max')]
        )
        data['objectives'] = rng.choice([bad, [bad], ('mIoU', bad), ('mIoU', 'mIoU')])
    elif kind == 4:
        data['size'] = rng.choice(
            [64, (64,), (64, 64, 3), (0, 64), (-1, 64), 'x', (64.5, 64), [True, 1]]
        )
    elif kind == 5:
        data['seed'] = rng.choice([-1, 1.5, 'x', None, True, []])
    elif kind == 6:
        target = rng.choice([data, algorithm])
        target[rng.choice(['num_totl', 'x', '', 'metric'])] = 1
    else:
        key = rng.choice(['algorithm', 'objectives', 'budget', 'seed', 'size'])
        data[key] = rng.choice(ODD)
        wrong = None

    def run() -> None:
        SearchPlan.from_dict(data).build(SPACE, COST)

    return Case(f'settings {kind}: {data}', run, wrong)


NAMES = (
    *('study.txt', 'study', '', '.', '/', 'x\0.db', '/dev/null', '/dev/null/x.db'),
    *('/proc/zz/s.db', 'a' * 300 + '.db', 'a' * 300 + '.journal'),
    *('sqlite://', 'sqlite:///', 'redis://h/0', 'http://x', 'mongodb://h', '://x', 'mysql+x://h'),
    *('postgresql+nodriver://h/d', 'postgresql://['),
)


def _name(rng: random.Random) -> Case:
    """The text of --storage."""
    where = rng.choice(NAMES)
    return Case(f'storage {where[:40]!r}', lambda: open_study(where), True)
