"""docs/adding_a_family.md as it stands: its file, its config and its commands."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from scalenas.arch import from_file
from tests.test_own_project import BLOCKS, draw
from tests.tools.conftest import tool  # noqa: F401 (a fixture)

from .unet import CONFIG, NAME, PAGE, SOURCE

ROOT = PAGE.parents[1]
MOST_LINES = 220


def test_a_family_is_short_and_changes_nothing_else() -> None:
    """Of the package it imports what is public, and it only registers itself."""
    assert len(SOURCE.splitlines()) <= MOST_LINES
    assert SOURCE.count('register_family(') == 1
    for word in ('setattr', 'register_module', 'MODELS', 'import _', '_REGISTERED'):
        assert word not in SOURCE


def test_train_search_and_export(tool, tmp_path, monkeypatch, capsys) -> None:  # noqa: F811
    """One iteration, and six candidates."""
    commands = re.search(r'```bash\n(.*?)```', PAGE.read_text(), re.S)
    assert commands is not None
    _, train, search, export = commands[1].strip().splitlines()
    folder = tmp_path / 'mine'
    folder.mkdir()
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / f'{NAME}.py').write_text(SOURCE)
    teacher = next(block for block in BLOCKS if block.startswith('# mine/teacher.py'))
    for path, text in (('teacher.py', teacher), ('unet.py', CONFIG)):
        text = text.replace('num_workers=2', 'num_workers=0')
        (folder / path).write_text(f'{text}\nvisualizer = dict(name={str(folder / path)!r})\n')
    draw(tmp_path / 'data/mine', ('train', 'val', 'search'))
    monkeypatch.chdir(tmp_path)
    short = ('train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=2')
    assert train.split()[1:] == ['tools/train.py', 'mine/unet.py']
    assert tool('train', *train.split()[2:], '--cfg-options', *short) == 0
    few = [f'search.algorithm.{o}' for o in ('num_initial=3', 'num_parents=2', 'num_total=6')]
    run(monkeypatch, search, '--cfg-options', *few)
    work = tmp_path / 'work_dirs/unet'
    front = json.loads((work / 'front.json').read_text())
    assert all(from_file(work / entry['arch']).family == 'unet' for entry in front)
    assert len((work / 'all.csv').read_text().splitlines()) == 7
    run(monkeypatch, export)
    out, ends = tmp_path / 'exported', ('py', 'pth', 'yaml', 'json')
    assert {path.name for path in out.iterdir()} == {f'mine.{end}' for end in ends}
    card = json.loads((out / 'mine.json').read_text())
    assert card['difference']['float64'] <= 1e-10


def run(monkeypatch: pytest.MonkeyPatch, command: str, *more: str) -> None:
    """A command of the page, on the checkpoint of the one iteration."""
    _, script, *arguments = command.replace('iter_1000', 'iter_1').split()
    monkeypatch.setattr('sys.argv', [script, *arguments, *more])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / script), run_name='__main__')
    assert end.value.code == 0


def test_the_page_leads_somewhere() -> None:
    for link in re.findall(r'\]\(([\w./]+\.md)', PAGE.read_text()):
        assert (Path(PAGE).parent / link).is_file(), link
