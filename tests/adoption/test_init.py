"""What `init` writes, and what it refuses; nothing is left of what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from scalenas.adoption import Options, init
from scalenas.complexity import Budget
from scalenas.complexity.budget import Percent
from scalenas.config import read_config
from scalenas.evaluation.evaluator import build_model
from scalenas.models.supernet import supernet_of
from tests.errors import contains, raises

from .world import segmentation

OUT = Options(Path('nas'), iters=20, candidates=6)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    segmentation(tmp_path)
    return tmp_path


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


@pytest.fixture
def trained(place: Path) -> Path:
    """The weights of the user's own model, random here, and far from their beginning."""
    cfg = Config.fromfile('mine.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        cfg.model.pretrained = None
        cfg.model.backbone.norm_cfg = cfg.model.decode_head.norm_cfg = dict(type='BN')
        model = MODELS.build(cfg.model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.2)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, 'mine.pth')
    images = torch.rand(2, 3, 64, 64)
    torch.save({'images': images, 'logits': model.eval()(images, mode='tensor')}, 'seen.pt')
    return place / 'mine.pth'


def test_a_trained_model_is_teacher_and_start(place: Path, trained: Path) -> None:
    lines = init('mine.py', Options(Path('nas'), trained, iters=20, candidates=6))
    assert not (place / 'nas/teacher.py').exists()
    cfg = read_config('nas/supernet.py')
    assert cfg.model.distillation.tap == 'decode_head.conv_seg'
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    seen = torch.load('seen.pt')
    supernet = supernet_of(model)
    model.eval()
    with torch.no_grad(), supernet.active(supernet.space.largest()):
        logits = model(seen['images'], mode='tensor')
    assert torch.allclose(logits, seen['logits'], atol=1e-4)
    assert len(lines) == 8
    # The folder moves with its checkpoint: nothing in it is an absolute path.
    assert all(str(place) not in path.read_text() for path in (place / 'nas').rglob('*.*'))


def test_a_teacher_starts_from_pretrained_weights(place: Path, trained: Path) -> None:
    lines = init('mine.py', Options(Path('nas'), pretrained=trained, iters=20))
    assert not any(line.startswith('not read') for line in lines)
    cfg = read_config('nas/teacher.py')
    assert Path(cfg.model.init_from.stock).resolve() == trained
    assert list(read_config('nas/supernet.py').model.init_from) == ['checkpoint']
    with raises(where='--pretrained'):
        init('mine.py', Options(Path('other'), trained, trained))


def test_weights_that_are_not_read_are_named(place: Path) -> None:
    lines = init('mine.py', OUT)
    assert [line.split()[2] for line in lines if line.startswith('not read')] == [
        'open-mmlab://msra/hrnetv2_w18_small,'
    ]


def test_width_and_channels_are_one_line(place: Path) -> None:
    init('mine.py', OUT)
    base = place / 'nas/base.py'
    text = base.read_text()
    base.write_text(text.replace('width = 8 ', 'width = 12 '))
    assert base.read_text() != text
    cfg = read_config('nas/search.py')
    model = build_model(cfg)
    assert supernet_of(model).space.width == 12
    assert model.architecture.decode_head.in_channels == 12 + 24 + 48 + 96
    assert model.architecture.decode_head.conv_seg.in_channels == 180


def test_the_schedule_is_that_of_the_stock_config(place: Path) -> None:
    init('mine.py', OUT)
    cfg = read_config('nas/base.py')
    (poly,) = cfg.param_scheduler
    assert (poly.type, poly.begin, poly.end, poly.by_epoch) == ('PolyLR', 0, 20, False)
    # 4 GPUs with 4 images each, of which one has 4 left.
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(0.01 / 4)
    assert cfg.train_cfg.max_iters == 20
    assert read_config('nas/search.py').search.algorithm.num_total == 6


