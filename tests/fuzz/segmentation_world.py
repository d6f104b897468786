"""A folder of images and labels, and a config that reads it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

from scalenas.tasks import check_data

SCORED = ('train', 'val', 'test', 'search')
LOAD: list[dict[str, Any]] = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations'},
    {'type': 'PackSegInputs'},
]


class World:
    """A split of a few images, and a config that reads it."""

    def __init__(self, rng: random.Random, root: Path) -> None:
        self.rng, self.root = rng, root
        self.num_classes = rng.choice((2, 2, 3, 5, 19, 150))
        self.size = rng.randint(8, 24), rng.randint(8, 24)
        self.split = rng.choice(SCORED)
        self.count = rng.randint(2, 6)
        self.reduced = rng.random() < 0.2
        self.ignore = 255
        self.dataset: dict[str, Any] = {}
        self.batch_size = rng.choice((1, 2, 4))
        self.changes: dict[str, Any] = {}
        self.odd: dict[str, Any] = {}
        self.numbers = np.random.default_rng(rng.randrange(2**32))
        for n in range(self.count):
            self.write(n, self.label())

    @property
    def loader(self) -> str:
        return f'{self.split}_dataloader'

    def label(self) -> NDArray[np.uint8]:
        """At least the first two classes, as the files hold them."""
        found = self.numbers.integers(0, self.num_classes, self.size)
        found[0, :2] = 0, 1
        if self.rng.random() < 0.5:
            found[-1] = self.ignore
        if self.reduced:
            found = np.where(found == 255, 0, found + 1)
        return found.astype(np.uint8)

    def write(self, n: int, label: NDArray[Any]) -> None:
        for part in ('img', 'ann'):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        pixels = self.numbers.integers(0, 256, (*self.size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(self.root / f'img/{n}.png')
        Image.fromarray(label).save(self.root / f'ann/{n}.png')

    def file(self, part: str = 'ann') -> Path:
        return self.rng.choice(sorted((self.root / part).iterdir()))

    def config(self) -> Config:
        dataset = {
            'type': 'BaseSegDataset',
            'data_root': str(self.root),
            'data_prefix': {'img_path': 'img', 'seg_map_path': 'ann'},
            'img_suffix': '.png',
            'metainfo': {'classes': tuple(f'c{i}' for i in range(self.num_classes))},
            'reduce_zero_label': self.reduced,
            'pipeline': LOAD,
            **self.dataset,
        }
        cfg = Config(
            {
                'default_scope': 'mmseg',
                'model': {
                    'type': 'EncoderDecoder',
                    'decode_head': {
                        'type': 'FCNHead',
                        'num_classes': self.num_classes,
                        'ignore_index': self.ignore,
                    },
                    'data_preprocessor': {'type': 'SegDataPreProcessor', 'size': self.size},
                },
                'val_evaluator': {'type': 'IoUMetric', 'ignore_index': self.ignore},
                'test_evaluator': {'type': 'IoUMetric', 'ignore_index': self.ignore},
                self.loader: {'batch_size': self.batch_size, 'dataset': dataset},
            }
        )
        cfg.merge_from_dict(self.changes)
        for place, value in self.odd.items():
            *path, last = place.split('.')
            table: Any = cfg
            for name in path:
                table = table.get(name)
                if not isinstance(table, dict | Config):
                    return cfg
            table[last] = value
        return cfg

    def check(self) -> None:
        """As the tools do."""
        check_data(self.config(), (self.loader,))


Change = Callable[[World], None]


def relabel(change: Callable[[NDArray[np.uint8]], Any], every: bool = True) -> Change:
    def spoil(world: World) -> None:
        files = sorted((world.root / 'ann').iterdir()) if every else [world.file()]
        for path in files:
            found = np.asarray(change(np.asarray(Image.open(path)).copy()))
            Image.fromarray(found if found.ndim > 2 else found.astype(np.uint8)).save(path)

    return spoil
