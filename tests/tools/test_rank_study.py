"""tools/rank_study.py: paths of a supernet, kept one by one; networks trained alone; bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config

from scalenas.arch import dump, from_dict

from ..export.classifier import SCALED, config, write_pictures
from ..processes import run_tool


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ScaleNet supernet of three iterations, and a config that trains one network."""
    root = tmp_path_factory.mktemp('ranks')
    # Many, and some between two classes: networks of three iterations must score differently.
    write_pictures(root, {'train': 6, 'search': 40, 'test': 6}, spread=25)
    backbone = {'type': 'scalenas.ChoiceMBConvNet', 'space': SCALED.to_dict(), 'resize': True}
    head = {'type': 'LinearClsHead', 'in_channels': 24}
    cfg = config(root, backbone, head, {'type': 'hierarchical', 'eta': 'equal'})
    seed = '--cfg-options', 'randomness.seed=0'
    done = run_tool('train', cfg.filename, '--work-dir', root / 'trained', *seed, warm=True)
    assert done.returncode == 0, done.stderr
    alone = Config(cfg.to_dict())
    net: dict[str, Any] = {**alone.model.architecture}
    arch = SCALED.base.smallest().to_dict()
    net['backbone'] = {'type': 'scalenas.ScaleMBConvNet', 'arch': arch, 'resize': True}
    alone.model = net
    alone.val_cfg, alone.test_cfg = {'type': 'ValLoop'}, {'type': 'TestLoop'}
    alone.custom_hooks, alone.randomness = [], {'seed': 0}
    alone.dump(root / 'train_alone.py')
    return root


def study(world: Path, *args: object, work: str = 'ranks', warm: bool = True) -> Any:
    """The tool on the supernet of the world."""
    given = world / 'supernet.py', world / 'trained/iter_3.pth', '--work-dir', world / work
    return run_tool('rank_study', *given, '--resamples', 20, *args, warm=warm)


@pytest.fixture(scope='module')
def ranked(world: Path) -> Any:
    return study(world, '--num', 6, warm=False)


def test_paths_are_ranked_against_costs(world: Path, ranked: Any) -> None:
    assert ranked.returncode == 0, ranked.stderr
    (row,) = json.loads((world / 'ranks/ranks.json').read_text())
    assert row['against'] == 'MACs'
    assert row['study'] is not None
    assert row['study']['num'] == 6
    expected = np.corrcoef(row['x'], row['y'])[0, 1]
    assert row['study']['pearson']['value'] == pytest.approx(expected)
    paths = json.loads((world / 'ranks/paths.json').read_text())
    assert [path['cost']['macs'] for path in paths] == row['x']
    assert len(row['x']) == 6
    assert (world / 'ranks/ranks.png').stat().st_size > 10_000
    assert '| supernet | MACs | 6 |' in ranked.stdout


def test_the_same_command_evaluates_nothing_again(world: Path, ranked: Any) -> None:
    before = (world / 'ranks/ranks.json').read_text()
    assert '(generation' in ranked.stderr
    again = study(world, '--num', 6)
    assert again.returncode == 0, again.stderr
    assert '(generation' not in again.stderr
    assert (world / 'ranks/ranks.json').read_text() == before


def test_the_paths_of_another_study_and_scores_of_some(world: Path, ranked: Any) -> None:
    paths = json.loads((world / 'ranks/paths.json').read_text())
    lines = ['arch,score']
    for n, path in enumerate(paths[:3]):
        (world / f'{n}.yaml').write_text(dump(from_dict(path['arch'])))
        lines.append(f'{n}.yaml,{90 + n}')
    (world / 'alone.csv').write_text('\n'.join(lines))
    given = '--archs', world / 'ranks/paths.json', '--alone', world / 'alone.csv'
    other = study(world, *given, '--name', 'other', work='other')
    assert other.returncode == 0, other.stderr
    assert (world / 'other/paths.json').read_text() == (world / 'ranks/paths.json').read_text()
    first, second = json.loads((world / 'other/ranks.json').read_text())
    assert [first] == json.loads((world / 'ranks/ranks.json').read_text())
    assert sorted(second['x']) == [90, 91, 92]
    expected = np.corrcoef(second['x'], second['y'])[0, 1]
    assert second['study']['pearson']['value'] == pytest.approx(expected)
    assert '| other | trained alone | 3 |' in other.stdout


@pytest.mark.slow
def test_some_are_trained_alone_and_by_the_same_command_not_again(world: Path) -> None:
    given = '--num', 6, '--num-alone', 3, '--train', world / 'train_alone.py'
    done = study(world, *given, work='with_alone')
    assert done.returncode == 0, done.stderr
    rows = json.loads((world / 'with_alone/ranks.json').read_text())
    assert [row['against'] for row in rows] == ['MACs', 'trained alone']
    assert [len(row['x']) for row in rows] == [6, 3]
    assert all(row['study'] is not None for row in rows)
    scores = [
        float(row['score']) for row in csv.DictReader((world / 'with_alone/alone.csv').open())
    ]
    assert sorted(scores) == sorted(rows[1]['x'])
    again = study(world, *given, work='with_alone')
    assert again.returncode == 0, again.stderr
    assert '(generation' not in again.stderr
    assert again.stdout.count('done before') == 6
    paths, alone = (world / 'with_alone' / name for name in ('paths.json', 'alone.csv'))
    other = study(world, '--archs', paths, '--alone', alone, work='other_alone')
    assert other.returncode == 0, other.stderr
    for name in ('ranks.json', 'paths.json'):
        here = json.loads((world / 'other_alone' / name).read_text())
        assert here == json.loads((world / 'with_alone' / name).read_text())


@pytest.mark.parametrize(
    ('args', 'line'),
    [
        (('--num', '2'), '--num: expected at least 3'),
        (('--num', '7'), 'was made with another algorithm.archs'),
        (('--alone', 'none.csv'), 'expected a CSV with columns arch and score'),
        (('--archs', 'none.json'), 'expected the paths of a rank study'),
        (('--alone', 'a.csv', '--train', 'b.py'), '--alone and --train: '),
        (('--resamples', '0'), '--resamples: expected a whole number >= 1'),
        (('--seed', '-1'), '--seed: expected a whole number >= 0'),
        (('--train', 'b.py'), 'b.py'),
    ],
)
def test_a_mistake_is_one_line(world: Path, ranked: Any, args: tuple[str, ...], line: str) -> None:
    done = study(world, *args)
    assert done.returncode == 2
    assert line in done.stderr
    assert 'Traceback' not in done.stderr
