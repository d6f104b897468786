"""Segmentation data are looked at before a run: files of all images, the labels of a sample."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

from scalenas.errors import ConfigError, DataError
from scalenas.tasks import LabelRule, check_data
from scalenas.tasks.label_maps import files as checked

from .folders import LOAD, SIZE, SPLITS, label, seg_config, write_split, write_world

LOADERS = tuple(f'{split}_dataloader' for split in SPLITS)


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp('good'))


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(good, tmp_path / 'data')
    return tmp_path / 'data'


def refused(cfg: Config, split: str = 'val') -> DataError:
    with pytest.raises(DataError) as error:
        check_data(cfg, (f'{split}_dataloader',))
    assert '\n' not in str(error.value)
    return error.value


def states() -> list[Any]:
    numbers: Any = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), numbers[1].tolist(), torch.get_rng_state().tolist()]


def test_right_data_pass_and_draw_nothing(good: Path) -> None:
    """Random numbers that come after are the same, though a training's pipeline draws some."""
    flip = [*LOAD[:2], {'type': 'RandomFlip', 'prob': 0.5}, LOAD[2]]
    before = states()
    check_data(seg_config(good, pipeline=flip), LOADERS)
    assert states() == before


Spoil = Callable[[NDArray[np.uint8]], Any]


