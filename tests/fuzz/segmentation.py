"""Folders of images and labels: right, spoiled in a known way, and mutated."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from scalenas.tasks import check_batch, label_rule, task_of
from scalenas.tasks.data import built

from .case import Case
from .segmentation_changes import RIGHT, WRONG, above, batch_of_sizes, coloured, from_one
from .segmentation_world import World


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
        cfg.search = {'objectives': ('mIoU', 'macs')}
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
