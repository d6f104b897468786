"""Values that COCO's format does not have: every one is refused, in a line with the file's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scalenas.errors import DataError
from scalenas.tasks import check_data

from .world import CLASSES, SIDE, boxes, config, draw, poses, write

NAN, INF = float('nan'), float('inf')
LOADER = 'search_dataloader'


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp('values'))


def refusal(cfg: Any, loader: str = LOADER) -> DataError:
    with pytest.raises(DataError) as caught:
        check_data(cfg, (loader,))
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


def many(given: dict[str, Any]) -> dict[str, Any]:
    """The same with 400 objects: one is below every tolerated share."""
    rows = given['annotations']
    given['annotations'] = [{**rows[n % len(rows)], 'id': 1 + n} for n in range(400)]
    return given


EITHER = {
    'bbox': ([1], 'x', None, [1, 2, INF, 4], [1, 2, NAN, 4], [1, 2, 3], [1, 2, '3', 4], [1] * 5),
    'iscrowd': ('0', '1', 2, [0], NAN, None),
    'ignore': ('0', [0], -1),
    'area': ('x', [1], NAN, INF, None, True),
    'id': ('1', None, 1.5, NAN, [1], 10**400),
    'image_id': ('1', [1], None, NAN, 99),
    'category_id': ('1', [1], None, 99),
}
PEOPLE = {
    'keypoints': ('x', [1], [NAN] * 51, None, [[1, 2, 2]] * 17, [1, 2, -1] * 17, [10**400] * 51),
    'num_keypoints': ('x', [1], NAN, -1, 1.5, None),
}


@pytest.mark.parametrize('scope', ['mmdet', 'mmpose'])
@pytest.mark.parametrize('name', [*EITHER, *PEOPLE])
def test_one_bad_value_in_many(folder: Path, scope: str, name: str) -> None:
    if scope == 'mmdet' and name in PEOPLE:
        return
    for value in {**EITHER, **PEOPLE}[name]:
        given = many(poses() if scope == 'mmpose' else boxes())
        given['annotations'][7][name] = value
        path = write(folder, given)
        assert refusal(config(folder, scope)).where == f'{LOADER}: {path}', value


@pytest.mark.parametrize(
    ('kind', 'name', 'values'),
    [
        ('images', 'id', ('1', None, [1], 1.5, 2)),
        ('images', 'file_name', (None, 1, '', 'a\0b', ['0.png'], '99.png')),
        ('images', 'width', (None, '128', 0, -1, NAN, 1.5, 10**400)),
        ('images', 'height', ([128], INF, True)),
        ('categories', 'id', ('1', None, 2)),
        ('categories', 'name', (None, 1, '', ['cat'], 'Cat', 'dog')),
    ],
)
def test_pictures_and_categories(folder: Path, kind: str, name: str, values: Any) -> None:
    for value in values:
        given = boxes()
        given[kind][0][name] = value
        path = write(folder, given)
        assert refusal(config(folder)).where == f'{LOADER}: {path}', value


NOTHING: dict[str, Callable[[dict[str, Any]], Any]] = {
    'crowds': lambda row: row.update(iscrowd=1),
    'no area': lambda row: row.update(area=0),
    'ignored': lambda row: row.update(ignore=1),
    'a side below a pixel': lambda row: row['bbox'].__setitem__(2, 0.9),
    'parts of the image': lambda row: row.update(bbox=[v / SIDE for v in row['bbox']]),
}


@pytest.mark.parametrize('loader', ['train_dataloader', LOADER])
@pytest.mark.parametrize('kind', NOTHING)
def test_files_that_leave_nothing(folder: Path, kind: str, loader: str) -> None:
    """mmdet drops each of these without a word: asked is its own class."""
    given = boxes()
    for row in given['annotations']:
        NOTHING[kind](row)
    path = write(folder, given)
    assert refusal(config(folder), loader).where == f'{loader}: {path}'


@pytest.mark.parametrize(
    'spoil',
    [
        lambda row: row.update(iscrowd=1),
        lambda row: row.update(num_keypoints=0),
        lambda row: row.update(bbox=[SIDE, 0, 4, 4]),
        lambda row: row.update(keypoints=[-1, -1, 2] * 17),
    ],
)
@pytest.mark.parametrize('mode', ['topdown', 'bottomup'])
def test_people_that_leave_nobody(folder: Path, mode: str, spoil: Any) -> None:
    given = poses()
    for row in given['annotations']:
        spoil(row)
    path = write(folder, given)
    loader = 'train_dataloader'
    assert refusal(config(folder, 'mmpose', data_mode=mode), loader).where == f'{loader}: {path}'


@pytest.mark.parametrize('scope', ['mmdet', 'mmpose'])
@pytest.mark.parametrize(
    'part', [{'indices': [0, 99]}, {'indices': []}, {'indices': 'x'}, {'indices': 0}]
)
def test_indices_that_show_nothing(folder: Path, scope: str, part: dict[str, Any]) -> None:
    path = write(folder, poses() if scope == 'mmpose' else boxes())
    error = refusal(config(folder, scope, **part), 'train_dataloader')
    assert error.where == f'train_dataloader: {path}'
    if part['indices']:
        assert error.got == part['indices']
    else:
        assert 'indices' in error.hint


def test_images_that_are_too_small(folder: Path) -> None:
    path = write(folder, boxes())
    error = refusal(config(folder, filter_cfg={'min_size': 999}), 'train_dataloader')
    assert error.where == f'train_dataloader: {path}'
    assert 'filter_cfg' in error.hint


def test_a_class_with_another_capital_letter(folder: Path) -> None:
    given = boxes()
    given['categories'][1]['name'] = 'Dog'
    write(folder, given)
    for loader in ('train_dataloader', LOADER):
        assert "did you mean 'Dog'?" in refusal(config(folder), loader).hint


def test_categories_that_have_one_name(folder: Path) -> None:
    given = boxes()
    given['categories'].append({'id': 7, 'name': 'dog'})
    write(folder, given)
    assert refusal(config(folder)).got == 'dog'
    twice = {'classes': (*CLASSES, 'dog')}
    write(folder, boxes())
    refusal(config(folder, metainfo=twice))


def test_classes_that_are_text(folder: Path) -> None:
    """mmengine would take each letter for a class."""
    write(folder, boxes())
    found = refusal(config(folder, metainfo={'classes': 'cat'}))
    assert (found.where, found.got) == (f'{LOADER}.dataset.metainfo.classes', 'cat')


def test_classes_that_are_numbers(folder: Path) -> None:
    write(folder, boxes())
    found = refusal(config(folder, metainfo={'classes': (0, 1)}))
    assert (found.where, found.got) == (f'{LOADER}.dataset.metainfo.classes', 0)
    given = boxes()
    for row in given['categories']:
        row['name'] = str(row['id'])
    write(folder, given)
    check_data(config(folder, metainfo={'classes': ('1', '2')}), (LOADER,))


@pytest.mark.parametrize('scope', ['mmdet', 'mmpose'])
@pytest.mark.parametrize('sides', [(2 * SIDE, 2 * SIDE), (SIDE, SIDE + 1), (120, SIDE)])
def test_pictures_of_another_size(folder: Path, scope: str, sides: tuple[int, int]) -> None:
    """Images that were made smaller after they were labelled: boxes lie elsewhere in them."""
    given = poses() if scope == 'mmpose' else boxes()
    given['images'][4].update(width=sides[0], height=sides[1])
    path = write(folder, given)
    found = refusal(config(folder, scope))
    assert found.where == f'{LOADER}: {path}'
    assert found.got == f'{SIDE} x {SIDE} pixels'
    assert found.allowed == f'{sides[0]} x {sides[1]}'


@pytest.mark.parametrize('turned', [False, True])
def test_pictures_that_are_turned(tmp_path: Path, turned: bool) -> None:
    """As cameras save them: some tools write the sides of the file, some those that are seen."""
    (tmp_path / 'images').mkdir()
    about = Image.Exif()
    about[0x0112] = 6
    picture = Image.new('RGB', (SIDE, SIDE + 20))
    picture.save(tmp_path / 'images/0.png', exif=about if turned else None)
    given = boxes(1)
    for sides in ((SIDE, SIDE + 20), (SIDE + 20, SIDE)):
        given['images'][0].update(width=sides[0], height=sides[1])
        write(tmp_path, given)
        if turned or sides[0] == SIDE:
            check_data(config(tmp_path), (LOADER,))
        else:
            assert refusal(config(tmp_path)).allowed == f'{sides[0]} x {sides[1]}'


def test_keypoints_in_parts_of_the_picture(folder: Path) -> None:
    given = poses()
    for row in given['annotations']:
        row['keypoints'] = [v if n % 3 == 2 else v / SIDE for n, v in enumerate(row['keypoints'])]
    path = write(folder, given)
    found = refusal(config(folder, 'mmpose'))
    assert found.where == f'{LOADER}: {path}'
    assert found.got == given['annotations'][0]['keypoints'][:2]


def test_outlines_in_parts_of_the_picture(folder: Path) -> None:
    given = boxes()
    row = given['annotations'][2]
    row['segmentation'] = [[v / SIDE for v in row['segmentation'][0]]]
    path = write(folder, given)
    metric = {'type': 'CocoMetric', 'ann_file': str(path), 'metric': ['bbox', 'segm']}
    assert refusal(config(folder, metric=metric)).got == row['segmentation']
    check_data(config(folder), (LOADER,))


@pytest.mark.parametrize('scope', ['mmdet', 'mmpose'])
@pytest.mark.parametrize('codec', ['utf-8-sig', 'utf-16', 'latin-1'])
def test_files_that_the_packages_cannot_read(folder: Path, scope: str, codec: str) -> None:
    given = poses() if scope == 'mmpose' else boxes()
    given['info'] = 'Größe'
    text = json.dumps(given, ensure_ascii=False)
    (folder / 'a.json').write_bytes(text.encode(codec))
    found = refusal(config(folder, scope))
    assert ('BOM' in found.hint) == (codec == 'utf-8-sig')


def test_a_file_of_endless_depth(folder: Path) -> None:
    path = write(folder, '[' * 100_000)
    assert refusal(config(folder)).where == f'{LOADER}: {path}'


@pytest.mark.parametrize(
    'outline',
    [
        None,
        [],
        'x',
        [[]],
        [['x'] * 6],
        [[NAN] * 6],
        [1, 2, 3, 4, 5, 6],
        {'counts': [5, 5]},
        {'size': [SIDE, SIDE], 'counts': [5, 5]},
        {'size': [SIDE, 9], 'counts': [SIDE * 9]},
        {'size': [SIDE, SIDE], 'counts': '52203'},
        {'size': [SIDE, SIDE], 'counts': ''},
        {'size': [SIDE, SIDE], 'counts': None},
    ],
)
def test_outlines_that_are_none(folder: Path, outline: Any) -> None:
    """mmdet's loading is a KeyError, a mask of another size, or whatever the memory holds."""
    given = boxes()
    given['annotations'][3]['segmentation'] = outline
    path = write(folder, given)
    metric = {'type': 'CocoMetric', 'ann_file': str(path), 'metric': ['bbox', 'segm']}
    assert refusal(config(folder, metric=metric)).where == f'{LOADER}: {path}'
    check_data(config(folder), (LOADER,))


