"""Bad annotations end in one line before anything is built; good ones pass as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from scalenas.errors import NOTHING, DataError
from scalenas.tasks import check_data
from tests.errors import contains, raises

POINTS = [5.0, 6.0, 2] * 17


def annotation(number: int, **more: Any) -> dict[str, Any]:
    base = {'id': number, 'image_id': 1 + number % 2, 'category_id': 1, 'bbox': [1, 2, 9, 12]}
    return {**base, 'area': 100, 'iscrowd': 0, 'keypoints': POINTS, 'num_keypoints': 17, **more}


def content() -> dict[str, Any]:
    sizes = {'width': 32, 'height': 24}
    return {
        'images': [{'id': n, 'file_name': f'{n}.png', **sizes} for n in (1, 2)],
        'annotations': [annotation(n) for n in (1, 2, 3)],
        'categories': [{'id': 1, 'name': 'person'}],
    }


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / 'images').mkdir()
    for n in (1, 2):
        Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / f'images/{n}.png')
    return tmp_path


def config(world: Path, given: dict[str, Any] | str, scope: str, **more: Any) -> Config:
    text = given if isinstance(given, str) else json.dumps(given)
    (world / 'a.json').write_text(text)
    dataset = {
        'type': 'CocoDataset',
        'data_root': str(world),
        'ann_file': 'a.json',
        'data_prefix': {'img': 'images/'},
        **more,
    }
    return Config(
        {
            'default_scope': scope,
            'prepare_data': 'get it',
            'train_dataloader': {
                'dataset': {'type': 'RepeatDataset', 'times': 2, 'dataset': dataset}
            },
        }
    )


def refused(cfg: Config, loader: str = 'train_dataloader', **fields: Any) -> None:
    """Fail unless the data of the loader is refused with these fields of the error."""
    with raises(DataError, where=lambda text: text.startswith(f'{loader}: '), **fields):
        check_data(cfg, (loader,))


@pytest.mark.parametrize('scope', ['mmpose', 'mmdet'])
def test_good_files_pass_and_load(world: Path, scope: str) -> None:
    from mmengine.registry import DATASETS, DefaultScope

    cfg = config(world, content(), scope)
    check_data(cfg, ('train_dataloader',))
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(cfg.train_dataloader.dataset.dataset)
    assert len(dataset) == (3 if scope == 'mmpose' else 2)


BOTH: dict[str, tuple[Any, dict[str, Any]]] = {
    'no json': (lambda c: '{"images": [', {'names': ('json',)}),
    'another format': (lambda c: '[1, 2]', {'names': ("'images'", 'list')}),
    'categories missing': (
        lambda c: c.pop('categories') and c,
        {'names': ("'categories'", 'list')},
    ),
    'no images': (
        lambda c: c.update(images=[]),
        {'hint': 'make it with: get it', 'names': ("'images'", 'empty')},
    ),
    'no annotations': (
        lambda c: c.update(annotations=[]),
        {'names': ("'annotations'", 'empty')},
    ),
    'a category of nobody': (
        lambda c: c['annotations'][1].update(category_id=7),
        {'got': 7, 'allowed': ('1 person',), 'names': ('1 annotations',)},
    ),
    'an image of nobody': (
        lambda c: c['annotations'][1].update(image_id=9),
        {'got': 9, 'names': ('annotation 2',)},
    ),
    'no table of images': (
        lambda c: c['images'][1].update(id=[2]),
        {'got': [2], 'allowed': contains('whole number'), 'names': ('image [2]: id',)},
    ),
    'an image without size': (
        lambda c: c['images'][1].update(width=None),
        {'got': None, 'names': ('image 2: width',)},
    ),
    'a number given twice': (
        lambda c: c['annotations'][2].update(id=1),
        {'got': 1, 'names': ('2 annotations',)},
    ),
    'an image given twice': (
        lambda c: c['images'].append(c['images'][0]),
        {'got': 1, 'names': ('2 images',)},
    ),
    'no box': (
        lambda c: c['annotations'][2].pop('bbox'),
        {'names': ('annotation 3', "'bbox'")},
    ),
    'no size of an image': (
        lambda c: c['images'][1].pop('width'),
        {'names': ('image 2', "'width'")},
    ),
    'a missing image': (
        lambda c: c['images'][1].update(file_name='3.png'),
        {'names': ('1 of 2 images', '3.png')},
    ),
    'a box without size': (
        lambda c: c['annotations'][0].update(bbox=[3, 3, 0, 5]),
        {'names': ('1 of 3 boxes', 'annotation 1', [3, 3, 0, 5], 'no size')},
    ),
    'a box outside': (
        lambda c: c['annotations'][0].update(bbox=[32, 3, 4, 5]),
        {'names': ('annotation 1', 'outside', '32 x 24')},
    ),
    'a box of two corners': (
        lambda c: c['annotations'][0].update(bbox=[[1, 2], [3, 4]]),
        {'got': [[1, 2], [3, 4]], 'names': ('annotation 1',)},
    ),
    'a box that is none': (
        lambda c: c['annotations'][0].update(bbox=[1, 2, float('nan'), 4]),
        {'got': contains([1, 2, float('nan'), 4]), 'names': ('annotation 1',)},
    ),
}


@pytest.mark.parametrize('scope', ['mmpose', 'mmdet'])
@pytest.mark.parametrize('name', BOTH)
def test_what_is_wrong_for_either(world: Path, scope: str, name: str) -> None:
    spoil, fields = BOTH[name]
    given = content()
    spoiled = spoil(given)
    refused(config(world, spoiled if isinstance(spoiled, str) else given, scope), **fields)


def test_boxes_given_for_keypoints(world: Path) -> None:
    given = content()
    for row in given['annotations']:
        row.pop('keypoints')
    cfg = config(world, given, 'mmpose')
    refused(cfg, hint=contains('person_keypoints_'), names=("'keypoints'",))
    check_data(config(world, given, 'mmdet'), ('train_dataloader',))


def test_keypoints_that_are_none(world: Path) -> None:
    given = content()
    given['annotations'][1]['keypoints'] = None
    refused(config(world, given, 'mmpose'), got=None, names=('annotation 2: keypoints',))


@pytest.mark.parametrize(
    ('scope', 'loader', 'name', 'needed'),
    [
        ('mmdet', 'train', 'area', True),
        ('mmdet', 'train', 'iscrowd', False),
        ('mmdet', 'val', 'iscrowd', True),
        ('mmpose', 'train', 'area', False),
        ('mmpose', 'val', 'area', True),
        ('mmpose', 'train', 'keypoints', False),
        ('mmpose', 'val', 'keypoints', True),
        ('mmpose', 'search', 'iscrowd', True),
    ],
)
def test_what_is_looked_up_later(
    world: Path, scope: str, loader: str, name: str, needed: bool
) -> None:
    """Loading of mmdet wants the area of each annotation, scoring still more."""
    given = content()
    given['annotations'][1].pop(name)
    cfg = config(world, given, scope)
    loader = f'{loader}_dataloader'
    cfg[loader] = cfg.train_dataloader
    cfg.val_evaluator = {'type': 'CocoMetric'}
    if not needed:
        check_data(cfg, (loader,))
        return
    refused(cfg, loader, names=('annotation 2', repr(name)))
    if (scope, name) == ('mmpose', 'area'):
        cfg.val_evaluator.use_area = False  # as for CrowdPose
        check_data(cfg, (loader,))


@pytest.mark.parametrize('scope', ['mmpose', 'mmdet'])
def test_pictures_whose_labels_only_a_server_has(world: Path, scope: str) -> None:
    """COCO's image_info_test-dev2017.json has no annotations; that is no error where none count."""
    given = content()
    given.pop('annotations')
    cfg = config(world, given, scope)
    cfg.test_dataloader = cfg.train_dataloader
    cfg.test_evaluator = {'type': 'CocoMetric', 'format_only': True, 'outfile_prefix': 'x'}
    check_data(cfg, ('test_dataloader',))
    refused(cfg, names=("'annotations'", 'list'))
    cfg.test_evaluator.format_only = False
    refused(cfg, 'test_dataloader', names=("'annotations'", 'list'))
    (world / 'images/2.png').unlink()
    cfg.test_evaluator.format_only = True
    refused(cfg, 'test_dataloader', names=('1 of 2 images', '2.png'))


