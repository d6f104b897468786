"""Annotations in two parts: disjoint by image, complete, seeded, and read by mmpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalenas.datasets.split import split_coco, split_file, split_mpii
from tests.configs.people import make_coco_people, make_mpii_people
from tests.errors import contains, raises
from tests.processes import run_tool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def worlds(tmp_path_factory):
    folder = tmp_path_factory.mktemp('split')
    make_coco_people(folder / 'coco', train=12, search=4)
    make_mpii_people(folder / 'mpii', train=12, search=4)
    return folder


def read(path):
    return json.loads(path.read_text())


def test_coco_parts_are_disjoint_and_complete(worlds):
    stem = worlds / 'coco/annotations/person_keypoints_train2017'
    whole, rest, search = (
        read(stem.with_name(f'{stem.name}{end}.json')) for end in ('', '-rest', '-search')
    )
    pictures = [{image['id'] for image in part['images']} for part in (rest, search)]
    assert [len(p) for p in pictures] == [8, 4]
    assert pictures[0].isdisjoint(pictures[1])
    assert pictures[0] | pictures[1] == {image['id'] for image in whole['images']}
    for part, ids in zip((rest, search), pictures, strict=True):
        assert {a['image_id'] for a in part['annotations']} == ids
        assert part['categories'] == whole['categories']
    assert len(rest['annotations']) + len(search['annotations']) == len(whole['annotations'])


def test_pictures_without_people_that_count_are_not_drawn():
    images = [{'id': i} for i in range(4)]
    person = {'keypoints': [1, 1, 2], 'num_keypoints': 1, 'iscrowd': 0}
    annotations = [
        {'id': 0, 'image_id': 0, **person},
        {'id': 1, 'image_id': 1, **person, 'iscrowd': 1},
        {'id': 2, 'image_id': 2, **person, 'num_keypoints': 0},
        {'id': 3, 'image_id': 3, **person},
    ]
    found = split_coco({'images': images, 'annotations': annotations}, 1, 0, 'x')
    assert found.images == found.people == 1
    assert {image['id'] for image in found.search['images']} <= {0, 3}
    assert len(found.rest['images']) == 3
    with raises(where='--search-images', got=2, allowed=contains('1 to 1', 'people')):
        split_coco({'images': images, 'annotations': annotations}, 2, 0, 'x')


def test_the_seed_decides(worlds):
    data = read(worlds / 'coco/annotations/person_keypoints_train2017.json')
    first, again, other = (split_coco(data, 4, seed, 'x') for seed in (0, 0, 1))
    assert first == again
    assert first.search != other.search


def test_mpii_people_without_a_head_are_in_neither_part(worlds):
    people = read(worlds / 'mpii/annotations/mpii_train.json')
    headless = {**people[0], 'joints_vis': [1] * 9 + [0] * 7}
    people = [headless, *people]
    found = split_mpii(people, 11, 0, 'x')
    held_out = {p['image'] for p in found.search}
    assert {p['image'] for p in found.rest}.isdisjoint(held_out)
    assert found.dropped == (headless['image'] in held_out)
    assert len(found.rest) + len(found.search) + found.dropped == len(people)
    assert headless not in found.search


def test_mmpose_reads_both_parts(worlds):
    from mmpose.datasets import CocoDataset, MpiiDataset

    notes, rows = worlds / 'coco/annotations', {}
    for part in ('rest', 'search'):
        dataset = CocoDataset(
            ann_file=str(notes / f'person_keypoints_train2017-{part}.json'),
            data_prefix=dict(img=str(worlds / 'coco/train2017')),
        )
        rows[part] = {dataset.get_data_info(i)['img_path'] for i in range(len(dataset))}
        assert all(Path(path).is_file() for path in rows[part])
    assert (len(rows['rest']), len(rows['search'])) == (8, 4)
    assert rows['rest'].isdisjoint(rows['search'])
    stem = worlds / 'mpii/annotations/mpii_train-search'
    dataset = MpiiDataset(
        ann_file=f'{stem}.json', headbox_file=f'{stem}.mat', test_mode=True, data_mode='topdown'
    )
    for i, person in enumerate(read(Path(f'{stem}.json'))):
        (x0, y0), (x1, y1) = person['joints'][8], person['joints'][9]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        assert float(dataset.get_data_info(i)['head_size'][0, 0]) == pytest.approx(length)


def test_the_same_split_again_changes_nothing_and_another_is_refused(worlds):
    path = worlds / 'mpii/annotations/mpii_train.json'
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    split_file(path, 4)
    after = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    assert set(before) == set(after)
    assert all(before[n][116:] == after[n][116:] for n in before)
    other = contains('mpii_train-')
    with raises(where=other, problem=contains('other content'), hint=contains('remove it')):
        split_file(path, 5)
    assert {p.name: p.read_bytes()[116:] for p in path.parent.iterdir()} == {
        name: content[116:] for name, content in after.items()
    }


KINDS = {'allowed': contains("COCO's annotations", "MPII's list")}
NO_JSON = {'problem': contains('cannot be read'), 'allowed': contains('JSON')}


@pytest.mark.parametrize(
    ('content', 'fields'),
    [
        (None, {'problem': 'no such file', 'allowed': contains('JSON')}),
        ('{', NO_JSON),
        ('{"images": []}', KINDS),
        ('[1, 2]', KINDS),
        (
            '{"images": [{"id": 1}], "annotations": [{"keypoints": [1, 1, 2]}]}',
            {'problem': contains('an annotation', 'image_id')},
        ),
        (
            '{"images": [{"id": 1}], "annotations": [{"id": 1}]}',
            {'got': 0, 'allowed': contains('two images')},
        ),
        ('[' * 100_000, NO_JSON),
        ('\ufeff[]', NO_JSON),
        ('[]', KINDS),
    ],
)
def test_mistakes_are_one_line(tmp_path, content, fields):
    path = tmp_path / 'notes.json'
    if content is not None:
        path.write_text(content)
    with raises(where=path, **fields):
        split_file(path, 1)
    assert [p.name for p in tmp_path.iterdir()] == ([] if content is None else ['notes.json'])


def test_the_tool_shows_the_line_of_a_mistake(tmp_path):
    path = tmp_path / 'notes.json'
    shown = run_tool('split_annotations', path, '--search-images', '1')
    assert shown.returncode == 2
    (line,) = shown.stderr.splitlines()
    assert line.startswith(f'error: {path}: ')


def test_files_of_boxes_are_split_as_mmdet_reads_them(tmp_path):
    """Objects count, crowds do not; no image of one part is in the other."""
    from mmdet.datasets import CocoDataset

    from tests.coco.world import CLASSES, boxes, draw, write

    given = boxes(pictures=6)
    for row in given['annotations'][:2]:
        row['iscrowd'] = 1
    found, files = split_file(write(draw(tmp_path), given), 2)
    assert (found.images, found.people, found.kind) == (2, 4, 'objects')
    shown = []
    for path in files:
        dataset = CocoDataset(
            ann_file=str(path),
            data_prefix={'img': str(tmp_path / 'images')},
            metainfo={'classes': CLASSES},
        )
        shown.append({dataset.get_data_info(i)['img_id'] for i in range(len(dataset))})
    assert [len(part) for part in shown] == [4, 2]
    assert shown[0].isdisjoint(shown[1])
    assert 1 in shown[0]


def test_renumbered_files_are_scored_by_mmdets_own_tool(tmp_path):
    """Annotation 0 is never found by pycocotools, repeated ids are one."""
    from tests.coco.world import boxes, config, draw, exact_score, write

    path = write(draw(tmp_path), boxes(first=0))
    assert run_tool('split_annotations', path, '--renumber').returncode == 0
    renumbered = tmp_path / 'a-renumbered.json'
    assert [a['id'] for a in read(renumbered)['annotations']] == list(range(1, 13))
    metric = {'type': 'CocoMetric', 'ann_file': str(renumbered)}
    scores = [exact_score(config(tmp_path, metric=m), fit=False) for m in (None, metric)]
    assert [score['coco/bbox_mAP'] > 0.99 for score in scores] == [False, True]
    with raises(where=tmp_path / 'b.json'):
        split_file(write(tmp_path, [], 'b.json'), 1, renumber=True)


def test_a_folder_is_no_annotation_file(tmp_path):
    with raises(where=tmp_path, allowed=contains('JSON')):
        split_file(tmp_path, 1)