def paint(value: int) -> Spoil:
    def spoil(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found[5, 5] = value
        return found

    return spoil


def save(how: Callable[[NDArray[np.uint8]], Image.Image]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        how(np.asarray(Image.open(path))).save(path)

    return spoil


def coloured(found: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.stack([found] * 3, -1))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


ONE_FILE: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    'a class too many': (save(lambda f: Image.fromarray(paint(7)(f.copy()))), {'got': [7]}),
    'colours': (save(coloured), {'got': (*SIZE, 3)}),
    'transparent': (save(lambda f: coloured(f).convert('RGBA')), {'got': (*SIZE, 4)}),
    'grey and opaque': (save(lambda f: Image.fromarray(f).convert('LA')), {'got': (*SIZE, 2)}),
    '16 bits': (
        save(lambda f: Image.fromarray(f.astype(np.uint16) * 257)),
        {'got': [257, 514, 65535]},
    ),
    'higher': (save(lambda f: Image.fromarray(np.pad(f, ((0, 3), (0, 0))))), {'got': (27, 32)}),
    'turned': (save(lambda f: Image.fromarray(f.T.copy())), {'got': SIZE[::-1]}),
    'missing': (Path.unlink, {}),
    'empty': (lambda path: path.write_bytes(b''), {}),
    'cut': (cut, {}),
    'text': (lambda path: path.write_text('no picture'), {}),
}  # fmt: skip


@pytest.mark.parametrize('split', ['train', 'val', 'test', 'search'])
@pytest.mark.parametrize('what', ONE_FILE)
def test_a_wrong_label_is_named(what: str, split: str, root: Path) -> None:
    spoil, fields = ONE_FILE[what]
    path = root / f'labels/{split}/2.png'
    spoil(path)
    error = refused(seg_config(root), split)
    assert str(path) in str(error)
    for name, value in fields.items():
        assert getattr(error, name) == value


@pytest.mark.parametrize('what', ['missing', 'cut', 'empty', 'text'])
@pytest.mark.parametrize('split', ['train', 'val', 'calibration'])
def test_a_wrong_image_is_named(what: str, split: str, root: Path) -> None:
    path = root / f'images/{split}/1.png'
    ONE_FILE[what][0](path)
    if what == 'missing' and split == 'calibration':
        check_data(seg_config(root), ('calibration_dataloader',))  # labels are not used there
        return
    # A label without image is left out by mmseg.
    expected = root / f'labels/{split}/1.png' if what == 'missing' else path
    assert str(expected) in str(refused(seg_config(root), split))


def relabel(root: Path, split: str, change: Spoil) -> None:
    for path in (root / 'labels' / split).iterdir():
        found = np.asarray(Image.open(path)).copy()
        Image.fromarray(np.asarray(change(found)).astype(np.uint8)).save(path)


def from_one(found: NDArray[np.uint8]) -> Any:
    return np.where(found == 255, 255, found + 1)


def test_labels_from_one_ask_for_reduce_zero_label(root: Path) -> None:
    relabel(root, 'val', from_one)
    error = refused(seg_config(root))
    assert (error.got, 'reduce_zero_label' in error.hint) == ([3], True)
    check_data(seg_config(root, reduce_zero_label=True), ('val_dataloader',))


def test_a_background_of_zero_asks_for_reduce_zero_label_or_a_class_more(root: Path) -> None:
    relabel(root, 'val', lambda f: np.where(f == 255, 0, f + 1))
    error = refused(seg_config(root))
    assert error.got == [3]
    assert 'reduce_zero_label' in error.hint
    assert '4 classes' in error.hint


def test_other_values_do_not_ask_for_it(root: Path) -> None:
    """Labels {0, 1, 3}, and those of another data set."""
    relabel(root, 'val', lambda f: np.where(f == 2, 3, f))
    assert refused(seg_config(root)).got == [3]
    relabel(root, 'test', lambda f: np.where(f == 255, 255, f + 40))
    error = refused(seg_config(root), 'test')
    assert error.got == [40, 41, 42]
    assert 'reduce_zero_label' not in error.hint


def two(root: Path, **changes: Any) -> Config:
    cfg = seg_config(root, metainfo={'classes': ('back', 'front')}, **changes)
    cfg.model.decode_head.num_classes = 2
    cfg.model.auxiliary_head[0].num_classes = 2
    return cfg


def test_brushes_of_0_and_255(root: Path) -> None:
    """255 is ignored, so that every net would score 100."""
    for split in ('train', 'val'):
        relabel(root, split, lambda f: np.where(f == 1, 255, 0))
        error = refused(two(root), split)
        assert error.got == [0, 255]
        assert 'write 1 for 255' in error.hint
    relabel(root, 'val', lambda f: f // 255)
    check_data(two(root), ('val_dataloader',))


def test_zero_reduced_away(root: Path) -> None:
    relabel(root, 'val', lambda f: f == 1)
    check_data(two(root), ('val_dataloader',))
    error = refused(two(root, reduce_zero_label=True))
    assert 'reduce_zero_label' in error.hint


@pytest.mark.parametrize('value', [0, 1, 255])
def test_one_class_or_none(value: int, root: Path) -> None:
    relabel(root, 'val', lambda f: np.full_like(f, value))
    assert refused(seg_config(root)).got == [value]


def test_a_rare_class_is_looked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one of 60 labels shows something; and in longer lists one class is a warning."""
    labels = [np.zeros(SIZE, np.uint8) for _ in range(60)]
    labels[31][3, 3] = 1
    write_split(root, 'val', labels)
    check_data(two(root), ('val_dataloader',))
    monkeypatch.setattr(checked, 'MORE', 2)
    check_data(two(root), ('val_dataloader',))
    Image.fromarray(labels[0]).save(root / 'labels/val/31.png')
    monkeypatch.setattr(checked, 'MORE', 400)
    assert refused(two(root)).got == [0]


def test_palettes_hold_numbers(root: Path) -> None:
    """Pillow reads them, cv2 the colours."""
    for path in (root / 'labels/val').iterdir():
        found = Image.fromarray(np.asarray(Image.open(path)))
        found.putpalette([k for k in range(256) for _ in range(3)])
        found.save(path)
    check_data(seg_config(root), ('val_dataloader',))
    by_cv2 = [LOAD[0], {'type': 'LoadAnnotations', 'imdecode_backend': 'cv2'}, LOAD[2]]
    assert 'pillow' in refused(seg_config(root, pipeline=by_cv2)).hint


def test_16_bits_that_hold_classes_pass(root: Path) -> None:
    for path in (root / 'labels/val').iterdir():
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16)).save(path)
    check_data(seg_config(root), ('val_dataloader',))


def test_jpeg_changes_labels(root: Path) -> None:
    for path in (root / 'labels/val').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'))
        path.unlink()
    assert 'PNG' in refused(seg_config(root, seg_map_suffix='.jpg')).hint


def test_lists_of_names(root: Path) -> None:
    (root / 'val.txt').write_text('0\n1\n')
    check_data(seg_config(root, ann_file='val.txt'), ('val_dataloader',))
    (root / 'val.txt').write_text('0\n9\n')
    assert str(root / 'images/val/9.png') in str(refused(seg_config(root, ann_file='val.txt')))
    (root / 'val.txt').write_text('0.png\n1.png\n')
    assert "'.png'" in refused(seg_config(root, ann_file='val.txt')).hint


def test_other_files_beside_labels_are_none(root: Path) -> None:
    shutil.copy(root / 'labels/val/0.png', root / 'labels/val/0_colour.png')
    shutil.copy(root / 'labels/val/0.png', root / 'labels/val/.0.png')
    check_data(seg_config(root), ('val_dataloader',))
    shutil.copy(root / 'labels/val/0.png', root / 'labels/val/7.png')
    assert '7.png' in refused(seg_config(root)).where
    (root / 'val.txt').write_text('0\n1\n')
    check_data(seg_config(root, ann_file='val.txt'), ('val_dataloader',))


@pytest.mark.parametrize('change', [{'img_suffix': '.jpg'}, {'data_prefix': {'img_path': 'none'}}])
def test_no_image_found(change: dict[str, Any], root: Path) -> None:
    (root / 'none').mkdir()
    error = refused(seg_config(root, **change))
    assert 'img_suffix' in error.hint
    assert ('4 *.png' in error.problem) == ('img_suffix' in change)


@pytest.mark.parametrize(
    'step', [{'type': 'Resize', 'scale': (0, 0)}, {'type': 'RandomFlip', 'prob': 'x'}]
)
def test_a_transform_that_fails_is_named(step: dict[str, Any], good: Path) -> None:
    """By its place in the loader that was looked at, though others have one of its class."""
    pipeline = [*LOAD[:2], step, *LOAD[2:]]
    with pytest.raises(ConfigError) as error:
        check_data(seg_config(good, pipeline=pipeline), LOADERS[1:])
    assert error.value.where == f'{LOADERS[1]}.dataset.pipeline[2]'


def test_sizes_in_a_batch(root: Path) -> None:
    write_split(root, 'val', [label(0), label(1, (30, 40))])
    cfg = seg_config(root, ann_file='val.txt')
    (root / 'val.txt').write_text('0\n1\n')
    error = refused(cfg)
    assert (error.where, error.got) == ('val_dataloader.batch_size', 2)
    cfg.val_dataloader.batch_size = 1
    check_data(cfg, ('val_dataloader',))
    write_split(root, 'train', [label(0), label(1, (30, 40))])
    assert refused(cfg, 'train').where == 'train_dataloader.batch_size'
    cfg.model.data_preprocessor.size = (32, 48)  # all are padded to it
    check_data(cfg, ('train_dataloader',))


def test_labels_that_nobody_scores(root: Path) -> None:
    """Calibration reads none, and a metric that only writes predictions needs none."""
    relabel(root, 'calibration', paint(9))
    check_data(seg_config(root), ('calibration_dataloader',))
    cfg = seg_config(root)
    cfg.test_dataloader.dataset.data_prefix.pop('seg_map_path')
    cfg.test_dataloader.dataset.pipeline = [LOAD[0], LOAD[2]]
    cfg.test_evaluator = dict(cfg.val_evaluator)
    assert 'LoadAnnotations' in refused(cfg, 'test').hint
    cfg.test_evaluator.update(format_only=True, output_dir='out')
    check_data(cfg, ('test_dataloader',))


def test_labels_that_the_pipeline_brings_to_classes_pass(root: Path) -> None:
    """What counts is what would be trained on, not what the file holds."""
    from mmengine.registry import TRANSFORMS

    class HalveLabels:
        def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
            results['gt_seg_map'] = results['gt_seg_map'] // 100
            return results

    TRANSFORMS.register_module('HalveLabels', force=True, module=HalveLabels)
    relabel(root, 'val', lambda f: np.where(f == 255, 0, f) * 100)
    assert refused(seg_config(root)).got == [100, 200]
    steps = [*LOAD[:2], {'type': 'mmengine.HalveLabels'}, LOAD[2]]
    check_data(seg_config(root, pipeline=steps), ('val_dataloader',))


def test_heads_and_classes_must_agree(good: Path) -> None:
    cfg = seg_config(good)
    cfg.model.auxiliary_head[0].num_classes = 4
    with pytest.raises(ConfigError) as error:
        check_data(cfg, ('train_dataloader',))
    assert (error.value.where, error.value.got) == ('model.auxiliary_head[0].num_classes', 4)
    cfg.model.decode_head.num_classes = 4
    with pytest.raises(ConfigError) as error:
        check_data(cfg, ('train_dataloader',))
    assert (error.value.where, error.value.got) == ('model.decode_head.num_classes', 4)
    cfg = seg_config(good)
    cfg.model.decode_head.loss_decode = {'type': 'CrossEntropyLoss', 'class_weight': [1.0, 2.0]}
    with pytest.raises(ConfigError) as error:
        check_data(cfg, ('train_dataloader',))
    assert error.value.where.endswith('loss_decode.class_weight')


def test_classes_as_one_text(good: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        check_data(seg_config(good, metainfo={'classes': 'road'}), ('train_dataloader',))
    assert (error.value.where, error.value.got) == (
        'train_dataloader.dataset.metainfo.classes',
        'road',
    )
    (tmp_path / 'classes.txt').write_text('a\nb\nc\n')
    named = {'classes': str(tmp_path / 'classes.txt')}
    check_data(seg_config(good, metainfo=named), ('train_dataloader',))


@pytest.mark.parametrize(
    ('change', 'key'),
    [
        ({'metainfo': {'classes': ('a', 'b', 'c')}}, 'classes'),
        ({'reduce_zero_label': True}, 'reduce_zero_label'),
        ({'metainfo': {'classes': ['ground', 'road', 'roof']}}, 'classes'),
    ],
)
def test_joined_data_sets_must_agree(change: dict[str, Any], key: str, good: Path) -> None:
    cfg = seg_config(good)
    first = cfg.train_dataloader.dataset
    joined = {'type': 'ConcatDataset', 'datasets': [first, {**first, **change}]}
    cfg.train_dataloader.dataset = joined
    with pytest.raises(ConfigError) as error:
        check_data(cfg, ('train_dataloader',))
    assert 'datasets[1]' in error.value.where
    assert repr(key) in error.value.problem
    cfg.train_dataloader.dataset = {**joined, 'datasets': [first, first]}
    check_data(cfg, ('train_dataloader',))


def test_splits_that_number_classes_differently(good: Path) -> None:
    cfg = seg_config(good)
    cfg.val_dataloader.dataset.metainfo = {'classes': ('road', 'ground', 'roof')}
    with pytest.raises(DataError) as error:
        check_data(cfg, ('train_dataloader', 'val_dataloader'))
    assert error.value.where == 'val_dataloader.dataset'


def test_a_class_that_mmseg_does_not_know(good: Path) -> None:
    cfg = seg_config(good, type='CityscapesDataset', metainfo={'classes': ('road', 'moon', 'sky')})
    with pytest.raises(ConfigError) as error:
        check_data(cfg, ('train_dataloader',))
    assert error.value.where == 'train_dataloader.dataset'
    assert 'moon' in error.value.problem


STOCK: dict[str, tuple[str, str, tuple[int, ...]]] = {
    'CityscapesDataset': ('_leftImg8bit.png', '_gtFine_labelTrainIds.png', (0, 5, 18, 255)),
    'ADE20KDataset': ('.jpg', '.png', (0, 1, 150)),
    'LoveDADataset': ('.png', '.png', (0, 1, 7)),
    'PotsdamDataset': ('.png', '.png', (0, 1, 6)),
    'iSAIDDataset': ('.png', '_instance_color_RGB.png', (0, 3, 15, 255)),
    'PascalVOCDataset': ('.jpg', '.png', (0, 20, 255)),
    'PascalContextDataset59': ('.jpg', '.png', (0, 1, 59)),
    'COCOStuffDataset': ('.jpg', '_labelTrainIds.png', (0, 170, 255)),
    'MapillaryDataset_v1': ('.jpg', '.png', (0, 65)),
    'DRIVEDataset': ('.png', '_manual1.png', (0, 1)),
    'ChaseDB1Dataset': ('.png', '_1stHO.png', (0, 1)),
    'STAREDataset': ('.png', '.ah.png', (0, 1)),
    'HRFDataset': ('.png', '.png', (0, 1)),
    'REFUGEDataset': ('.png', '.png', (0, 1, 2)),
}
"""mmseg's data sets: suffixes, and values of files as its converters write them."""


@pytest.mark.parametrize('kind', STOCK)
def test_data_sets_of_mmseg_pass(kind: str, tmp_path: Path) -> None:
    from mmseg.registry import DATASETS

    image, truth, values = STOCK[kind]
    for name in 'abc':
        for folder, suffix in (('img', image), ('ann', truth)):
            (tmp_path / folder).mkdir(exist_ok=True)
            pixels = np.resize(np.array(values, np.uint8), (6, 8))
            pixels = pixels if folder == 'ann' else np.stack([pixels] * 3, -1)
            Image.fromarray(pixels).save(tmp_path / folder / f'{name}{suffix}')
    # Cityscapes' converter leaves other files beside its own.
    Image.new('RGB', (8, 6)).save(tmp_path / 'ann/a_gtFine_color.png')
    if kind not in ('CityscapesDataset', 'COCOStuffDataset', 'iSAIDDataset'):
        (tmp_path / 'ann/a_gtFine_color.png').unlink()
    (tmp_path / 'list.txt').write_text('a\nb\nc\n')
    cfg = seg_config(tmp_path)
    number = len(DATASETS.get(kind).METAINFO['classes'])
    cfg.merge_from_dict({'model.decode_head.num_classes': number})
    cfg.model.auxiliary_head[0].num_classes = number
    prefix = {'img_path': 'img', 'seg_map_path': 'ann'}
    table = {'type': kind, 'data_root': str(tmp_path), 'data_prefix': prefix, 'pipeline': LOAD}
    if kind.startswith('Pascal'):
        table['ann_file'] = 'list.txt'
    for loader in ('train_dataloader', 'val_dataloader'):
        cfg[loader].dataset = table
        check_data(cfg, (loader,))


def test_labels_that_ignore_another_number(root: Path) -> None:
    """As HSI-Drive, whose class 0 is not looked at: then 255 is no label."""
    cfg = seg_config(root)
    cfg.model.decode_head.ignore_index = 0
    assert refused(cfg, 'train').got == [255]
    relabel(root, 'train', lambda f: np.where(f == 255, 0, f))
    check_data(cfg, ('train_dataloader',))
    relabel(root, 'val', lambda f: np.where(f == 255, 0, f))
    cfg.val_evaluator.ignore_index = 0
    check_data(cfg, ('val_dataloader',))


@pytest.mark.parametrize('ignore', [255, 0, -1, None])
def test_the_quick_look_is_the_slow_one(ignore: int | None) -> None:
    rule = LabelRule(3, ignore)
    for value in (-256, -1, 0, 2, 3, 200, 254, 255, 256, 2**32, 2**40 + 1):
        for given in (torch.full((1, 2, 3), value), torch.tensor([[[0, 1, value]]])):
            values = given.unique().tolist()
            assert rule.fits(given) == all(rule.allows(v) for v in values), (ignore, value)


@pytest.mark.parametrize(
    ('text', 'word'),
    [('{0}\n\n{1}\n', 'list.txt'), ('\ufeff{0}\n{1}\n', 'BOM'), ('{0}.png\n', "'.png'")],
)
def test_a_list_that_names_no_images(root: Path, text: str, word: str) -> None:
    """An empty line, a byte-order mark, suffixes: the hint is another for each."""
    cfg = seg_config(root)
    dataset = cfg.train_dataloader.dataset
    names = [path.stem for path in sorted((root / dataset.data_prefix.img_path).iterdir())]
    (root / 'list.txt').write_text(text.format(*names), encoding='utf-8')
    dataset.ann_file = 'list.txt'
    assert word in refused(cfg, 'train').hint
