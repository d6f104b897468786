"""What may be done to folders of images and labels: right as before, or wrong in a known way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .segmentation_world import LOAD, Change, World, relabel


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
    (world.root / 'img/other.png').write_text('no image')
    (world.root / 'ann/99.png').write_text('no image')
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