def test_the_truth_of_a_metric_is_read_too(folder: Path) -> None:
    write(folder, boxes())
    given = boxes()
    given['annotations'][0]['area'] = 'x'
    other = write(folder, given, 'b.json')
    found = refusal(config(folder, metric={'type': 'CocoMetric', 'ann_file': str(other)}))
    assert found.where == f'search_evaluator: {other}'


DETECTED = {
    'bbox': ([1, 2, NAN, 4], [INF] * 4, [1, 2, -3, 4], [1, 2, 3], 'abcd', [1, 2, True, 4]),
    'score': (NAN, INF, 'x', None, [0.5], True),
    'image_id': (99, [1], None, {'a': 1}),
    'category_id': (2, [1], None),
}


@pytest.mark.parametrize('name', DETECTED)
def test_detected_boxes(folder: Path, name: str) -> None:
    write(folder, poses())
    row = {'image_id': 1, 'category_id': 1, 'bbox': [1, 2, 30, 40], 'score': 0.5}
    for value in DETECTED[name]:
        path = write(folder, [{**row, name: value}], 'boxes.json')
        found = refusal(config(folder, 'mmpose', bbox_file=str(path)))
        assert found.where == f'{LOADER}.dataset.bbox_file: {path}', value
    write(folder, [row], 'boxes.json')
    check_data(config(folder, 'mmpose', bbox_file=str(path)), (LOADER,))


