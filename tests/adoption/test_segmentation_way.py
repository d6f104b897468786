"""From a config of mmseg and a folder of images to exported, tested networks, and back again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.adoption import Options, adopt, init, run
from scalenas.commands import CONSOLE
from scalenas.commands import run as command
from scalenas.models.checkpoint import load_checkpoint
from tests.errors import raises

from .world import Forked, segmentation

PAGE = Path(__file__).resolve().parents[2] / 'docs/from_your_model.md'
COMMANDS = [
    line.partition(' #')[0].split()[1:]
    for line in re.findall(r'^scalenas .*', PAGE.read_text(), re.M)
]
"""Those of the page, in their order."""


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the user's, where `init` and `run` were given."""
    folder = tmp_path_factory.mktemp('own')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr('scalenas.pipeline.subprocess.Popen', Forked)
        segmentation(folder)
        for name, *words in COMMANDS[:2]:
            few = ['--iters', '2', '--candidates', '4'] if name == 'init' else []
            command(name, [*words, *few], CONSOLE)
        yield folder


def test_two_commands_make_tested_networks(place: Path) -> None:
    card = json.loads((place / 'nas/exported/best.json').read_text())
    inside, alone = card['metrics']['test']['mIoU'], card['metrics']['exported']['mIoU']
    assert abs(inside - alone) < 1e-6
    row = next(
        line for line in (place / 'nas/results.md').read_text().splitlines() if '| best' in line
    )
    *_, searched, test, exported, stock, _ = (cell.strip() for cell in row.split('|'))
    assert float(searched) == pytest.approx(card['metrics']['search']['mIoU'], abs=1e-4)
    assert float(test) == float(exported) == pytest.approx(alone, abs=1e-4)
    # mmseg's own tool rounds to two digits.
    assert float(stock) == pytest.approx(alone, abs=0.006)
    *_, teacher = (place / 'nas/results.md').read_text().splitlines()
    cells = [cell.strip() for cell in teacher.split('|')[1:-1]]
    assert cells[0] == 'teacher'
    assert float(cells[2].removesuffix(' G')) >= card['cost']['macs'] / 1e9 - 5e-4
    assert 0 <= float(cells[-1]) <= 100
    assert (next((place / 'nas/work_dirs').glob('search_*')) / 'front.png').is_file()


def test_nothing_is_done_twice(place: Path) -> None:
    before = len(Forked.started)
    first = (place / 'nas/results.md').read_text()
    assert run('nas') == first
    assert len(Forked.started) == before > 4


def test_a_lost_export_is_made_again_and_no_more(place: Path) -> None:
    before = len(Forked.started)
    (place / 'nas/exported/best.json').unlink()
    run('nas')
    assert [name.split('/')[-1] for name in Forked.started[before:]] == ['export.py']


def test_the_search_saw_neither_training_nor_test_images(place: Path) -> None:
    train, search = (
        set((place / f'nas/split/{name}.txt').read_text().split()) for name in ('train', 'search')
    )
    assert len(search) == 2
    assert train | search == {path.stem for path in (place / 'data/img/train').iterdir()}
    assert not train & search


def test_the_exported_net_in_the_own_config(place: Path) -> None:
    name, *words = COMMANDS[2]
    command(name, words, CONSOLE)
    path = place / 'nas/exported/best_mine.py'
    with raises(where='nas/exported/best_mine.py'):
        adopt('nas/exported/best.pth', 'mine.py')
    lines = adopt('nas/exported/best.pth', 'mine.py', force=True)
    assert any(line.startswith('model.backbone.type') for line in lines)
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader == Config.fromfile('mine.py').train_dataloader
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    given = load_checkpoint(place / 'nas/exported/best.pth')['state_dict']
    own = {f'backbone.{key}': value for key, value in model.backbone.state_dict().items()}
    assert own.keys() == {key for key in given if key.startswith('backbone.')}
    assert all(torch.equal(value, given[key]) for key, value in own.items())


def test_configs_are_short(place: Path) -> None:
    for name, most in (
        ('stock', 5),
        ('teacher', 5),
        ('supernet', 30),
        ('search', 25),
        ('base', 110),
    ):
        text = (place / f'nas/{name}.py').read_text()
        assert len(text.splitlines()) <= most, name
        assert re.match(r'# \w', text)


@pytest.mark.slow
def test_the_own_model_is_tested_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('scalenas.pipeline.subprocess.Popen', Forked)
    segmentation(tmp_path)
    cfg = Config.fromfile('mine.py')
    cfg.model.pretrained = None
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, 'mine.pth')
    init('mine.py', Options(Path('nas'), Path('mine.pth'), iters=2, candidates=4))
    run('nas')
    *_, yours = (tmp_path / 'nas/results.md').read_text().splitlines()
    cells = [cell.strip() for cell in yours.split('|')[1:-1]]
    assert cells[0] == 'yours'
    assert 0 <= float(cells[-1]) <= 100
    card = json.loads((tmp_path / 'nas/exported/best.json').read_text())
    assert cells[2].endswith(' G')
    assert card['cost']['macs'] > 0
