"""Folders of classes for mmpretrain: right, spoiled in a known way, and mutated."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from scalenas.tasks import check_data

from .case import Case

LOADERS = ('train_dataloader', 'val_dataloader')
NAMES = ('ant', 'bee', 'cat', 'dog', 'elk', 'fox')


class World:
    """Two splits of a few images in folders of their classes, and a config that reads them."""

    def __init__(self, rng: random.Random, root: Path) -> None:
        self.rng, self.root = rng, root
        self.names = NAMES[: rng.randint(2, 6)]
        self.numbers = np.random.default_rng(rng.randrange(2**32))
        self.changes: dict[str, Any] = {}
        for split in ('train', 'val'):
            for name in self.names:
                for n in range(rng.randint(1, 3)):
                    self.write(f'{split}/{name}/{n}.png')

    def write(self, name: str, size: tuple[int, int] = (6, 7)) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = self.numbers.integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)

    def file(self) -> Path:
        return self.rng.choice(sorted(self.root.rglob('*.png')))

    def listed(self, label: int | str | None = None) -> None:
        """Both splits by a list of files, the last of which may have another label."""
        for split in ('train', 'val'):
            rows = [(f'{name}/0.png', str(k)) for k, name in enumerate(self.names)]
            if label is not None:
                rows[-1] = rows[-1][0], str(label)
            text = '\n'.join(' '.join(row) for row in rows)
            (self.root / f'{split}.txt').write_text(text)
            self.changes[f'{split}_dataloader.dataset.ann_file'] = f'{split}.txt'
            self.changes[f'{split}_dataloader.dataset.metainfo'] = {'classes': self.names}

    def config(self) -> Config:
        def loader(split: str) -> dict[str, Any]:
            return {
                'batch_size': 2,
                'dataset': {
                    'type': 'CustomDataset',
                    'data_root': str(self.root),
                    'data_prefix': split,
                    'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'PackInputs'}],
                },
            }

        head = {'type': 'LinearClsHead', 'num_classes': len(self.names), 'in_channels': 8}
        cfg = Config(
            {
                'default_scope': 'mmpretrain',
                'model': {'type': 'ImageClassifier', 'head': head},
                'train_dataloader': loader('train'),
                'val_dataloader': loader('val'),
                'val_evaluator': {'type': 'Accuracy', 'topk': (1, 2)},
            }
        )
        for place, value in self.changes.items():
            *path, last = place.split('.')
            table: Any = cfg
            for name in path:
                table = table[name]
            table[last] = value
        return cfg

    def check(self) -> None:
        """As the tools do."""
        check_data(self.config(), LOADERS)


Change = Callable[[World], None]


def nothing(world: World) -> None:
    """As it is."""


def a_list(world: World) -> None:
    world.listed()


def several_sizes(world: World) -> None:
    world.write(f'train/{world.names[0]}/0.png', (9, 9))


def other_files(world: World) -> None:
    (world.root / 'train' / world.names[0] / 'notes.txt').write_text('no image')


RIGHT: tuple[Change, ...] = (nothing, a_list, several_sizes, other_files)


def empty_class(world: World) -> None:
    name = world.rng.choice(('.hidden', 'zebra'))
    for split in ('train', 'val'):
        (world.root / split / name).mkdir()
    world.changes['model.head.num_classes'] = len(world.names) + 1


def fewer_in_validation(world: World) -> None:
    shutil.rmtree(world.root / 'val' / world.rng.choice(world.names))


def renamed_in_validation(world: World) -> None:
    (world.root / 'val' / world.names[0]).rename(world.root / 'val/zebra')


def beyond(world: World) -> None:
    world.listed(world.rng.choice((len(world.names), 99, -1)))


def no_number(world: World) -> None:
    world.listed(world.rng.choice(('x', '1.5', '')))


def other_head(world: World) -> None:
    world.changes['model.head.num_classes'] = len(world.names) + world.rng.choice((-1, 1))


def one_class(world: World) -> None:
    world.listed()
    for split in ('train', 'val'):
        (world.root / f'{split}.txt').write_text(f'{world.names[0]}/0.png 0\n' * 3)


def unreadable(world: World) -> None:
    path = world.file()
    kept = path.read_bytes()
    path.write_bytes(world.rng.choice((b'', b'text', kept[:8], kept[:45], kept[:-30])))


def gone(world: World) -> None:
    world.listed()
    (world.root / 'train' / world.rng.choice(world.names) / '0.png').unlink()


def nothing_there(world: World) -> None:
    world.changes['train_dataloader.dataset.extensions'] = ('.webp',)


def too_many_of_the_best(world: World) -> None:
    world.changes['val_evaluator.topk'] = (1, len(world.names) + world.rng.randint(1, 5))


def text_of_classes(world: World) -> None:
    world.changes['train_dataloader.dataset.metainfo'] = {'classes': 'abcdef'[: len(world.names)]}


def stacked(world: World) -> None:
    several_sizes(world)
    world.changes['train_dataloader.collate_fn'] = {'type': 'default_collate'}


WRONG: tuple[Change, ...] = (
    empty_class,
    fewer_in_validation,
    renamed_in_validation,
    beyond,
    no_number,
    other_head,
    one_class,
    unreadable,
    gone,
    nothing_there,
    too_many_of_the_best,
    text_of_classes,
    stacked,
)

ODD = (None, True, -1, 0, 1.5, '', 'x', [], {}, [1], {'a': 1}, float('nan'), 10**30)
PLACES = (
    *('val_evaluator.topk', 'model.head.num_classes', 'model.head', 'model', 'val_evaluator'),
    *(
        f'train_dataloader.dataset.{key}'
        for key in ('data_prefix', 'data_root', 'ann_file', 'extensions', 'metainfo', 'indices')
    ),
    *('train_dataloader.dataset.pipeline', 'train_dataloader.dataset.with_label'),
    *('train_dataloader.dataset', 'train_dataloader.batch_size', 'train_dataloader.collate_fn'),
)


def odd(world: World) -> None:
    world.changes[world.rng.choice(PLACES)] = world.rng.choice(ODD)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless; each has a folder of its own, which goes when the next one comes."""
    for number in itertools.count():
        root = folder / str(number)
        world = World(rng, root)
        draw = rng.random()
        if draw < 0.25:
            change = rng.choice(RIGHT)
            change(world)
            yield Case(f'right, {change.__name__}', world.check, wrong=False)
        elif draw < 0.75:
            change = WRONG[number % len(WRONG)]
            change(world)
            yield Case(change.__name__, world.check, wrong=True)
        else:
            odd(world)
            yield Case(f'odd config {world.changes}', world.check, wrong=None)
        shutil.rmtree(root)