def test_settings_stand_in_stock_py(place: Path) -> None:
    budget = Budget(macs=(None, Percent(80.0)))
    settings = {'train_dataloader.batch_size': 2, 'model.decode_head.dropout_ratio': 0.2}
    init('mine.py', Options(Path('nas'), iters=20, settings=settings, budget=budget))
    assert read_config('nas/search.py').search.budget.macs == (None, '80%')
    cfg = read_config('nas/stock.py')
    assert cfg.train_dataloader.batch_size == 2
    assert read_config('nas/search.py').model.architecture.decode_head.dropout_ratio == 0.2
    assert read_config('nas/search.py').optim_wrapper.optimizer.lr == pytest.approx(0.01 / 8)


def test_the_same_again_changes_nothing_and_other_content_is_kept(place: Path) -> None:
    init('mine.py', OUT)
    base = place / 'nas/base.py'
    before = base.stat().st_mtime_ns
    init('mine.py', OUT)
    assert base.stat().st_mtime_ns == before
    edited = base.read_text() + 'max_iters = 7\n'
    base.write_text(edited)
    with raises(where='nas', got='base.py'):
        init('mine.py', OUT)
    assert base.read_text() == edited
    assert not [name for name in names(place) if name.startswith('.nas')]


def test_another_folder_is_not_written_into(place: Path) -> None:
    (place / 'nas').mkdir()
    (place / 'nas/thesis.txt').write_text('years')
    with raises(where='nas', got='base.py'):
        init('mine.py', OUT)
    assert {path.name for path in (place / 'nas').iterdir()} == {'thesis.txt'}


def test_a_class_that_the_search_lacks_is_left_out_of_its_mean(place: Path) -> None:
    for path in (place / 'data/ann').rglob('*.png'):
        label = Image.open(path).point(lambda value: value % 3)
        label.save(path)
    init('mine.py', OUT)
    assert read_config('nas/search.py').search.classes == 'present'


@pytest.mark.parametrize(
    ('old', 'new', 'fields'),
    [
        (
            'backbone=dict(extra',
            "backbone=dict(type='ResNetV1c', depth=18, _delete_=True, x",
            {'where': 'mine.py: model.backbone.type', 'got': 'ResNetV1c'},
        ),
        ('stage2=dict(num_modules=1', 'stage2=dict(num_modules=0', {'where': contains('stage2')}),
        (
            "data_root='data'",
            "data_root='datta'",
            {'where': contains('datta'), 'hint': contains('--data')},
        ),
        ('num_classes=4', 'num_classes=5', {'where': contains('num_classes'), 'got': 5}),
        (
            "val = dict(img_path='img/val', seg_map_path='ann/val')",
            'val = train',
            {'where': 'test_dataloader.dataset'},
        ),
        (
            'test_dataloader = val_dataloader',
            'test_dataloader = None',
            {'where': contains('test_')},
        ),
    ],
)
def test_bad_configs_are_one_line(
    place: Path, old: str, new: str, fields: dict[str, object]
) -> None:
    text = (place / 'mine.py').read_text()
    assert old in text
    (place / 'mine.py').write_text(text.replace(old, new))
    before = names(place)
    with raises(**fields):  # type: ignore[arg-type]
        init('mine.py', OUT)
    assert names(place) == before


@pytest.mark.parametrize(
    ('options', 'fields'),
    [
        (Options(Path('nas'), Path('absent.pth')), {'where': 'absent.pth'}),
        (Options(Path('nas'), Path('other.pth')), {'where': 'other.pth'}),
        (Options(Path('nas'), width=18), {'where': '--width', 'got': 18}),
        (Options(Path('nas'), search_images=10), {'where': '--search-images', 'got': 10}),
        (Options(Path('nas'), candidates=0), {'where': '--candidates', 'got': 0}),
        (Options(Path('mine.py')), {'where': 'mine.py'}),
        (Options(Path('mine.py/nas')), {'where': contains('mine.py')}),
        (Options(Path('deep/nas'), Path('torn.pth')), {'where': 'torn.pth'}),
        (Options(Path('nas'), Path('data')), {'where': 'data', 'problem': contains('folder')}),
        (
            Options(Path('nas'), budget=Budget(ms=(None, 2))),
            {'where': 'search.budget', 'got': 'ms'},
        ),
        (
            Options(Path('nas'), settings={'model.bakbone.x': 1}),
            {'got': 'bakbone'},
        ),
    ],
)
def test_bad_options_are_one_line(place: Path, options: Options, fields: dict[str, object]) -> None:
    torch.save({'state_dict': {'conv.weight': torch.zeros(1)}}, 'other.pth')
    Path('torn.pth').write_bytes(b'torn')
    before = names(place)
    with raises(**fields):  # type: ignore[arg-type]
        init('mine.py', options)
    assert names(place) == before


