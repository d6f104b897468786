"""COCO files of boxes, poses and detected boxes: as tools write them, broken on purpose, mutated.

What is accepted is used: mmdet's and mmpose's own classes load it and score it, and whatever they
raise then is a fault of ours. Exact predictions on a good file must score 1.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import json
import logging
import math
import random
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mmengine.registry import DATASETS, DefaultScope

from scalenas.tasks import check_data

from ..coco.world import SIDE, boxes, config, draw, exact_score, poses, write
from .case import Case

PICTURES = 3
LOADERS = ('train_dataloader', 'search_dataloader')
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, 1e-9, 1e9, 1e300, 10**400, 2**53 + 1),
    *(
        float('nan'),
        float('inf'),
        -float('inf'),
        '',
        '0',
        '1',
        'x',
        'person',
        'a\nb',
        '\0',
        '../..',
    ),
    *(
        [],
        [1],
        [[1]],
        {},
        {'id': 1},
        [float('nan')] * 4,
        [0, 0, 0, 0],
        [1, 2, 3, 4],
        [-5, -5, 9, 9],
    ),
    *([0.1, 0.1, 0.2, 0.2], {'size': [SIDE, SIDE], 'counts': [SIDE**2]}),
)
MASKS = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
    {'type': 'PackDetInputs', 'meta_keys': ('img_id', 'img_path', 'ori_shape', 'instances')},
]
Spoil = Callable[[dict[str, Any], random.Random], Any]


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless: a third good, a third bad by construction, a third mutated."""
    draw(folder, PICTURES)
    # The first use imports both packages, which takes longer than all else.
    for name in ('mmdet.datasets', 'mmdet.evaluation', 'mmpose.datasets', 'mmpose.evaluation'):
        import_module(name)
    # mmengine's data sets collect garbage whenever one is built: not what the imports left.
    gc.collect()
    gc.freeze()
    while True:
        kind = rng.choice(('boxes', 'masks', 'poses', 'bottomup', 'detected'))
        yield _good(kind, rng, folder)
        yield _bad(kind, rng, folder)
        yield _mutated(kind, rng, folder)


def _good(kind: str, rng: random.Random, folder: Path) -> Case:
    given, rows = _content(kind, rng), _detected()
    for part in (*given['images'], *given['annotations']):
        if rng.random() < 0.3:
            part['extra'] = rng.choice(VALUES)
    if rng.random() < 0.3:
        rng.shuffle(given['annotations'])
    if rng.random() < 0.3 and kind in ('boxes', 'poses'):
        for row in given['annotations']:
            row.pop('segmentation')
    if rng.random() < 0.3:
        for row in given['annotations']:
            row.update(iscrowd=rng.choice((0, False, 0.0)), bbox=[float(v) for v in row['bbox']])
    if rng.random() < 0.3:
        given['annotations'][rng.randrange(2)]['iscrowd'] = 1
    if kind in ('boxes', 'masks') and rng.random() < 0.3:
        given['categories'].append({'id': 77, 'name': 'of nobody'})
    part = {'indices': rng.choice((2, -1, [2, 0]))} if rng.random() < 0.3 else {}
    return Case(f'good {kind} {part}', _use(kind, given, rows, folder, part, best=True), False)


def _bad(kind: str, rng: random.Random, folder: Path) -> Case:
    name, spoil = rng.choice([*BAD.items(), *BAD_OF.get(kind, {}).items()])
    given, rows = _content(kind, rng), _detected()
    spoil({**given, 'detected': rows}, rng)
    return Case(f'{name}, {kind}', _use(kind, given, rows, folder, {}), True)


def _mutated(kind: str, rng: random.Random, folder: Path) -> Case:
    given, rows = _content(kind, rng), _detected()
    told = []
    for _ in range(rng.choice((1, 1, 2, 5))):
        told.append(mutate(rows if kind == 'detected' and rng.random() < 0.6 else given, rng))
    text = json.dumps(given)
    if rng.random() < 0.1:
        text = text[: rng.randrange(len(text))]
        told.append('cut')
    return Case(f'mutated {kind}: {told}', _use(kind, text, rows, folder, {}), None)


