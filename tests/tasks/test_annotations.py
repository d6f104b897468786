"""Bad annotations end in one line before anything is built; good ones pass as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from scalenas.errors import DataError
from scalenas.tasks import check_data

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


def error(cfg: Config) -> str:
    with pytest.raises(DataError) as caught:
        check_data(cfg, ('train_dataloader',))
    assert '\n' not in str(caught.value)
    assert str(caught.value).startswith('train_dataloader: ')
    return str(caught.value)


@pytest.mark.parametrize('scope', ['mmpose', 'mmdet'])
def test_good_files_pass_and_load(world: Path, scope: str) -> None:
    from mmengine.registry import DATASETS, DefaultScope

    cfg = config(world, content(), scope)
    check_data(cfg, ('train_dataloader',))
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(cfg.train_dataloader.dataset.dataset)
    assert len(dataset) == (3 if scope == 'mmpose' else 2)


BOTH: dict[str, tuple[Any, str]] = {
    'no json': (lambda c: '{"images": [', 'cannot be read as json'),
    'another format': (lambda c: '[1, 2]', "'images' must be a list"),
    'categories missing': (lambda c: c.pop('categories') and c, "'categories' must be a list"),
    'no images': (lambda c: c.update(images=[]), "'images' is empty; make it with: get it"),
    'no annotations': (lambda c: c.update(annotations=[]), "'annotations' is empty"),
    'a category of nobody': (
        lambda c: c['annotations'][1].update(category_id=7),
        '1 annotations have category_id 7, which is not among its categories (1 person)',
    ),
    'an image of nobody': (
        lambda c: c['annotations'][1].update(image_id=9),
        'annotation 2 is of image 9',
    ),
    'no table of pictures': (
        lambda c: c['images'][1].update(id=[2]),
        "an entry is not as COCO's format wants it: image [2]: id; expected a whole",
    ),
    'a picture without size': (
        lambda c: c['images'][1].update(width=None),
        "an entry is not as COCO's format wants it",
    ),
    'a number given twice': (
        lambda c: c['annotations'][2].update(id=1),
        '2 annotations have the id 1; ids must differ',
    ),
    'a picture given twice': (
        lambda c: c['images'].append(c['images'][0]),
        '2 images have the id 1; ids must differ',
    ),
    'no box': (lambda c: c['annotations'][2].pop('bbox'), "annotation 3 has no 'bbox'"),
    'no size of a picture': (lambda c: c['images'][1].pop('width'), "image 2 has no 'width'"),
    'a missing picture': (
        lambda c: c['images'][1].update(file_name='3.png'),
        '1 of 2 pictures are missing, such as',
    ),
    'a box without size': (
        lambda c: c['annotations'][0].update(bbox=[3, 3, 0, 5]),
        '1 of 3 boxes are of no use, the first in annotation 1: [3, 3, 0, 5] has no size',
    ),
    'a box outside': (
        lambda c: c['annotations'][0].update(bbox=[32, 3, 4, 5]),
        'lies outside of the picture of 32 x 24',
    ),
    'a box of two corners': (
        lambda c: c['annotations'][0].update(bbox=[[1, 2], [3, 4]]),
        'is not four numbers',
    ),
    'a box that is none': (
        lambda c: c['annotations'][0].update(bbox=[1, 2, float('nan'), 4]),
        'is not four numbers',
    ),
}


@pytest.mark.parametrize('scope', ['mmpose', 'mmdet'])
@pytest.mark.parametrize('name', BOTH)
def test_what_is_wrong_for_either(world: Path, scope: str, name: str) -> None:
    spoil, message = BOTH[name]
    given = content()
    spoiled = spoil(given)
    assert message in error(config(world, spoiled if isinstance(spoiled, str) else given, scope))


def test_boxes_given_for_keypoints(world: Path) -> None:
    given = content()
    for row in given['annotations']:
        row.pop('keypoints')
    assert "no annotation has 'keypoints'" in error(config(world, given, 'mmpose'))
    check_data(config(world, given, 'mmdet'), ('train_dataloader',))


def test_keypoints_that_are_none(world: Path) -> None:
    given = content()
    given['annotations'][1]['keypoints'] = None
    assert "not as COCO's format wants it" in error(config(world, given, 'mmpose'))


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
    with pytest.raises(DataError, match=f"annotation 2 has no '{name}'"):
        check_data(cfg, (loader,))
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
    assert "'annotations' must be a list" in error(cfg)
    cfg.test_evaluator.format_only = False
    with pytest.raises(DataError, match="'annotations' must be a list"):
        check_data(cfg, ('test_dataloader',))
    (world / 'images/2.png').unlink()
    cfg.test_evaluator.format_only = True
    with pytest.raises(DataError, match='1 of 2 pictures are missing'):
        check_data(cfg, ('test_dataloader',))


def test_keypoints_of_another_body(world: Path) -> None:
    given = content()
    given['annotations'][1]['keypoints'] = [1, 2, 2] * 16
    found = error(config(world, given, 'mmpose'))
    assert 'annotation 2 has 48 numbers as keypoints, expected 51' in found


def test_keypoints_that_nobody_labelled(world: Path) -> None:
    given = content()
    for row in given['annotations']:
        row['keypoints'] = [0, 0, 0] * 17
    assert 'all visibilities are 0' in error(config(world, given, 'mmpose'))
    given['annotations'][0]['keypoints'] = POINTS
    check_data(config(world, given, 'mmpose'), ('train_dataloader',))


def test_a_class_that_the_file_does_not_have(world: Path) -> None:
    given = content()
    given['categories'][0]['name'] = 'tree'
    assert 'none of its categories (tree) is a class of' in error(config(world, given, 'mmdet'))
    named = config(world, given, 'mmdet', metainfo={'classes': ('tree',)})
    check_data(named, ('train_dataloader',))


def test_labels_that_would_shift(world: Path) -> None:
    """mmdet numbers the categories that it finds: without `person`, a car would be label 0."""
    given = content()
    given['categories'] = [{'id': 1, 'name': 'car'}]
    assert "label 0 would be 'car'" in error(config(world, given, 'mmdet'))
    two = {'metainfo': {'classes': ('car', 'tree')}}
    given['categories'] = [{'id': 2, 'name': 'tree'}, {'id': 1, 'name': 'car'}]
    assert "label 0 would be 'tree'" in error(config(world, given, 'mmdet', **two))
    given['categories'].reverse()
    check_data(config(world, given, 'mmdet', **two), ('train_dataloader',))


def test_annotations_of_other_classes_only(world: Path) -> None:
    given = content()
    given['categories'].append({'id': 2, 'name': 'dragon'})
    for row in given['annotations']:
        row['category_id'] = 2
    assert 'no annotation is of a class' in error(config(world, given, 'mmdet'))


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
    assert '4 of 200' in error(config(world, given, 'mmdet'))


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
    with pytest.raises(DataError, match=r'no such folder or file: .*b\.json; make it with: get it'):
        check_data(cfg, ('train_dataloader',))


DETECTED: dict[str, tuple[Any, str]] = {
    'annotations': (lambda rows: {'images': []}, 'got the tables of an annotation file'),
    'no table': (lambda rows: [*rows, 3], 'entry 2 is no table with image_id, '),
    'no score': (lambda rows: rows[0].pop('score') and rows, "entry 0 has no 'score'"),
    'corners': (lambda rows: rows[1].update(bbox=[[1, 2], [3, 4]]), 'entry 1 has the box [[1, 2]'),
    'a word': (lambda rows: rows[1].update(score='high'), "entry 1 has the score 'high'"),
    'another picture': (lambda rows: rows[1].update(image_id=5), 'entry 1 is of image 5, which'),
    'no person': (lambda rows: [{**row, 'category_id': 3} for row in rows], 'none of its 2 boxes'),
    'nothing': (lambda rows: [], 'none of its 0 boxes'),
}


@pytest.mark.parametrize('name', [None, *DETECTED])
def test_detected_boxes(world: Path, name: str | None) -> None:
    rows = [
        {'image_id': n, 'category_id': 1, 'bbox': [1, 2, 9.5, 12], 'score': 0.5} for n in (1, 2)
    ]
    spoil, message = DETECTED[name] if name else (lambda rows: rows, '')
    spoiled = spoil(rows)
    (world / 'boxes.json').write_text(json.dumps(rows if spoiled is None else spoiled))
    cfg = config(world, content(), 'mmpose')
    cfg.train_dataloader.dataset.dataset.bbox_file = str(world / 'boxes.json')
    if name is None:
        check_data(cfg, ('train_dataloader',))
        return
    with pytest.raises(DataError) as caught:
        check_data(cfg, ('train_dataloader',))
    assert message in str(caught.value)
    assert str(caught.value).startswith('train_dataloader.dataset.bbox_file: ')
    assert '\n' not in str(caught.value)
