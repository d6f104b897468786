"""The two commands for mmpretrain, mmpose and mmdet, on data that the config says nothing of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.adoption import Options, adopt, init, run
from scalenas.config import read_config
from scalenas.evaluation.evaluator import build_model
from scalenas.models.supernet import supernet_of
from scalenas.tasks.pose import Pose
from tests.errors import contains, raises

from .world import JOINTS, Forked, classification, detection, pose

OWN = Options(Path('nas'), iters=2, candidates=4, data=Path('data'))
WAYS = [(classification, 'accuracy/top1'), (pose, 'coco/AP'), (detection, 'coco/bbox_mAP')]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chained(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr('scalenas.pipeline.subprocess.Popen', Forked)
    return


def held_out(place: Path) -> tuple[set[str], set[str]]:
    """Images to train on and of the search, by what the lists or files say."""
    parts = []
    for name in ('train', 'search'):
        path = next((place / 'nas/split').glob(f'{name}.*'))
        if path.suffix == '.txt':
            parts.append({line.split()[0] for line in path.read_text().splitlines()})
        else:
            parts.append({row['file_name'] for row in json.loads(path.read_text())['images']})
    return parts[0], parts[1]


@pytest.mark.parametrize(('way', 'metric'), WAYS)
def test_init_writes_a_search(place: Path, way: Callable[[Path], None], metric: str) -> None:
    way(place)
    init('mine.py', OWN)
    cfg = read_config('nas/search.py')
    assert cfg.search.objectives[0] == (metric, 'max')
    assert cfg.model.distillation.teacher == 'frozen'
    train, search = held_out(place)
    assert train
    assert search
    assert not train & search
    assert supernet_of(build_model(cfg)).space.width == 8


def test_own_joints(place: Path) -> None:
    pose(place)
    init('mine.py', OWN)
    cfg = read_config('nas/base.py')
    assert build_model(cfg).architecture.head.out_channels == len(JOINTS)
    joints = cfg.train_dataloader.dataset.metainfo.keypoint_info
    assert [joint.name for joint in joints.values()] == JOINTS
    assert joints[1].swap == 'right_leaf'
    assert joints[0].swap == ''
    assert cfg.model.architecture.backbone.space.output == 'single'


def test_hands_of_hrnetv2(place: Path) -> None:
    """The neck joins all maps; the own net, whose fusions are bilinear, is the largest network."""
    pose(place)
    text = (place / 'mine.py').read_text()
    base = 'hand_2d_keypoint/topdown_heatmap/onehand10k/td-hm_hrnetv2-w18_8xb64-210e_onehand10k'
    begin, end = text.index('body_2d'), text.index('-256x192')
    text = text[:begin] + base + text[end:].replace('256x192', '256x256')
    text = text.replace('head=dict(in_channels=8', 'head=dict(in_channels=120')
    (place / 'mine.py').write_text(text)
    cfg = Config.fromfile('mine.py')
    cfg.model.head.out_channels = len(JOINTS)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        stock = MODELS.build(cfg.model)
    for module in stock.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    torch.save({'state_dict': stock.state_dict()}, 'mine.pth')
    init('mine.py', replace(OWN, checkpoint=Path('mine.pth')))
    cfg = read_config('nas/search.py')
    assert cfg.search.objectives[0] == ('coco/AP', 'max')
    assert [metric.type for metric in cfg.test_evaluator] == [
        'CocoMetric'
    ]  # joints of one's own have no PCK of hands
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    supernet, images = supernet_of(model), torch.rand(2, 3, 64, 64)
    largest = supernet.space.largest()
    assert (largest.upsample, largest.output) == ('bilinear', 'multi')
    with torch.no_grad(), supernet.active(largest):
        grown = model.eval()(images, None, mode='tensor')
        expected = stock.eval()(images, None, mode='tensor')
    assert expected.std() > 0
    assert torch.allclose(grown, expected, atol=1e-5)


def test_own_classes_of_boxes_and_of_folders(place: Path) -> None:
    detection(place)
    init('mine.py', OWN)
    assert build_model(read_config('nas/base.py')).architecture.bbox_head.num_classes == 2
    assert read_config('nas/search.py').search_evaluator[0].ann_file.endswith('split/search.json')


def test_every_class_is_held_out(place: Path) -> None:
    classification(place)
    init('mine.py', OWN)
    train, search = held_out(place)
    assert sorted(name.split('/')[0] for name in search) == ['cat', 'dog', 'emu']
    assert len(train) == 12
    assert read_config('nas/base.py').model.architecture.head.num_classes == 3


@pytest.mark.parametrize(
    ('way', 'spoil', 'fields'),
    [
        (classification, 'val', {'where': 'data', 'problem': contains('val')}),
        (pose, 'val.json', {'where': 'data', 'problem': contains('val')}),
        (detection, 'images', {'problem': contains('image')}),
    ],
)
def test_data_in_another_layout(
    place: Path, way: Callable[[Path], None], spoil: str, fields: dict[str, object]
) -> None:
    way(place)
    (place / 'data' / spoil).rename(place / 'elsewhere')
    with raises(**fields):  # type: ignore[arg-type]
        init('mine.py', OWN)
    assert not (place / 'nas').exists()


def rewritten(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """What changes the content of a file of annotations."""

    def spoil(data: Path) -> None:
        content = json.loads((data / name).read_text())
        change(content)
        (data / name).write_text(json.dumps(content))

    return spoil


def category(**fields: Any) -> Callable[[Path], None]:
    return rewritten('train.json', lambda content: content['categories'][0].update(fields))


def one_image(folder: Path) -> None:
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ('way', 'spoil', 'fields'),
    [
        (pose, category(skeleton=[[1]]), {'where': contains('skeleton'), 'got': [1]}),
        (pose, category(skeleton=[['a', 'b']]), {'got': ['a', 'b']}),
        (pose, category(keypoints=[1, 2, 3, 4, 5]), {'where': contains('keypoints')}),
        (
            pose,
            rewritten('train.json', lambda content: content.update(images=['a.png'])),
            {'where': 'data/train.json', 'allowed': contains('file_name')},
        ),
        (
            detection,
            rewritten('val.json', lambda content: content['images'][0].pop('file_name')),
            {'where': 'data/val.json', 'allowed': contains('file_name')},
        ),
        (
            detection,
            rewritten('train.json', lambda content: content.update(images=[])),
            {'where': 'data/train.json', 'allowed': contains('file_name')},
        ),
        (
            classification,
            lambda data: one_image(data / 'train/dog'),
            {'where': 'data/train', 'got': 'dog'},
        ),
        (
            classification,
            lambda data: (data / 'val/dog').rename(data / 'val/fox'),
            {'where': 'data/val', 'got': ['dog', 'fox'], 'allowed': ('cat', 'dog', 'emu')},
        ),
        (
            classification,
            lambda data: [p.rename(data / p.name) for p in (data / 'train').iterdir()],
            {'where': 'data/train', 'allowed': contains('train/CLASS')},
        ),
    ],
)
def test_data_that_are_wrong(
    place: Path,
    way: Callable[[Path], None],
    spoil: Callable[[Path], object],
    fields: dict[str, object],
) -> None:
    way(place)
    spoil(place / 'data')
    with raises(**fields):  # type: ignore[arg-type]
        init('mine.py', OWN)
    assert not (place / 'nas').exists()


def test_own_joints_are_for_top_down_models(place: Path) -> None:
    pose(place)
    text = (place / 'mine.py').read_text()
    (place / 'mine.py').write_text(text + "train_dataloader['dataset']['data_mode'] = 'bottomup'\n")
    with raises(where='--data', got='bottomup'):
        init('mine.py', OWN)


@pytest.mark.parametrize(
    ('head', 'change'),
    [
        ({'type': 'HeatmapHead', 'out_channels': 17}, {'out_channels': 5}),
        (
            {'type': 'HeatmapHead', 'out_channels': 51, 'decoder': {'heatmap_type': 'combined'}},
            {'out_channels': 15},
        ),
        ({'type': 'RegressionHead', 'num_joints': 17}, {'num_joints': 5}),
        ({'type': 'DEKRHead', 'num_keypoints': 17}, {'num_keypoints': 5}),
    ],
)
def test_heads_get_the_own_joints(
    place: Path, head: dict[str, Any], change: dict[str, int]
) -> None:
    pose(place)
    given = Pose().own_data({'model': {'head': head}}, Path('data'), ())
    assert given.model == {'model': {'head': change}}


EFFICIENTNET = """
_base_ = 'mmpretrain::efficientnet/efficientnet-b0_8xb32_in1k.py'
load = dict(type='LoadImageFromFile')
pipeline = [load, dict(type='RandomResizedCrop', scale=32), dict(type='PackInputs')]
test_pipeline = [load, dict(type='CenterCrop', crop_size=32), dict(type='PackInputs')]
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(pipeline=pipeline))
val_dataloader = dict(num_workers=0, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
"""


def test_an_efficientnet_is_the_teacher_of_its_space(place: Path) -> None:
    classification(place)
    (place / 'mine.py').write_text(EFFICIENTNET)
    cfg = Config.fromfile('mine.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        cfg.model.head.num_classes = 3
        stock = MODELS.build({**cfg.model, 'data_preprocessor': cfg.data_preprocessor})
    torch.save({'state_dict': stock.state_dict()}, 'b0.pth')
    init('mine.py', replace(OWN, checkpoint=Path('b0.pth')))
    cfg = read_config('nas/search.py')
    assert cfg.search.algorithm.type == 'nsga2'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    supernet, images = supernet_of(model), torch.rand(2, 3, 32, 32)
    assert supernet.space.resolution == (32,)
    with torch.no_grad(), supernet.active(supernet.space.largest()):
        grown = model.eval()(images, mode='tensor')
        expected = stock.eval()(images, mode='tensor')
    assert torch.allclose(grown[-1], expected[-1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(('way', 'metric'), WAYS)
def test_two_commands_make_tested_networks(
    place: Path, chained: None, way: Callable[[Path], None], metric: str
) -> None:
    way(place)
    init('mine.py', OWN)
    run('nas')
    card = json.loads((place / 'nas/exported/best.json').read_text())
    scores = [card['metrics'][kind][metric] for kind in ('test', 'exported')]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    row = next(r for r in (place / 'nas/results.md').read_text().splitlines() if '| best' in r)
    stock = float(row.split('|')[-2])
    # Stock tools round: of percents two digits, of COCO's means three.
    assert stock == pytest.approx(scores[1], abs=0.006 if metric.startswith('acc') else 0.0006)
    adopt('nas/exported/best.pth', 'mine.py')
    assert read_config('nas/exported/best_mine.py').model.backbone.type == 'scalenas.ScaleHRNet'