def test_keypoints_of_another_body(world: Path) -> None:
    given = content()
    given['annotations'][1]['keypoints'] = [1, 2, 2] * 16
    cfg = config(world, given, 'mmpose')
    refused(cfg, got=48, allowed=contains('51 numbers'), names=('annotation 2',))


def test_keypoints_that_nobody_labelled(world: Path) -> None:
    given = content()
    for row in given['annotations']:
        row['keypoints'] = [0, 0, 0] * 17
    refused(config(world, given, 'mmpose'), names=('all visibilities are 0',))
    given['annotations'][0]['keypoints'] = POINTS
    check_data(config(world, given, 'mmpose'), ('train_dataloader',))


def test_a_class_that_the_file_does_not_have(world: Path) -> None:
    given = content()
    given['categories'][0]['name'] = 'tree'
    refused(config(world, given, 'mmdet'), got=['tree'], allowed=contains('person'))
    named = config(world, given, 'mmdet', metainfo={'classes': ('tree',)})
    check_data(named, ('train_dataloader',))


def test_labels_that_would_shift(world: Path) -> None:
    """mmdet numbers the categories that it finds: without `person`, a car would be label 0."""
    given = content()
    given['categories'] = [{'id': 1, 'name': 'car'}]
    fields: dict[str, Any] = {'got': 'car', 'allowed': contains("'person'"), 'names': ('label 0',)}
    refused(config(world, given, 'mmdet'), **fields)
    two = {'metainfo': {'classes': ('car', 'tree')}}
    given['categories'] = [{'id': 2, 'name': 'tree'}, {'id': 1, 'name': 'car'}]
    fields = {'got': 'tree', 'allowed': contains("'car'"), 'names': ('label 0',)}
    refused(config(world, given, 'mmdet', **two), **fields)
    given['categories'].reverse()
    check_data(config(world, given, 'mmdet', **two), ('train_dataloader',))


