"""benchmarks/search_quality.py: its made accuracy, its box, tables that do not hold a space."""

from __future__ import annotations

import importlib
import json
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scalenas.search import hypervolume
from scalenas.space import named

from .table import COST, SPACE, score

ROOT = Path(__file__).resolve().parents[2]
MODULES = ('search_quality', 'search_problems', 'search_algorithms')
pytest.importorskip('sklearn')


@pytest.fixture(scope='module')
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        yield importlib.import_module('search_quality')
        for name in MODULES:
            sys.modules.pop(name, None)


def small(script: ModuleType, pool: int = 0) -> Any:
    """The space of these tests, or a table of some of its networks."""
    rng = random.Random(0)
    archs = [SPACE.smallest(), SPACE.largest(), *(SPACE.sample(rng) for _ in range(pool - 2))]
    macs = [COST(arch)['macs'] for arch in archs[:2]]
    return script.World(
        SPACE,
        COST,
        'mIoU',
        lambda arch: score(arch)['mIoU'],
        (macs[1], -5.0),
        (macs[0], 30.0),
        archs if pool else (),
    )


def test_the_made_accuracy_is_what_its_words_say(script: ModuleType) -> None:
    world = script.WORLDS['synthetic']()
    space = named('scalenas_w32')
    rng = random.Random(0)
    archs = [space.sample(rng) for _ in range(20)]
    values = [world.score(arch) for arch in archs]
    assert values == [script.WORLDS['synthetic']().score(arch) for arch in archs]
    least, most = world.score(space.smallest()), world.score(space.largest())
    assert abs(least - 70) < 0.5  # nothing but the noise
    assert all(least < value < most for value in values)
    # The largest: all that depth and size can give, less what saturates; computed by its parts.
    assert world.volume([(world.best[0], world.best[1])]) == pytest.approx(1.0)
    assert world.volume([(world.worst[0], world.worst[1])]) == 0.0


def test_the_bottleneck_is_what_its_words_say(script: ModuleType) -> None:
    world = script.WORLDS['bottleneck']()
    space, rng = world.space, random.Random(0)
    assert world.score(space.largest()) == pytest.approx(80, abs=0.5)  # nothing but the noise
    archs = [space.sample(rng) for _ in range(20)]
    values = [world.score(arch) for arch in archs]
    assert values == [script.WORLDS['bottleneck']().score(arch) for arch in archs]
    genes = space.encode(space.largest())
    lacks = []
    for stage in range(1, 8):  # one stage alone is the smallest: all there is to lose is there
        less = {name: value for name, value in genes.items() if not name.startswith(f's{stage}.')}
        small = space.encode(space.smallest())
        less |= {name: value for name, value in small.items() if name.startswith(f's{stage}.')}
        lacks.append(80 - world.score(space.decode(less)))
    # By hand: six stages lack nothing, one v; the last three have a part of the receptive field.
    for stage, (v, _) in enumerate(world.score._lack[:4]):
        expected = 8 * math.log((6 + math.exp(4 * v)) / 7) / 4
        assert lacks[stage] == pytest.approx(expected, abs=0.5)
    assert world.volume([world.best]) == pytest.approx(1.0)
    # A resolution without the field that goes with it is worth less than the two together.
    wide = space.decode({**space.encode(space.smallest()), 'resolution': 320})
    assert world.score(wide) < world.score(space.smallest()) + 0.5


def test_a_volume_is_a_part_of_the_box(script: ModuleType) -> None:
    world = small(script)
    (macs, low), (least, high) = world.worst, world.best
    middle = ((macs + least) / 2, (low + high) / 2)
    assert world.volume([middle]) == pytest.approx(0.25)
    points = [(least + 1e5, 3.0), middle, (macs - 1e5, 20.0)]
    raw = hypervolume([(x, -y) for x, y in points], (macs, -low))
    assert world.volume(points) == pytest.approx(raw / ((macs - least) * (high - low)))


def test_the_nearest_of_a_table_is_that_of_brute_force(script: ModuleType) -> None:
    world = small(script, 30)
    nearest, rng, left = script.Nearest(world), random.Random(1), list(world.pool)
    for _ in range(30):
        arch = SPACE.sample(rng)
        mine = SPACE.encode(arch)

        def apart(other: Any, mine: Any = mine) -> int:
            theirs = SPACE.encode(other)
            return sum(mine.get(name) != theirs.get(name) for name in SPACE.genes)

        found = nearest(arch)
        assert apart(found) == min(map(apart, left))
        left.remove(found)
    assert nearest(SPACE.smallest()) is None


@pytest.mark.parametrize('name', ['predictor', 'gentle', 'random'])
def test_a_run_on_a_table_asks_for_its_networks_alone(script: ModuleType, name: str) -> None:
    world = small(script, 45)
    way = script.Way(script.WAYS[name].make, 40, '')
    if name == 'gentle':
        way = script.Way(script.WAYS['paper'].make, 40, '')
    found = script.run(world, way, 0)
    wanted = {(COST(arch)['macs'], score(arch)['mIoU']) for arch in world.pool}
    points = [tuple(point) for point in found['points']]
    assert len(points) == 40
    assert set(points) <= wanted
    assert script.run(world, way, 0)['points'] == found['points']


def test_what_is_there_is_not_run_again(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(script.WORLDS, 'synthetic', lambda: small(script))
    monkeypatch.setitem(script.WAYS, 'random', script.Way(script.WAYS['random'].make, 60, 'random'))
    monkeypatch.setitem(
        script.WAYS, 'paper', script.Way(script.WAYS['paper'].make, 60, 'evolution')
    )
    command = ['x', '--only', 'random', 'paper', '--out', str(tmp_path), '--report', str(tmp_path)]
    command += ['--raw', str(tmp_path / 'raw.json')]
    monkeypatch.setattr(sys, 'argv', [*command, '--seeds', '1'])
    script.main()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob('*/*.json')}
    assert len(before) == 2
    monkeypatch.setattr(sys, 'argv', [*command, '--seeds', '2'])
    script.main()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len([*tmp_path.glob('*/*.json')]) == 4
    text = capsys.readouterr().out
    assert '| random | 2 |' in text
    assert '| evolution | 2 |' in text
    raw = json.loads((tmp_path / 'raw.json').read_text())['synthetic']
    assert raw.keys() == {'random', 'paper'}
    world = small(script)
    runs = [json.loads((tmp_path / f'synthetic/random-{seed}.json').read_text()) for seed in (0, 1)]
    for n, values in raw['random'].items():
        assert values == pytest.approx(script.volumes(world, runs, int(n)), abs=1e-6)
    assert (tmp_path / 'synthetic.png').stat().st_size > 1000


@pytest.mark.parametrize('on', ['hr_scenes'])
def test_the_table_of_the_page_is_that_of_the_runs(script: ModuleType, on: str) -> None:
    raw = json.loads((ROOT / 'benchmarks/results/search_quality.json').read_text())[on]
    page = (ROOT / 'docs/search.md').read_text(encoding='utf-8')
    goal = script.spread(raw['paper']['400'])[0]
    for name, rows in raw.items():
        shown = [rows.get(n) for n in ('60', '100', '200', '400')]
        cells = ['{:.3f} ({:.3f} to {:.3f})'.format(*script.spread(v)) if v else '' for v in shown]
        reached = [n for n, values in rows.items() if script.spread(values)[0] >= goal]
        row = [
            script.WAYS[name].words,
            str(len(rows['60'])),
            *cells,
            min(reached, key=int, default=''),
        ]
        assert f'| {" | ".join(row)} |' in page.splitlines()