@pytest.mark.parametrize(
    'box', [[SIDE, 0, 30, 40], [0.1, 0.2, 0.4, 0.5], [5, 5, 0, 40], [-30, 2, 30, 40]]
)
def test_detected_boxes_that_show_nothing(folder: Path, box: list[float]) -> None:
    write(folder, poses())
    row = {'image_id': 1, 'category_id': 1, 'bbox': box, 'score': 0.5}
    path = write(folder, [row, row], 'boxes.json')
    found = refusal(config(folder, 'mmpose', bbox_file=str(path)))
    assert (found.where, found.got) == (f'{LOADER}.dataset.bbox_file: {path}', box)
    # A detector may give some of these beside others.
    write(folder, [row, {**row, 'bbox': [-5, -5, 30, 40]}], 'boxes.json')
    check_data(config(folder, 'mmpose', bbox_file=str(path)), (LOADER,))


def test_people_without_area_cannot_be_scored(folder: Path) -> None:
    """A distance is measured in parts of the area; CrowdPose's files have none, nor its metric."""
    given = poses()
    for row in given['annotations']:
        row['area'] = 0
    path = write(folder, given)
    metric = {'type': 'CocoMetric', 'ann_file': str(path)}
    assert refusal(config(folder, 'mmpose', metric)).where == f'{LOADER}: {path}'
    check_data(config(folder, 'mmpose', {**metric, 'use_area': False}), (LOADER,))


@pytest.mark.parametrize('name', ['crowdIndex', 'num_keypoints'])
def test_what_crowdpose_looks_up(folder: Path, name: str) -> None:
    given = poses()
    for n, image in enumerate(given['images']):
        image['crowdIndex'] = n / 10
    path = write(folder, given)
    metric = {'type': 'CocoMetric', 'ann_file': str(path), 'iou_type': 'keypoints_crowd'}
    check_data(config(folder, 'mmpose', metric), (LOADER,))
    del given['images' if name == 'crowdIndex' else 'annotations'][1][name]
    write(folder, given)
    assert name in refusal(config(folder, 'mmpose', metric)).problem


def test_an_error_is_told_once(folder: Path) -> None:
    """No error is wrapped in the words of another."""
    given = boxes()
    given['annotations'][0]['bbox'] = [1]
    path = write(folder, given)
    assert str(refusal(config(folder))).count(str(path)) == 1
