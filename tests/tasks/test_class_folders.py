"""Classification data are looked at before a run: all labels, and a sample of the images."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from scalenas.errors import ConfigError, DataError
from scalenas.tasks import check_data

CLASSES = ('cat', 'dog', 'owl')
SPLITS = ('train', 'val')
LOADERS = ('train_dataloader', 'val_dataloader')


def write_folders(root: Path, counts: Mapping[str, int]) -> None:
    """`root/CLASS/n.png`."""
    rng = np.random.default_rng(0)
    for name, number in counts.items():
        (root / name).mkdir(parents=True)
        for n in range(number):
            pixels = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f'{n}.png')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in SPLITS:
        write_folders(tmp_path / split, dict.fromkeys(CLASSES, 3))
    return tmp_path


def config(root: Path, changes: Mapping[str, Any] | None = None, **dataset: Any) -> Config:
    """Two splits of folders and a head for three classes; `dataset` is for both."""

    def loader(split: str) -> dict[str, Any]:
        return {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': {
                'type': 'CustomDataset',
                'data_root': str(root),
                'data_prefix': split,
                'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'PackInputs'}],
                **dataset,
            },
        }

    cfg = Config(
        {
            'default_scope': 'mmpretrain',
            'model': {'type': 'ImageClassifier', 'head': {'type': 'LinearClsHead'}},
            'val_evaluator': {'type': 'Accuracy', 'topk': (1,)},
            **{f'{split}_dataloader': loader(split) for split in SPLITS},
        }
    )
    cfg.model.head.num_classes = 3
    cfg.merge_from_dict(dict(changes or {}))
    return cfg


def refused(cfg: Config, loaders: tuple[str, ...] = LOADERS) -> DataError | ConfigError:
    with pytest.raises((DataError, ConfigError)) as error:
        check_data(cfg, loaders)
    assert '\n' not in str(error.value)
    return error.value


def test_classes_have_any_names_but_as_many_as_folders(root: Path) -> None:
    names = ('Katze', 'Hund', 'Eule', 'Maus')
    check_data(config(root), LOADERS)
    check_data(config(root, metainfo={'classes': names[:3]}), LOADERS)
    for count in (2, 4):
        error = refused(config(root, metainfo={'classes': names[:count]}))
        assert error.where == 'train_dataloader.dataset'


def test_a_class_without_images(root: Path) -> None:
    """It would be learned from nothing; where it is only scored it is a warning."""
    write_folders(root / 'train', {'.hidden': 0})
    for path in (root / 'val/dog').iterdir():
        path.unlink()
    assert refused(config(root, {'model.head.num_classes': 4})).got == ['.hidden']
    shutil.rmtree(root / 'train/.hidden')
    check_data(config(root), LOADERS)
    write_folders(root / 'train', {'zebra': 0})
    error = refused(config(root, {'model.head.num_classes': 4}), ('train_dataloader',))
    assert (error.got, str(root / 'train') in error.where) == (['zebra'], True)


def test_other_classes_in_validation(root: Path) -> None:
    """Folders are numbered by their order: without cats a dog would be a cat."""
    shutil.rmtree(root / 'val/cat')
    cfg = config(root)
    assert refused(cfg).got == 3  # a head for three, data of two
    write_folders(root / 'val', {'zebra': 1})
    error = refused(cfg)
    assert error.got == ['dog', 'owl', 'zebra']
    assert error.where == 'val_dataloader.dataset'


def test_labels_beyond_the_head(root: Path) -> None:
    (root / 'list.txt').write_text('cat/0.png 0\ndog/1.png 1\nowl/2.png 3\n')
    error = refused(config(root, ann_file='list.txt', metainfo={'classes': CLASSES}))
    assert (error.got, 'owl/2.png' in error.where) == (3, True)
    assert refused(config(root, {'model.head.num_classes': 2})).got == 2
    assert refused(config(root, {'model.head.num_classes': 5})).got == 5


def test_an_image_of_a_list_that_is_missing(root: Path) -> None:
    rows = [f'cat/{n % 3}.png {n % 2}' for n in range(60)]
    (root / 'list.txt').write_text('\n'.join([*rows[:31], 'cat/7.png 1', *rows[31:]]))
    error = refused(config(root, ann_file='list.txt', metainfo={'classes': CLASSES}))
    assert error.where.endswith('cat/7.png')


def test_one_class_only(root: Path) -> None:
    """As the first images of a folder are, which is sorted."""
    assert refused(config(root, indices=2)).got == 'cat'


@pytest.mark.parametrize('content', [b'', b'no image', None])
def test_an_image_that_cannot_be_read(content: bytes | None, root: Path) -> None:
    path = root / 'val/dog/1.png'
    path.write_bytes(path.read_bytes()[:60] if content is None else content)
    assert str(path) in refused(config(root)).where


def test_no_image_at_all(root: Path) -> None:
    assert 'train_dataloader' in refused(config(root, extensions=('.webp',))).where


def test_sizes_in_a_batch(root: Path) -> None:
    """Stacked as they are they must be equal; mmpretrain's preprocessor pads what is not."""
    Image.new('RGB', (9, 9)).save(root / 'train/cat/0.png')
    cfg = config(root)
    check_data(cfg, LOADERS)
    cfg.train_dataloader.collate_fn = {'type': 'default_collate'}
    assert refused(cfg).where == 'train_dataloader.batch_size'
    cfg.train_dataloader.batch_size = 1
    check_data(cfg, LOADERS)


@pytest.mark.parametrize('topk', [(1, 5), 4, 0, (1, 'a'), ()])
def test_more_classes_than_there_are(topk: object, root: Path) -> None:
    error = refused(config(root, {'val_evaluator.topk': topk}))
    assert error.where == 'val_evaluator.topk'
    assert '3' in error.allowed
    changes = {'model.head.cal_acc': True, 'model.head.topk': topk}
    assert refused(config(root, changes)).where == 'model.head.topk'


def test_metrics_and_losses_of_other_numbers(root: Path) -> None:
    changes: dict[str, Any] = {'val_evaluator': {'type': 'ConfusionMatrix', 'num_classes': 4}}
    assert refused(config(root, changes)).where == 'val_evaluator.num_classes'
    changes = {'model.head.loss': {'type': 'CrossEntropyLoss', 'class_weight': [1.0, 2.0]}}
    assert refused(config(root, changes)).where == 'model.head.loss.class_weight'


def test_classes_as_one_text(root: Path) -> None:
    assert refused(config(root, metainfo={'classes': 'cat'})).got == 'cat'