def test_annotations_of_other_classes_only(world: Path) -> None:
    given = content()
    given['categories'].append({'id': 2, 'name': 'dragon'})
    for row in given['annotations']:
        row['category_id'] = 2
    refused(config(world, given, 'mmdet'), got=['dragon'], allowed=('person',))


def test_a_few_useless_boxes_in_many_are_said_and_passed(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COCO's own train2017 has boxes without size."""
    said: list[str] = []
    monkeypatch.setattr(
        'scalenas.tasks.coco.annotations.print_log', lambda text, *_: said.append(text)
    )
    given = content()
    given['annotations'] = [annotation(n) for n in range(1, 201)]
    given['annotations'][7]['bbox'] = [3, 3, 0, 5]
    check_data(config(world, given, 'mmdet'), ('train_dataloader',))
    assert ['1 of 200 boxes are of no use' in text for text in said] == [True]
    for row in given['annotations'][:3]:
        row['bbox'] = [3, 3, 0, 5]
    refused(config(world, given, 'mmdet'), names=('4 of 200',))


def test_formats_of_other_classes_are_left_to_them(world: Path) -> None:
    """What is no COCO file passes for a data set that reads another format, and for no other."""
    check_data(config(world, '[]', 'mmpose', type='MpiiDataset'), ('train_dataloader',))
    with pytest.raises(DataError):
        check_data(config(world, '[]', 'mmpose'), ('train_dataloader',))


@pytest.mark.parametrize('place', ['evaluator', 'bbox_file'])
def test_other_files_that_are_missing(world: Path, place: str) -> None:
    cfg = config(world, content(), 'mmpose')
    cfg.train_evaluator = [{'type': 'CocoMetric', 'ann_file': str(world / 'a.json')}]
    check_data(cfg, ('train_dataloader',))
    if place == 'evaluator':
        cfg.train_evaluator[0]['ann_file'] = str(world / 'b.json')
    else:
        cfg.train_dataloader.dataset.dataset.bbox_file = str(world / 'b.json')
    missing = dict(where=contains(world / 'b.json'), hint='make it with: get it')
    with raises(DataError, problem=contains('no such'), **missing):
        check_data(cfg, ('train_dataloader',))


DETECTED: dict[str, tuple[Any, dict[str, Any]]] = {
    'annotations': (
        lambda rows: {'images': []},
        {'got': {'images': []}, 'names': ('annotation file',)},
    ),
    'no table': (
        lambda rows: [*rows, 3],
        {'got': 3, 'allowed': contains('image_id'), 'names': ('entry 2',)},
    ),
    'no score': (
        lambda rows: rows[0].pop('score') and rows,
        {'got': NOTHING, 'names': ('score of entry 0',)},
    ),
    'corners': (
        lambda rows: rows[1].update(bbox=[[1, 2], [3, 4]]),
        {'got': [[1, 2], [3, 4]], 'names': ('bbox of entry 1',)},
    ),
    'a word': (
        lambda rows: rows[1].update(score='high'),
        {'got': 'high', 'names': ('score of entry 1',)},
    ),
    'another image': (
        lambda rows: rows[1].update(image_id=5),
        {'got': 5, 'names': ('image_id of entry 1',)},
    ),
    'no person': (
        lambda rows: [{**row, 'category_id': 3} for row in rows],
        {'names': ('none of its 2 boxes',)},
    ),
    'nothing': (lambda rows: [], {'names': ('none of its 0 boxes',)}),
}


@pytest.mark.parametrize('name', [None, *DETECTED])
def test_detected_boxes(world: Path, name: str | None) -> None:
    rows = [
        {'image_id': n, 'category_id': 1, 'bbox': [1, 2, 9.5, 12], 'score': 0.5} for n in (1, 2)
    ]
    spoil, fields = DETECTED[name] if name else (lambda rows: rows, {})
    spoiled = spoil(rows)
    (world / 'boxes.json').write_text(json.dumps(rows if spoiled is None else spoiled))
    cfg = config(world, content(), 'mmpose')
    cfg.train_dataloader.dataset.dataset.bbox_file = str(world / 'boxes.json')
    if name is None:
        check_data(cfg, ('train_dataloader',))
        return
    where = f'train_dataloader.dataset.bbox_file: {world / "boxes.json"}'
    with raises(DataError, where=where, **fields):
        check_data(cfg, ('train_dataloader',))
