"""A pose supernet from training to mmpose's own test tool, by the tools' command lines."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import mmpose
import pytest
from mmengine.config import Config

from scalenas.arch import load_file, pruned
from tests.configs.shrink import Worlds, shrink

REPO = Path(__file__).parents[2]
POSE = REPO / 'configs' / 'scalenas_pose' / 'coco'
STOCK_TEST = Path(mmpose.__file__).parent / '.mim' / 'tools' / 'test.py'


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Shrunk configs of teacher and search beside the people that they read."""
    folder = tmp_path_factory.mktemp('pose')
    worlds = Worlds(folder)
    for name, source in (
        ('teacher', 'teacher_w32_8xb48-210e_coco-256x192.py'),
        ('search', 'search_w32_coco-256x192.py'),
    ):
        cfg = shrink(Config.fromfile(POSE / source), worlds, folder / name)
        if name == 'search':
            cfg.model.init_from.checkpoint = str(folder / 'teacher' / 'iter_2.pth')
        cfg.dump(folder / f'{name}.py')
    return folder


def call(monkeypatch, name, *arguments):
    """A tool in this process, as its command line would run it."""
    path = REPO / 'tools' / f'{name}.py'
    monkeypatch.setattr('sys.argv', [str(path), *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name='__main__')
    return end.value.code


def stock_test(config, weights, out, *options):
    """mmpose's tool in a process of its own; the metrics that it writes."""
    env = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, STOCK_TEST, config, weights, '--out', out, *options]
    shown = subprocess.run(
        list(map(str, command)),
        cwd=Path(out).parent,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    return json.loads(Path(out).read_text())


def test_from_training_to_the_stock_test(world, tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, 'train', world / 'teacher.py') == 0
    assert call(monkeypatch, 'train', world / 'search.py') == 0
    supernet, found = world / 'search' / 'iter_2.pth', tmp_path / 'found'
    capsys.readouterr()
    assert call(monkeypatch, 'search', world / 'search.py', supernet, '--work-dir', found) == 0
    assert 'Average Precision' not in capsys.readouterr().out, 'a page for each candidate'
    front = json.loads((found / 'front.json').read_text())
    assert all('coco/AP' in entry['metrics'] for entry in front)

    options = ['--config', world / 'search.py', '--out', tmp_path / 'out', '--name', 'net']
    assert call(monkeypatch, 'export', found, supernet, *options, '--index', 0, '--prune') == 0
    shown = capsys.readouterr().out
    assert 'pruned: ' in shown
    card = json.loads((tmp_path / 'out' / 'net.json').read_text())
    whole = load_file(found / front[0]['arch'])
    written = load_file(tmp_path / 'out' / 'net.yaml')
    assert written == pruned(whole)
    assert card['pruned']['blocks'] == whole.num_blocks - written.num_blocks
    inside, alone = card['metrics']['test'], card['metrics']['exported']
    assert inside['coco/AP'] == alone['coco/AP'] > 0

    config, weights = tmp_path / 'out' / 'net.py', tmp_path / 'out' / 'net.pth'
    assert 'scalenas.SuperNet' not in config.read_text()
    stock = stock_test(config, weights, tmp_path / 'stock.json', '--work-dir', tmp_path / 'stock')
    assert stock['coco/AP'] == pytest.approx(inside['coco/AP'], abs=1e-12)


