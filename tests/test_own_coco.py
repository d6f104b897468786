"""docs/own_coco.md as it stands: its configs on COCO files of two classes, or of 3 keypoints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.config import read_config
from scalenas.datasets.split import split_file
from scalenas.evaluation.batches import build_loader
from scalenas.tasks import check_data

from .coco.world import boxes, draw, write
from .tools.conftest import tool  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs/own_coco.md').read_text(encoding='utf-8')
BLOCKS = {
    found[1]: block
    for block in re.findall(r'```python\n(.*?)```', PAGE, re.S)
    if (found := re.match(r'# (\w+/\w+\.py)\n', block))
}
LOADERS = tuple(f'{name}_dataloader' for name in ('train', 'calibration', 'search', 'val', 'test'))


def hands() -> dict[str, Any]:
    """Objects with a head and two hands."""
    given = boxes()
    for row in given['annotations']:
        x, y, w, h = row['bbox']
        joints = [[x + w / 2, y + 5], [x + 5, y + h / 2], [x + w - 5, y + h / 2]]
        row.update(keypoints=[v for joint in joints for v in (*joint, 2)], num_keypoints=3)
        row['category_id'] = 1
    return {**given, 'categories': [{'id': 1, 'name': 'person'}]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    for name, block in BLOCKS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f'{block}\nvisualizer = dict(name={name!r})\n' if 'own_pose/k' not in name else block
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(place: Path, given: dict[str, Any]) -> None:
    folder = draw(place / 'data/own')
    write(folder, given, 'val.json')
    split_file(write(folder, given, 'train.json'), 2)


@pytest.mark.parametrize(
    ('name', 'given'),
    [
        ('own/search.py', boxes),  # and so what it inherits, the teacher and the supernet
        ('own_pose/teacher.py', hands),
    ],
)
def test_configs_of_the_page(place: Path, name: str, given: Any) -> None:
    data(place, given())
    cfg = read_config(name)
    check_data(cfg, LOADERS)
    sizes = {loader: len(build_loader(cfg, loader).dataset) for loader in LOADERS}
    per = 1 if given is boxes else 2
    assert [sizes[f'{part}_dataloader'] for part in ('train', 'search', 'val')] == [
        4 * per,
        2 * per,
        6 * per,
    ]
    architecture = cfg.model.architecture
    with torch.device('meta'), DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(architecture)
    if given is boxes:
        assert model.roi_head.bbox_head.num_classes == 2
    else:
        assert model.head.final_layer.out_channels == 3


def test_every_config_of_the_page_is_tested() -> None:
    assert sorted(BLOCKS) == [
        'own/search.py',
        'own/supernet.py',
        'own/teacher.py',
        'own_pose/keypoints.py',
        'own_pose/teacher.py',
    ]


@pytest.mark.slow
def test_a_pose_teacher_is_trained(tool: Any, place: Path) -> None:  # noqa: F811
    data(place, hands())
    short = ('--cfg-options', 'train_cfg.max_iters=1', 'train_cfg.val_interval=1')
    loaders = [f'{name}_dataloader' for name in ('train', 'val')]
    alone = [f'{n}.{o}' for n in loaders for o in ('num_workers=0', 'persistent_workers=False')]
    assert tool('train', 'own_pose/teacher.py', *short, *alone) == 0


@pytest.mark.slow
def test_a_detector_is_trained(tool: Any, place: Path) -> None:  # noqa: F811
    data(place, boxes())
    for name in ('own/teacher.py', 'own/supernet.py'):
        cfg = Config.fromfile(name)
        for part in ('train', 'val', 'test', 'search', 'calibration'):
            loader = cfg[f'{part}_dataloader']
            loader.update(num_workers=0, persistent_workers=False)
            loader.dataset.indices = 1
            for transform in loader.dataset.pipeline:
                if transform['type'] == 'Resize':
                    transform['scale'] = (128, 128)
        cfg.train_cfg.update(max_iters=1, val_interval=1)
        cfg.default_hooks.checkpoint.interval = 1
        if name == 'own/supernet.py':
            cfg.model.init_from.checkpoint = 'work_dirs/teacher/iter_1.pth'
        cfg.dump(name)
        assert tool('train', name) == 0
    assert json.loads((place / 'data/own/val.json').read_text())['images']