def test_a_config_in_pure_python_is_one_line(place: Path) -> None:
    whole = Config.fromfile('mine.py').pretty_text
    (place / 'pure.py').write_text(f'from mmseg.models import EncoderDecoder\n{whole}')
    with raises(where='pure.py', hint=contains('dump')):
        init('pure.py', OUT)
    assert not (place / 'nas').exists()


def test_no_such_config() -> None:
    with raises(where='mmseg::hrnet/none.py'):
        init('mmseg::hrnet/none.py', OUT)


RESNET = """
_base_ = 'mine.py'
model = dict(
    backbone=dict(_delete_=True, type='ResNetV1c', depth=18, num_stages=4),
    decode_head=dict(
        _delete_=True, type='FCNHead', in_channels=512, in_index=3, channels=24, num_classes=4,
        norm_cfg=dict(type='SyncBN'),
    ),
    auxiliary_head=dict(type='FCNHead', in_channels=256, in_index=2, channels=8, num_classes=4),
)
"""


def test_another_backbone_gives_way_to_an_hrnet(place: Path) -> None:
    (place / 'resnet.py').write_text(RESNET)
    init('resnet.py', Options(Path('nas'), width=8, iters=20, candidates=6))
    cfg = read_config('nas/search.py')
    model = build_model(cfg)
    assert supernet_of(model).space.width == 8
    assert model.architecture.decode_head.in_channels == 8 + 16 + 32 + 64
    assert model.architecture.decode_head.channels == 24
    assert not model.architecture.with_auxiliary_head


def test_heads_in_a_list_follow_and_get_the_own_classes(place: Path) -> None:
    """OCRNet: two heads, whose list a config that inherits must say as a whole."""
    (place / 'data/img').rename(place / 'data/images')
    (place / 'data/ann').rename(place / 'data/labels')
    text = (place / 'mine.py').read_text()
    begin, end = text.index('own = dict('), text.index('model = dict(')
    heads = """decode_head=[
        dict(type='FCNHead', in_channels=[8, 16, 32, 64], in_index=(0, 1, 2, 3), channels=120,
             input_transform='resize_concat', kernel_size=1, num_convs=1, num_classes=21),
        dict(type='OCRHead', in_channels=[8, 16, 32, 64], in_index=(0, 1, 2, 3), channels=16,
             ocr_channels=8, input_transform='resize_concat', num_classes=21),
    ]"""
    model = text[end : text.index('    decode_head=')]
    (place / 'mine.py').write_text(
        text[:begin].replace('hrnet/fcn_hr18s', 'ocrnet/ocrnet_hr18s') + model + heads + ')\n'
    )
    names = ('ground', 'field', 'road', 'roof')
    settings = {'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False}
    init('mine.py', replace(OUT, data=Path('data'), classes=names, settings=settings))
    cfg = read_config('nas/search.py')
    first, second = build_model(cfg).architecture.decode_head
    assert first.num_classes == second.num_classes == len(names)
    assert cfg.model.distillation.tap == 'decode_head.1.conv_seg'
    base = place / 'nas/base.py'
    base.write_text(base.read_text().replace('width = 8 ', 'width = 12 '))
    first, second = build_model(read_config('nas/search.py')).architecture.decode_head
    assert (first.channels, second.channels) == (180, 16)
    assert first.in_channels == second.in_channels == 180
