"""Pictures held out by class: disjoint, of equal number, the same on every machine."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scalenas.datasets.holdout import hold_out, read_classes
from scalenas.errors import UserError

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
    with pytest.raises(UserError, match='class 0 has 10 pictures, of which at least one'):
        hold_out(NAMES, LABELS, 10, 0)
    with pytest.raises(UserError, match='per_class is 0'):
        hold_out(NAMES, LABELS, 0, 0)
    with pytest.raises(UserError, match='No such file or directory; write a file with one'):
        read_classes(tmp_path / 'none.txt')
    (tmp_path / 'twice.txt').write_text('a\nb\n\na\n')
    with pytest.raises(UserError, match='names a class twice'):
        read_classes(tmp_path / 'twice.txt')
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(UserError, match='names no class'):
        read_classes(tmp_path / 'empty.txt')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of six pictures each, and a list of two of them."""
    root = tmp_path_factory.mktemp('imagenet')
    for name in 'abcde':
        (root / 'train' / name).mkdir(parents=True)
        for n in range(6):
            Image.new('RGB', (8, 8)).save(root / 'train' / name / f'{n}.png')
    (root / 'two.txt').write_text('d\nb\n')
    return root


def part(folder: Path, **options: Any) -> list[tuple[str, int]]:
    """(class folder, label) of every picture."""
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
    with pytest.raises(UserError, match='class_list names z'):
        part(folder, class_list=str(folder / 'three.txt'))
    with pytest.raises(UserError, match="part is 'half'; expected one of rest, held_out"):
        part(folder, part='half')


@pytest.mark.parametrize('name', ['ImageNetPart', 'SpreadImageNet'])
def test_imagenet_that_is_not_there_is_one_line(folder: Path, name: str) -> None:
    from scalenas.datasets import mmpretrain_datasets

    kind = getattr(mmpretrain_datasets, name)
    with pytest.raises(UserError, match=f'{name}: nowhere/val is missing; expected ImageNet'):
        kind(data_root='nowhere', split='val')
    with pytest.raises(UserError, match=r'number of subfolders .5. .* classes .1000.') as caught:
        kind(data_root=str(folder), split='train')
    assert '\n' not in str(caught.value)
