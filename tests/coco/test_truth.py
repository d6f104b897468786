"""COCO's metrics score what the loader shows: exact predictions score 1, whatever is left out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, ValLoop

from scalenas.errors import DataError
from scalenas.tasks import fit_truth
from scalenas.training.hooks import GroundTruthHook

from .world import CLASSES, boxes, config, draw, exact_score, poses, write

MASKS = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
    {'type': 'PackDetInputs', 'meta_keys': ('img_id', 'img_path', 'ori_shape', 'instances')},
]
BOX, SEGM, POSE = 'coco/bbox_mAP', 'coco/segm_mAP', 'coco/AP'
GIVEN = {'mmdet': boxes, 'mmpose': poses}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp('coco'))


@pytest.mark.parametrize(
    ('scope', 'part'),
    [
        ('mmdet', {}),
        ('mmdet', {'indices': 5}),
        ('mmdet', {'indices': -2}),
        ('mmdet', {'indices': [4, 1]}),
        ('mmdet', {'test_mode': False, 'filter_cfg': {'min_size': 100}}),
        ('mmpose', {}),
        ('mmpose', {'indices': 5}),
        ('mmpose', {'indices': [11, 0, 3]}),
        ('mmpose', {'sample_interval': 2}),
    ],
)
def test_a_part_scores_as_a_whole(folder: Path, scope: str, part: dict[str, Any]) -> None:
    given = GIVEN[scope]()
    if 'filter_cfg' in part:
        given['images'][2].update(width=90, height=90)
    write(folder, given)
    found = exact_score(config(folder, scope, **part))
    assert found[BOX if scope == 'mmdet' else POSE] == pytest.approx(1.0)


def test_masks_of_a_part(folder: Path) -> None:
    metric = {'type': 'CocoMetric', 'ann_file': str(write(folder, boxes()))}
    metric['metric'] = ['bbox', 'segm']
    found = exact_score(config(folder, metric=metric, indices=3, pipeline=MASKS))
    assert found[BOX] == found[SEGM] == pytest.approx(1.0)


def test_thresholds_given_as_a_list(folder: Path) -> None:
    """As mmdet documents them: pycocotools wants an array."""
    path = write(folder, boxes())
    metric = {'type': 'CocoMetric', 'ann_file': str(path), 'metric_items': ['mAP', 'mAP_50']}
    found = exact_score(config(folder, metric={**metric, 'iou_thrs': [0.5, 0.8]}))
    assert found == {BOX: pytest.approx(1.0), 'coco/bbox_mAP_50': pytest.approx(1.0)}


def test_without_the_fit_the_rest_would_be_misses(folder: Path) -> None:
    """The tools as they are: what this module is for."""
    for scope, name in (('mmdet', BOX), ('mmpose', POSE)):
        write(folder, GIVEN[scope]())
        assert exact_score(config(folder, scope, indices=5), fit=False)[name] < 0.9


def test_several_files_of_one_loader(folder: Path) -> None:
    """Parts of one file are one truth; two files whose ids are the same are none."""
    given = boxes()
    halves = [{**given, 'images': given['images'][i::2]} for i in range(2)]
    for half, name in zip(halves, ('b.json', 'c.json'), strict=True):
        ids = {image['id'] for image in half['images']}
        half['annotations'] = [a for a in given['annotations'] if a['image_id'] in ids]
        write(folder, half, name)
    write(folder, given)
    cfg = config(folder)
    part = cfg.search_dataloader.dataset
    parts = [{**part, 'ann_file': name} for name in ('b.json', 'c.json')]
    cfg.search_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': parts}
    assert exact_score(cfg)[BOX] == pytest.approx(1.0)
    cfg.search_dataloader.dataset.datasets[1].ann_file = 'b.json'
    with pytest.raises(DataError) as caught:
        exact_score(cfg)
    assert caught.value.where == 'search_evaluator'


def test_an_object_of_id_0_counts(folder: Path) -> None:
    write(folder, boxes(first=0))
    assert exact_score(config(folder), fit=False)[BOX] < 0.9
    assert exact_score(config(folder))[BOX] == pytest.approx(1.0)


def test_what_cannot_be_scored_has_no_name(folder: Path) -> None:
    write(folder, boxes())
    found = exact_score(config(folder))
    assert 'coco/bbox_mAP_s' not in found
    assert found['coco/bbox_mAP_m'] == pytest.approx(1.0)


def spoiled(kind: str, folder: Path) -> Any:
    """A config whose truth cannot score its loader."""
    given: dict[str, Any] = poses() if kind.startswith('pose') else boxes()
    more: dict[str, Any] = {}
    scope = 'mmpose' if kind.startswith('pose') else 'mmdet'
    metric: dict[str, Any] = {'type': 'CocoMetric', 'ann_file': str(folder / 'a.json')}
    if kind == 'a class that the truth lacks':
        more['metainfo'] = {'classes': (*CLASSES, 'cow')}
    elif kind == 'classes in another order':
        write(folder, {**given, 'categories': given['categories'][::-1]}, 'b.json')
        metric['ann_file'] = str(folder / 'b.json')
    elif kind == 'crowds':
        for row in given['annotations']:
            row['iscrowd'] = 1
    elif kind == 'no 100':
        metric['proposal_nums'] = (1, 10, 50)
    elif kind == 'two numbers':
        metric['proposal_nums'] = (10, 100)
    elif kind.endswith('other images'):
        other = GIVEN[scope]()
        for image in other['images']:
            image['file_name'] = f'other_{image["file_name"]}'
        metric['ann_file'] = str(write(folder, other, 'b.json'))
    elif kind.endswith('fewer images'):
        fewer = {**given, 'images': given['images'][:2], 'annotations': given['annotations'][:4]}
        metric['ann_file'] = str(write(folder, fewer, 'b.json'))
    elif kind == 'samples that tell nothing':
        metric.pop('ann_file')
        more['pipeline'] = [*MASKS[:-1], {'type': 'PackDetInputs', 'meta_keys': ('img_id',)}]
    elif kind == 'pose of detected boxes in part':
        row = {'image_id': 1, 'category_id': 1, 'bbox': [1, 1, 20, 20], 'score': 0.5}
        more |= {'indices': 1, 'bbox_file': str(write(folder, [row, row], 'boxes.json'))}
    write(folder, given)
    return config(folder, scope, metric, **more)


@pytest.mark.parametrize(
    'kind',
    [
        'a class that the truth lacks',
        'classes in another order',
        'crowds',
        'no 100',
        'two numbers',
        'other images',
        'fewer images',
        'samples that tell nothing',
        'pose other images',
        'pose fewer images',
        'pose of detected boxes in part',
    ],
)
def test_what_cannot_score_is_refused(folder: Path, kind: str) -> None:
    cfg = spoiled(kind, folder)
    with pytest.raises(DataError) as caught:
        exact_score(cfg)
    assert caught.value.where.startswith('search_')
    assert '\n' not in str(caught.value)


def test_poses_in_detected_boxes_are_of_category_1(folder: Path) -> None:
    """mmpose calls them so, whatever the file calls a person: another category is never found."""
    row = {'image_id': 1, 'category_id': 1, 'bbox': [5, 8, 40, 45], 'score': 0.5}
    file = str(write(folder, [row], 'boxes.json'))
    given = poses()
    for part in (*given['annotations'], *given['categories']):
        part['category_id' if 'bbox' in part else 'id'] = 0
    write(folder, given)
    with pytest.raises(DataError):
        exact_score(config(folder, 'mmpose', bbox_file=file))
    assert exact_score(config(folder, 'mmpose'))[POSE] == pytest.approx(1.0)


@pytest.mark.parametrize('scope', ['mmdet', 'mmpose'])
def test_a_net_that_finds_nothing_scores_0(folder: Path, scope: str) -> None:
    """And only what others are scored by, too."""
    cfg = config(folder, scope)
    write(folder, GIVEN[scope]())
    found = exact_score(cfg, found_first=0)
    assert set(found.values()) == {0.0}
    assert set(found) == set(exact_score(cfg))


@pytest.mark.parametrize('metric', [None, {'type': 'CocoMetric'}])
def test_a_metric_is_fitted_again(folder: Path, metric: Any) -> None:
    """As when one runner trains and tests; a truth of samples is kept by mmdet's metric."""
    write(folder, boxes(first=0))
    found = exact_score(config(folder, metric=metric, indices=4), times=2)
    assert found[BOX] == pytest.approx(1.0)


