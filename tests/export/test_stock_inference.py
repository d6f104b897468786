"""The packages' own inference runs on every config that is written here, without an edit."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import MMSegInferencer

from scalenas.arch import dump, from_dict
from scalenas.export import (
    Exported,
    Source,
    choose,
    export_subnet,
    load_exported,
    recipes,
    transfer,
)
from scalenas.export.recipe import write_recipe
from scalenas.models.checkpoint import save_plain
from scalenas.registry import MODELS
from scalenas.space import HRSpace
from scalenas.space import from_dict as space_from_dict
from scalenas.tasks import Pose
from tests.configs.shipped import CONFIGS, read
from tests.configs.shrink import Worlds, narrow, shrink
from tests.evaluation.world import SPACE
from tests.exported import write_exported
from tests.models.test_families import SMALL_Z
from tests.pose.world import make_people, small_config
from tests.processes import run_tool

from .classifier import BIG
from .classifier import config as classifier_config
from .classifier import write_pictures as write_classes
from .stock import agree, answers, random_weights


@pytest.fixture(scope='module')
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('picture') / 'mine.png'
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


def test_a_segmentation_export(exported: Exported, root: Path, tmp_path: Path) -> None:
    """Also against the model itself, on an image of the test split."""
    image = root / 'img/test/000.png'
    found = answers(root / 'out/drawn.py', root / 'out/drawn.pth', image, tmp_path)
    agree(found)
    model = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    inputs = torch.from_numpy(cv2.imread(str(image))).permute(2, 0, 1)
    data = model.data_preprocessor({'inputs': [inputs], 'data_samples': None})
    with torch.no_grad():
        labels = model(data['inputs'], None, mode='tensor').argmax(1)[0]
    shown = np.kron(labels.numpy(), np.ones((4, 4)))  # the head works at a quarter
    predicted = found['inference_model, file'][0]
    assert predicted.shape == (64, 64)
    assert (predicted == shown).mean() > 0.6
    assert len(np.unique(predicted)) > 1
    assert list(tmp_path.glob('vis/*'))


def test_the_weights_alone_are_enough_for_an_inferencer(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    """As those of a training, which hold their config."""
    image = str(root / 'img/test/000.png')
    found = [
        MMSegInferencer(config, str(root / 'out/drawn.pth'), device='cpu')(image)['predictions']
        for config in (None, str(root / 'out/drawn.py'))
    ]
    assert np.array_equal(*found)


ALONE = """
import sys
sys.modules['scalenas'] = None
import json
import numpy as np
from mmseg.apis import MMSegInferencer, inference_model, init_model
assert not [name for name in sys.modules if name.startswith('scalenas.')]
model = init_model('drawn_standalone.py', 'drawn.pth', 'cpu')
one = inference_model(model, sys.argv[1]).pred_sem_seg.data[0].numpy()
other = MMSegInferencer('drawn_standalone.py', 'drawn.pth', device='cpu')(sys.argv[1])
assert np.array_equal(one, other['predictions'])
assert not [name for name in sys.modules if name.startswith('scalenas.')]
print(json.dumps(one.tolist()))
"""


@pytest.mark.slow
def test_the_single_file_needs_this_package_in_no_call(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    image = root / 'img/test/000.png'
    folder = root / 'out'
    script = folder / 'alone.py'  # its folder is where it looks for modules
    script.write_text(ALONE)
    done = run_tool(script, image, cwd=folder)
    script.unlink()
    assert done.returncode == 0, done.stderr[-2000:]
    alone = json.loads(done.stdout.splitlines()[-1])
    found = answers(folder / 'drawn.py', folder / 'drawn.pth', image, tmp_path)
    assert np.array_equal(alone, found['inference_model, file'][0])


def export(cfg: Config, folder: Path, space: Any) -> tuple[Path, Path]:
    """A net of a supernet with random weights, exported: its config and its weights."""
    cfg.model.pop('init_from', None)
    cfg.model.pop('distillation', None)
    cfg.dump(folder / 'supernet.py')
    cfg = Config.fromfile(folder / 'supernet.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model: Any = MODELS.build(cfg.model)
    weights = folder / 'supernet.pth'
    save_plain(weights, model.state_dict(), {'scalenas': {'space': space.to_dict()}})
    (folder / 'mine.yaml').write_text(dump(space.sample(random.Random(1))))
    choice = choose(str(folder / 'mine.yaml'))
    export_subnet(choice, cfg, weights, folder / 'out', size=cfg.search.get('size'))
    return folder / 'out/mine.py', folder / 'out/mine.pth'


def space_of(cfg: Config) -> Any:
    architecture = cfg.model.get('architecture', cfg.model)
    return space_from_dict(architecture.backbone.space.to_dict())


def classifier(folder: Path) -> Config:
    write_classes(folder, {'train': 2, 'search': 1, 'test': 1})
    backbone = {'type': 'scalenas.SuperMBConvNet', 'space': BIG.to_dict(), 'resize': True}
    head = {'type': 'scalenas.SuperLinearClsHead', 'in_channels': 32}
    return classifier_config(folder, backbone, head, {'type': 'fixed'})


def shipped(name: str) -> Callable[[Path], Config]:
    return lambda folder: shrink(read(name), Worlds(folder / 'worlds'), folder / 'work')


def bottom_up(folder: Path) -> Config:
    """A supernet in the bottom-up recipe, which needs a room of its own imported."""
    cfg = small_config(make_people(folder / 'people', num=2), folder / 'work')
    space = HRSpace(12, (1, 1, 1), (1, 2), 16, 1, 8, output='single')
    cfg.model.backbone = {'type': 'scalenas.SuperScaleHRNet', 'space': space.to_dict()}
    cfg.calibration_dataloader = cfg.test_dataloader
    cfg.search = {'objectives': ('coco/AP', 'macs'), 'size': (128, 128)}
    return cfg


EXPORTS = {
    'mmpretrain': classifier,
    'mmdet': shipped('configs/scalenas_det/coco/search_w32_faster_rcnn_coco.py'),
    'top-down': shipped('configs/scalenas_pose/people/search_w16_people-128x96.py'),
    'bottom-up': bottom_up,
}


@pytest.mark.parametrize(
    'name',
    [pytest.param(n, marks=pytest.mark.slow) if n == 'bottom-up' else n for n in EXPORTS],
)
def test_an_export(name: str, tmp_path: Path, picture: Path) -> None:
    cfg = EXPORTS[name](tmp_path)
    if name == 'mmdet':
        picture = next((tmp_path / 'worlds').rglob('*.jpg'), picture)
    files = export(cfg, tmp_path, space_of(cfg))
    agree(answers(*files, picture, tmp_path / 'drawn'))


BIG_PICTURES = [
    pytest.param(task, marks=pytest.mark.slow) if task != 'cls' else task for task in recipes()
]


def transferred(task: str, folder: Path) -> Path:
    write_exported(folder / 'net', 8)
    files = transfer(Source.from_file(folder / 'net/mine.pth'), [task])
    (config,) = (path for path in files if path.suffix == '.py')
    return config


def names_what_inference_reads(cfg: Config) -> bool:
    dataset = cfg.test_dataloader.dataset
    assert cfg.test_pipeline == dataset.pipeline
    assert 'visualizer' in cfg
    if cfg.default_scope == 'mmpose':
        head = cfg.model.get('architecture', cfg.model).head
        expected = (dataset.pipeline, dataset.data_mode, dataset.type, head.decoder)
        assert tuple(cfg[key] for key in ('test_pipeline', *Pose.inference_names)) == expected
    return True


@pytest.mark.parametrize('task', recipes())
def test_every_transfer_names_what_inference_reads(task: str, tmp_path: Path) -> None:
    assert names_what_inference_reads(Config.fromfile(transferred(task, tmp_path)))


@pytest.mark.parametrize('task', BIG_PICTURES)
def test_a_transfer(task: str, tmp_path: Path, picture: Path) -> None:
    config = transferred(task, tmp_path)
    weights = random_weights(config, tmp_path / 'trained.pth')
    agree(answers(config, weights, picture, tmp_path / 'drawn'))


SCALED = {
    'cls': SMALL_Z,
    'seg': from_dict(narrow('scalenas_s1')),
    'pose': SPACE.sample(random.Random(0)),
}


@pytest.mark.parametrize('task', ['cls', pytest.param('seg', marks=pytest.mark.slow), 'pose'])
def test_a_config_for_a_scaled_net(task: str, tmp_path: Path, picture: Path) -> None:
    config = tmp_path / 'big.py'
    write_recipe(config, SCALED[task], task)
    assert names_what_inference_reads(Config.fromfile(config))
    weights = random_weights(config, tmp_path / 'trained.pth')
    agree(answers(config, weights, picture, tmp_path / 'drawn'))


@pytest.mark.parametrize(
    'name',
    [
        'configs/scalenas_pose/coco/scalenas_p2_8xb48-20e_coco-256x192.py',
        *(
            pytest.param(path, marks=pytest.mark.slow)
            for path in (
                'configs/scalenas_pose/mpii/scalenas_p1_8xb48-210e_mpii-256x256.py',
                'configs/scalenas_seg/cityscapes/scalenas_s1_8xb3-484e_cityscapes-512x1024.py',
            )
        ),
    ],
)
def test_a_shipped_recipe(name: str, tmp_path: Path, picture: Path) -> None:
    shipped(name)(tmp_path).dump(tmp_path / 'small.py')
    weights = random_weights(tmp_path / 'small.py', tmp_path / 'trained.pth')
    agree(answers(tmp_path / 'small.py', weights, picture, tmp_path / 'drawn'))


@pytest.mark.parametrize('name', CONFIGS)
def test_every_shipped_config_names_what_inference_reads(name: str) -> None:
    assert names_what_inference_reads(read(name))