def _content(kind: str, rng: random.Random) -> dict[str, Any]:
    given = (boxes if kind in ('boxes', 'masks') else poses)(PICTURES)
    if rng.random() < 0.3 and kind in ('boxes', 'masks'):
        for row in given['annotations']:
            row['id'] -= 1
    return given


def _detected() -> list[dict[str, Any]]:
    """One box of each person, as a detector finds it."""
    people = poses(PICTURES)['annotations']
    names = ('image_id', 'category_id', 'bbox')
    return [{**{name: row[name] for name in names}, 'score': 0.9} for row in people]


def _use(
    kind: str,
    given: Any,
    rows: Any,
    folder: Path,
    part: dict[str, Any],
    best: bool = False,
) -> Callable[[], object]:
    given, rows, part = copy.deepcopy((given, rows, part))
    scope = 'mmdet' if kind in ('boxes', 'masks') else 'mmpose'

    def use() -> object:
        with _quiet():
            return used()

    def used() -> object:
        path = write(folder, given)
        if kind == 'masks':
            metric = {'type': 'CocoMetric', 'ann_file': str(path), 'metric': ['bbox', 'segm']}
            cfg = config(folder, scope, metric, pipeline=MASKS, **part)
        elif kind == 'detected':
            file = write(folder, json.dumps(rows), 'boxes.json')
            cfg = config(folder, scope, bbox_file=str(file))
            cfg.train_dataloader.dataset.bbox_file = None
        else:
            cfg = config(folder, scope, **part)
        if kind == 'bottomup':
            for loader in LOADERS:
                cfg[loader].dataset.data_mode = 'bottomup'
                cfg[loader].dataset.pipeline = [{'type': 'BottomupGetHeatmapMask'}]
            check_data(cfg, LOADERS)
            return _masked(cfg)
        check_data(cfg, LOADERS)
        if kind == 'masks':
            with DefaultScope.overwrite_default_scope(scope):
                list(DATASETS.build(dict(cfg.train_dataloader.dataset)))
        found = exact_score(cfg)
        assert found
        assert all(math.isfinite(v) and v >= 0 for v in found.values()), found
        if best and kind != 'detected':
            name = 'coco/AP' if scope == 'mmpose' else 'coco/bbox_mAP'
            assert found[name] > 0.999, found
        return found

    return use


