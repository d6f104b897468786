"""Images held out by class: disjoint, of equal number, the same on every machine."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scalenas.datasets.subsets import hold_out, read_classes
from tests.errors import contains, raises

NAMES = [f'c{label}/{n:03}.jpg' for label in range(3) for n in range(10 + label)]
LABELS = [label for label in range(3) for _ in range(10 + label)]


def test_as_many_of_each_class_whatever_the_order() -> None:
    held = hold_out(NAMES, LABELS, 4, 0)
    assert [sum(LABELS[i] == label for i in held) for label in range(3)] == [4, 4, 4]
    order = random.Random(1).sample(range(len(NAMES)), len(NAMES))
    again = hold_out([NAMES[i] for i in order], [LABELS[i] for i in order], 4, 0)
    assert {NAMES[order[i]] for i in again} == {NAMES[i] for i in held}
    assert hold_out(NAMES, LABELS, 4, 1) != held


def test_mistakes(tmp_path: Path) -> None:
    with raises(where='per_class', got=10, allowed=contains('10 images of class 0')):
        hold_out(NAMES, LABELS, 10, 0)
    with raises(where='per_class', got=0):
        hold_out(NAMES, LABELS, 0, 0)
    with raises(where=f'class_list {tmp_path / "none.txt"}', problem='no such file'):
        read_classes(tmp_path / 'none.txt')
    (tmp_path / 'twice.txt').write_text('a\nb\n\na\n')
    with raises(where=f'class_list {tmp_path / "twice.txt"}', problem=contains('twice')):
        read_classes(tmp_path / 'twice.txt')
    (tmp_path / 'empty.txt').write_text('\n')
    with raises(where=f'class_list {tmp_path / "empty.txt"}', problem=contains('no class')):
        read_classes(tmp_path / 'empty.txt')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of six images each, and a list of two of them."""
    root = tmp_path_factory.mktemp('imagenet')
    for name in 'abcde':
        (root / 'train' / name).mkdir(parents=True)
        for n in range(6):
            Image.new('RGB', (8, 8)).save(root / 'train' / name / f'{n}.png')
    (root / 'two.txt').write_text('d\nb\n')
    return root


def part(folder: Path, **options: Any) -> list[tuple[str, int]]:
    """(class folder, label) of every image."""
    from scalenas.datasets.mmpretrain_datasets import ImageNetPart

    found = ImageNetPart(data_root=str(folder), split='train', **options)
    rows = [found.get_data_info(i) for i in range(len(found))]
    return [
        (Path(row['img_path']).relative_to(folder / 'train').as_posix(), row['gt_label'])
        for row in rows
    ]


def test_parts_of_a_list_of_classes(folder: Path) -> None:
    listed = str(folder / 'two.txt')
    held = part(folder, part='held_out', per_class=2, class_list=listed)
    rest = part(folder, part='rest', per_class=2, class_list=listed)
    everything = part(folder, class_list=listed)
    assert sorted(held + rest) == sorted(everything)
    assert not set(held) & set(rest)
    assert (len(held), len(rest)) == (4, 8)
    assert {(path[0], label) for path, label in everything} == {('d', 0), ('b', 1)}
    assert len(part(folder, part='rest', per_class=2, class_list=listed, spread=3)) == 3


def test_a_class_that_is_not_there_is_one_line(folder: Path) -> None:
    (folder / 'three.txt').write_text('a\nz\n')
    with raises(where='ImageNetPart.class_list', got='z', allowed=contains(folder)):
        part(folder, class_list=str(folder / 'three.txt'))
    with raises(where='ImageNetPart.part', got='half', allowed=('rest', 'held_out')):
        part(folder, part='half')


@pytest.mark.parametrize('name', ['ImageNetPart', 'SpreadImageNet'])
def test_imagenet_that_is_not_there_is_one_line(folder: Path, name: str) -> None:
    from scalenas.datasets import mmpretrain_datasets

    kind = getattr(mmpretrain_datasets, name)
    with raises(where=f'{name}: nowhere/val', allowed=contains('ImageNet')):
        kind(data_root='nowhere', split='val')
    with raises(where=contains(name, folder), problem=contains('(5)', '(1000)')):
        kind(data_root=str(folder), split='train')
