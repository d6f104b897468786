"""A few images in the layouts of the data sets that ScaleNet is tuned to."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, NUM = 64, 4


def _pictures() -> Iterator[Image.Image]:
    for number in range(NUM):
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        yield Image.fromarray(pixels)


def make_aircraft(folder: Path) -> None:
    """FGVC Aircraft: lists of `NAME VARIANT`."""
    from mmpretrain.datasets.categories import FGVCAIRCRAFT_CATEGORIES

    (folder / 'data/images').mkdir(parents=True)
    lines = []
    for number, picture in enumerate(_pictures()):
        picture.save(folder / f'data/images/{number:07}.jpg')
        lines.append(f'{number:07} {FGVCAIRCRAFT_CATEGORIES[number]}')
    for split in ('trainval', 'test'):
        (folder / f'data/images_variant_{split}.txt').write_text('\n'.join(lines) + '\n')


def make_cars(folder: Path) -> None:
    """Stanford Cars: one annotation file of MATLAB."""
    import mat4py

    (folder / 'car_ims').mkdir(parents=True)
    names = [f'car_ims/{number:06}.jpg' for number in range(2 * NUM)]
    for name, picture in zip(names, [*_pictures(), *_pictures()], strict=True):
        picture.save(folder / name)
    rows = {
        'relative_im_path': names,
        'class': [number % NUM + 1 for number in range(2 * NUM)],
        'test': [int(number >= NUM) for number in range(2 * NUM)],
    }
    mat4py.savemat(str(folder / 'cars_annos.mat'), {'annotations': rows})


def make_food(folder: Path) -> None:
    """Food-101: lists of `CLASS/NAME`."""
    from mmpretrain.datasets.categories import FOOD101_CATEGORIES

    lines = []
    for number, picture in enumerate(_pictures()):
        place = folder / 'images' / FOOD101_CATEGORIES[number]
        place.mkdir(parents=True)
        picture.save(place / '1.jpg')
        lines.append(f'{FOOD101_CATEGORIES[number]}/1')
    (folder / 'meta').mkdir()
    for split in ('train', 'test'):
        (folder / f'meta/{split}.txt').write_text('\n'.join(lines) + '\n')


def make_cifar10(folder: Path) -> None:
    """CIFAR-10: five batches and a test batch."""
    names = [*(f'data_batch_{n}' for n in range(1, 6)), 'test_batch']
    _cifar(folder / 'cifar-10-batches-py', names, 'labels')


def make_cifar100(folder: Path) -> None:
    """CIFAR-100: one file each."""
    _cifar(folder / 'cifar-100-python', ['train', 'test'], 'fine_labels')


def _cifar(folder: Path, names: list[str], key: str) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        rows = rng.integers(0, 256, (NUM, 3 * 32 * 32), np.uint8)
        (folder / name).write_bytes(pickle.dumps({'data': rows, key: list(range(NUM))}))