class Loop(ValLoop):
    """A loop of mmengine with what a hook asks it for."""

    def __init__(self, cfg: Any) -> None:
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            self.dataloader = Runner.build_dataloader(dict(cfg.val_dataloader), seed=0)
            self.evaluator = Evaluator(cfg.val_evaluator)
        self.evaluator.dataset_meta = self.dataloader.dataset.metainfo


def test_loops_of_a_run_are_fitted_before_it_begins(folder: Path) -> None:
    write(folder, boxes())
    loop = Loop(config(folder, indices=[3]))
    GroundTruthHook().before_run(SimpleNamespace(_val_loop=loop, _test_loop=None))  # type: ignore
    assert loop.evaluator.metrics[0].img_ids == [4]
    loop = Loop(spoiled('a class that the truth lacks', folder))
    with pytest.raises(DataError) as caught:
        GroundTruthHook().before_run(SimpleNamespace(_val_loop=None, _test_loop=loop))  # type: ignore
    assert caught.value.where == 'test_evaluator'


def test_a_loader_that_drops_the_last_batch(folder: Path) -> None:
    write(folder, boxes())
    loop = Loop(config(folder))
    loader = SimpleNamespace(dataset=loop.dataloader.dataset, drop_last=True, batch_size=4)
    with pytest.raises(DataError):
        fit_truth(loop.evaluator.metrics, loader, 'val_evaluator')
    fit_truth(loop.evaluator.metrics, SimpleNamespace(**{**vars(loader), 'batch_size': 3}), 'x')
