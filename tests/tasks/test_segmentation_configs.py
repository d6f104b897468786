"""Segmentation data and the config around them: lists, batches, transforms, heads, classes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalenas.errors import ConfigError, DataError
from scalenas.tasks import check_data

from .folders import LOAD, label, seg_config, write_split
from .spoiled import LOADERS, paint, refused, relabel


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
def test_data_sets_of_mmseg_pass_with_labels_that_are_classes(kind: str, tmp_path: Path) -> None:
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
    spoiled = tmp_path / f'ann/b{truth}'
    Image.fromarray(paint(200)(np.asarray(Image.open(spoiled)).copy())).save(spoiled)
    error = refused(cfg)
    # Where the files count classes from 1, every value is one less.
    assert error.got == [199 if number in values else 200]
    assert str(spoiled) in error.where


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