def _masked(cfg: Any) -> object:
    """What a training masks out of each image: crowds, and people without joints."""
    from scalenas.pose.masks import BottomupMask

    table = {**cfg.train_dataloader.dataset, 'pipeline': []}
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(table)
    infos = [dataset.get_data_info(n) for n in range(len(dataset))]
    masks = [BottomupMask()._segs_to_mask(i['invalid_segs'], (SIDE, SIDE)) for i in infos]
    assert all(mask.shape == (SIDE, SIDE) for mask in masks)
    return masks


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """COCO's tools print a page a file."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def mutate(value: Any, rng: random.Random) -> str:
    """Change one place of plain data; says what was done."""
    while True:
        if isinstance(value, dict) and value:
            key: Any = rng.choice(list(value))
        elif isinstance(value, list) and value:
            key = rng.randrange(len(value))
        else:
            return 'nothing'
        child = value[key]
        if isinstance(child, dict | list) and child and rng.random() < 0.85:
            value = child
            continue
        what = rng.choice(('value', 'value', 'value', 'delete', 'double', 'number'))
        if what == 'delete':
            del value[key]
        elif what == 'double' and isinstance(value, list):
            value.append(copy.deepcopy(child))
        elif what == 'number' and isinstance(child, int | float):
            value[key] = child * rng.choice((-1, 0, 0.01, 1.5, 100, 1e12))
        else:
            value[key] = copy.deepcopy(rng.choice(VALUES))
        return f'{what} at {key!r}'


def _each(name: str, values: tuple[Any, ...]) -> Spoil:
    """One annotation, or all, gets a value that is none."""

    def spoil(given: dict[str, Any], rng: random.Random) -> None:
        rows = given['annotations']
        value = rng.choice(values)
        for row in rows if rng.random() < 0.3 else [rng.choice(rows)]:
            row[name] = value

    return spoil


def _all(**values: Any) -> Spoil:
    def spoil(given: dict[str, Any], rng: random.Random) -> None:
        for row in given['annotations']:
            row.update(values)

    return spoil


def _row(kind: str, name: str, values: tuple[Any, ...]) -> Spoil:
    def spoil(given: dict[str, Any], rng: random.Random) -> None:
        rng.choice(given[kind])[name] = rng.choice(values)

    return spoil


def _missing(given: dict[str, Any], rng: random.Random) -> None:
    kind = rng.choice(('images', 'annotations', 'categories'))
    names = {
        'images': ('id', 'file_name', 'width', 'height'),
        'annotations': ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd'),
        'categories': ('id', 'name'),
    }
    del rng.choice(given[kind])[rng.choice(names[kind])]


def _twice(given: dict[str, Any], rng: random.Random) -> None:
    rows = given[rng.choice(('images', 'annotations', 'categories'))]
    rows.append(copy.deepcopy(rng.choice(rows)))


def _renamed(given: dict[str, Any], rng: random.Random) -> None:
    category = rng.choice(given['categories'])
    category['name'] = rng.choice((category['name'].title(), category['name'] + 's', 'x'))


NAN, INF = float('nan'), float('inf')
BAD: dict[str, Spoil] = {
    'box': _each('bbox', ('x', None, [1], [1, 2, NAN, 4], [1, 2, INF, 4], [[1, 2], [3, 4]])),
    'no size': _each('bbox', ([3, 3, 0, 5], [3, 3, 5, -1], [SIDE, 3, 5, 5], [-9, -9, 5, 5])),
    'area': _each('area', ('x', [1], NAN, None, True)),
    'crowd': _each('iscrowd', ('0', '1', [0], NAN, 3)),
    'ignore': _each('ignore', ('0', [0], NAN, 3)),
    'id': _each('id', ('1', None, [1], 0.5, NAN)),
    'image': _each('image_id', (99, None, [1], 'x', NAN)),
    'category': _each('category_id', (99, None, [1], 'x', NAN)),
    'all crowds': _all(iscrowd=1),
    'all outside': _all(bbox=[999, 999, 5, 5]),
    'key missing': _missing,
    'row twice': _twice,
    'size of an image': _row('images', 'width', (None, 0, -1, 'x', NAN, 0.5)),
    'name of an image': _row('images', 'file_name', (None, '', 'nowhere.png', 3, '\0')),
    'name of a category': _row('categories', 'name', (None, '', 3, [1])),
    'no annotations': lambda given, rng: given['annotations'].clear(),
    'no images': lambda given, rng: given['images'].clear(),
}
"""What no file may hold, whoever reads it."""

BOXES: dict[str, Spoil] = {
    'all without area': _all(area=0),
    'all ignored': _all(ignore=1),
    'all below a pixel': _all(bbox=[3, 3, 0.5, 0.5]),
    'categories renamed': _renamed,
    'categories turned': lambda given, rng: given['categories'].reverse(),
}
PEOPLE: dict[str, Spoil] = {
    'keypoints': _each('keypoints', ('x', None, [1], [NAN] * 51, [1, 2, 2] * 16, [1, 2, -1] * 17)),
    'number of keypoints': _each('num_keypoints', ('x', None, -1, NAN, [1])),
    'none labelled': _all(keypoints=[0] * 51),
    'none counted': _all(num_keypoints=0),
}
BAD_OF: dict[str, dict[str, Spoil]] = {
    'boxes': BOXES,
    'masks': {
        **BOXES,
        'outline': _each('segmentation', (None, [], 'x', [[]], [['x'] * 6], [[NAN] * 6], {})),
        'run lengths': _each(
            'segmentation', ({'size': [1, 1], 'counts': [1]}, {'size': [SIDE] * 2, 'counts': 'x'})
        ),
    },
    'poses': PEOPLE,
    'bottomup': PEOPLE,
    'detected': {
        'detected box': _row('detected', 'bbox', ('x', None, [NAN] * 4, [1, 2, 3], [1, 2, -3, 4])),
        'score': _row('detected', 'score', (NAN, INF, None, 'x', [1])),
        'picture': _row('detected', 'image_id', (99, None, [1])),
        'nobody': lambda given, rng: given['detected'].clear(),
    },
}
