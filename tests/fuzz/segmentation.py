"""Folders of images and labels: right, spoiled in a known way, and mutated."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

from scalenas.tasks import check_batch, check_data, label_rule, task_of
from scalenas.tasks.sample import built

from .case import Case

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


def nothing(world: World) -> None:
    """As it is."""


def palette(world: World) -> None:
    for path in (world.root / 'ann').iterdir():
        image = Image.fromarray(np.asarray(Image.open(path)))
        image.putpalette([world.rng.randrange(256) for _ in range(768)])
        image.save(path)


def deep(world: World) -> None:
    for path in (world.root / 'ann').iterdir():
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16)).save(path)


def listed(world: World) -> None:
    """A list of some, beside other files that are none of its business."""
    names = [str(n) for n in range(world.count)]
    (world.root / 'list.txt').write_text('\n'.join(names[: world.rng.randint(2, world.count)]))
    (world.root / 'img/other.png').write_text('no picture')
    (world.root / 'ann/99.png').write_text('no picture')
    world.dataset['ann_file'] = 'list.txt'


def other_ignored(world: World) -> None:
    world.reduced, world.ignore = False, 200
    for n in range(world.count):
        world.write(n, world.label())


def several_sizes(world: World) -> None:
    world.size = world.size[0] + 3, world.size[1]
    world.write(0, world.label())
    world.batch_size = 1


def joined(world: World) -> None:
    one = world.config()[world.loader]['dataset']
    world.dataset = {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [one, one]}
    world.changes[f'{world.loader}.dataset'] = world.dataset
    world.dataset = {}


RIGHT: tuple[Change, ...] = (
    nothing,
    nothing,
    palette,
    deep,
    listed,
    other_ignored,
    several_sizes,
    joined,
)


def above(world: World) -> None:
    value = world.num_classes + int(world.reduced) + world.rng.randint(0, 40)
    relabel(lambda f: _painted(world, f, value), every=False)(world)


def _painted(world: World, found: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
    found[world.rng.randrange(found.shape[0]), world.rng.randrange(found.shape[1])] = value
    return found


def from_one(world: World) -> None:
    world.reduced = False
    top = world.num_classes - 1
    for n in range(world.count):
        found = world.label()
        found[-1, -1] = top
        world.write(n, np.where(found == 255, 255, found + 1).astype(np.uint8))


def brush(world: World) -> None:
    world.num_classes, world.reduced = 2, False
    for n in range(world.count):
        found = np.zeros(world.size, np.uint8)
        found[1:3] = 255
        world.write(n, found)


def one_class(world: World) -> None:
    value = world.rng.choice((0, 1, 255))
    relabel(lambda f: np.full_like(f, value))(world)


def coloured(world: World) -> None:
    mode = world.rng.choice(('RGB', 'RGBA', 'LA'))
    path = world.file()
    Image.open(path).convert(mode).save(path)


def bigger(world: World) -> None:
    path = world.file(world.rng.choice(('ann', 'img')))
    image = Image.open(path)
    image.resize((image.width + 1, image.height), Image.Resampling.NEAREST).save(path)


def turned(world: World) -> None:
    world.size = 9, 14
    for n in range(world.count):
        world.write(n, world.label())
    path = world.file()
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)


def too_deep(world: World) -> None:
    path = world.file()
    Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16) + 256).save(path)


def floats(world: World) -> None:
    for path in sorted((world.root / 'ann').iterdir()):
        values = np.asarray(Image.open(path)).astype(np.float32) + 0.5
        Image.fromarray(values).save(path.with_suffix('.tif'))
        path.unlink()
    world.dataset['seg_map_suffix'] = '.tif'


def gone(world: World) -> None:
    world.file(world.rng.choice(('ann', 'img'))).unlink()


def unreadable(world: World) -> None:
    path = world.file(world.rng.choice(('ann', 'img')))
    kept = path.read_bytes()
    path.write_bytes(world.rng.choice((b'', b'text', kept[:8], kept[:45], kept[:-30])))


def folder_as_file(world: World) -> None:
    path = world.file()
    path.unlink()
    path.mkdir()


def suffix(world: World) -> None:
    world.dataset['img_suffix'] = world.rng.choice(('.jpg', '.PNG', '_.png'))


def with_suffix(world: World) -> None:
    (world.root / 'list.txt').write_text('0.png\n1.png\n')
    world.dataset['ann_file'] = 'list.txt'


def unknown_name(world: World) -> None:
    (world.root / 'list.txt').write_text('0\nnowhere\n')
    world.dataset['ann_file'] = 'list.txt'


def text_of_classes(world: World) -> None:
    world.dataset['metainfo'] = {'classes': 'c' * world.num_classes}


def other_count(world: World) -> None:
    world.changes['model.decode_head.num_classes'] = world.num_classes + world.rng.choice((1, 2))


def other_auxiliary(world: World) -> None:
    head = {'type': 'FCNHead', 'num_classes': world.num_classes + 1}
    world.changes['model.auxiliary_head'] = world.rng.choice((head, [head]))


def other_weights(world: World) -> None:
    loss = {'type': 'CrossEntropyLoss', 'class_weight': [1.0] * (world.num_classes + 1)}
    world.changes['model.decode_head.loss_decode'] = world.rng.choice((loss, [loss]))


def batch_of_sizes(world: World) -> None:
    world.size = world.size[0] + 3, world.size[1] + 2
    world.write(0, world.label())
    world.size = world.size[0] - 3, world.size[1] - 2
    world.batch_size = 2


def joined_otherwise(world: World) -> None:
    one = world.config()[world.loader]['dataset']
    other = {**one, 'metainfo': {'classes': ('other', *one['metainfo']['classes'][1:])}}
    table = {'_delete_': True, 'type': 'ConcatDataset', 'datasets': [one, other]}
    world.changes[f'{world.loader}.dataset'] = table


def unlabelled(world: World) -> None:
    world.dataset['pipeline'] = [LOAD[0], LOAD[2]]


WRONG: tuple[Change, ...] = (
    above,
    from_one,
    brush,
    one_class,
    coloured,
    bigger,
    turned,
    too_deep,
    floats,
    gone,
    unreadable,
    folder_as_file,
    suffix,
    with_suffix,
    unknown_name,
    text_of_classes,
    other_count,
    other_auxiliary,
    other_weights,
    batch_of_sizes,
    joined_otherwise,
    unlabelled,
)


def flipped(world: World) -> None:
    """Bits of a file."""
    path = world.file(world.rng.choice(('ann', 'img')))
    content = bytearray(path.read_bytes())
    for _ in range(world.rng.randint(1, 6)):
        content[world.rng.randrange(len(content))] ^= 1 << world.rng.randrange(8)
    path.write_bytes(bytes(content))


ODD = (None, True, -1, 0, 1.5, '', 'x', [], {}, [1], {'a': 1}, float('nan'), 10**30)
KEYS = (
    *('metainfo', 'data_prefix', 'img_suffix', 'seg_map_suffix', 'ann_file', 'data_root'),
    *('reduce_zero_label', 'ignore_index', 'indices', 'pipeline', 'metainfo.classes'),
    *('data_prefix.img_path', 'data_prefix.seg_map_path', 'serialize_data', 'test_mode'),
)
ELSEWHERE = (
    *('model.decode_head.num_classes', 'model.decode_head.ignore_index', 'model.decode_head'),
    *('model.auxiliary_head', 'val_evaluator.ignore_index', 'val_evaluator', 'model'),
    *('model.data_preprocessor.size', 'model.decode_head.loss_decode', 'test_evaluator'),
)


def odd(world: World) -> None:
    """A value of the config that is none, or is one that nobody gives."""
    key = world.rng.choice((*KEYS, *ELSEWHERE, 'batch_size'))
    value = world.rng.choice(ODD)
    place = key if key in ELSEWHERE else f'{world.loader}.dataset.{key}'
    place = f'{world.loader}.batch_size' if key == 'batch_size' else place
    world.odd[place] = value


def of_batches(world: World, wrong: bool) -> Callable[[], object]:
    """The look at every batch, of which the check of a sample knows nothing."""

    def run() -> None:
        cfg = world.config()
        rule = label_rule(cfg, world.loader)
        assert rule is not None
        dataset = built(cfg, world.loader)
        outs = [dataset[i] for i in range(len(dataset))]
        batch = {key: [out[key] for out in outs] for key in ('inputs', 'data_samples')}
        check_batch(batch, rule, world.loader, world.size)

    if wrong:
        world.rng.choice((above, from_one, coloured, batch_of_sizes))(world)
    return run


def of_classes(world: World, wrong: bool) -> Callable[[], object]:
    """The look at the classes of a search's split."""
    world.split, world.num_classes, world.reduced = 'search', 3, False
    for n in range(world.count):
        found = world.label()
        found[1, 0] = 2
        world.write(n, np.where(found == 2, 1, found).astype(np.uint8) if wrong else found)

    def run() -> None:
        cfg = world.config()
        cfg.search = {'metric': 'mIoU'}
        dataset = built(cfg, 'search_dataloader')
        outs = [dataset[i] for i in range(len(dataset))]
        batch = {key: [out[key] for out in outs] for key in ('inputs', 'data_samples')}
        from mmseg.evaluation import IoUMetric

        metric = IoUMetric()
        metric.dataset_meta = dataset.metainfo
        task_of(cfg).check_classes(cfg, [batch], [metric])

    return run


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless; each has a folder of its own, which goes when the next one comes."""
    for number in itertools.count():
        root = folder / str(number)
        world = World(rng, root)
        draw = rng.random()
        if draw < 0.3:
            change = rng.choice(RIGHT)
            change(world)
            yield Case(f'right, {change.__name__}', world.check, wrong=False)
        elif draw < 0.65:
            change = WRONG[number % len(WRONG)]
            change(world)
            yield Case(change.__name__, world.check, wrong=True)
        elif draw < 0.75:
            flipped(world)
            yield Case('flipped bits', world.check, wrong=None)
        elif draw < 0.9:
            odd(world)
            yield Case(f'odd config {world.odd}', world.check, wrong=None)
        else:
            what, wrong = rng.choice((of_batches, of_classes)), rng.random() < 0.5
            yield Case(f'{what.__name__}, wrong={wrong}', what(world, wrong), wrong)
        shutil.rmtree(root)
