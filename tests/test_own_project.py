"""docs/own_project.md as it stands: an exported net in a stock config, a search on own data."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

import scalenas.registry  # noqa: F401 (tells mmengine where mmseg's configs are)

from .exported import write_exported
from .tools.conftest import tool  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r'```python\n(.*?)```', (ROOT / 'docs/own_project.md').read_text(), re.S)

PALETTE = np.array([[60, 90, 60], [90, 90, 90], [200, 60, 40]])


def test_an_exported_net_in_a_stock_config(tmp_path, monkeypatch):
    exported = write_exported(tmp_path / 'exported', width=16)
    (tmp_path / 'mine.py').write_text(BLOCKS[0])
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('mine.py')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    for key, value in exported.state_dict().items():
        assert torch.equal(value, model.backbone.state_dict()[key]), key
    with torch.no_grad():
        (maps,) = {tuple(model.eval()(torch.rand(1, 3, 64, 64), mode='tensor').shape)}
    assert maps == (1, 19, 16, 16)


def draw(folder, names):
    """A roof on ground beside a road, and labels; lists of names, of which each split has two."""
    for part in ('images', 'labels'):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in names:
        stems = [f'{split}{n}' for n in range(2)]
        (folder / f'{split}.txt').write_text('\n'.join(stems))
        for stem in stems:
            labels = np.zeros((96, 96), np.uint8)
            y, x = rng.integers(0, 48, 2)
            labels[y : y + 40, x : x + 40] = 2
            labels[90:] = 1
            image = PALETTE[labels] + rng.integers(-9, 9, (96, 96, 3))
            Image.fromarray(labels).save(folder / f'labels/{stem}.png')
            Image.fromarray(image.astype(np.uint8)).save(folder / f'images/{stem}.png')


@pytest.mark.slow
def test_teacher_supernet_and_search_on_own_data(tool, tmp_path, monkeypatch):  # noqa: F811
    """The three files of the page, one iteration each, and four candidates."""
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    written = [re.match(r'# (mine/\w+\.py)\n', block) for block in BLOCKS]
    files = {found[1]: block for found, block in zip(written, BLOCKS, strict=True) if found}
    assert list(files) == [f'mine/{name}.py' for name in ('teacher', 'supernet', 'search')]
    for name, block in files.items():
        text = block.replace('iter_1000', 'iter_1').replace('num_workers=2', 'num_workers=0')
        (tmp_path / name).write_text(f'{text}\nvisualizer = dict(name={name!r})\n')
    draw(tmp_path / 'data/mine', ('train', 'val', 'search'))
    monkeypatch.chdir(tmp_path)
    short = ('--cfg-options', 'train_cfg.max_iters=1', 'train_dataloader.batch_size=2')
    for name in ('teacher', 'supernet'):
        assert tool('train', f'mine/{name}.py', *short, 'train_cfg.val_interval=1') == 0
        assert (tmp_path / f'work_dirs/{name}/iter_1.pth').is_file()
    few = ['num_initial=2', 'num_parents=2', 'num_total=4']
    few = ['--cfg-options', *(f'search.algorithm.{option}' for option in few)]
    command = ['tools/search.py', 'mine/search.py', 'work_dirs/supernet/iter_1.pth', *few]
    monkeypatch.setattr('sys.argv', command)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/search.py'), run_name='__main__')
    assert end.value.code == 0
    assert len((tmp_path / 'work_dirs/search/all.csv').read_text().splitlines()) == 5
