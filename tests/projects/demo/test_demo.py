"""The demo: its commands are those of the tools, and its report says what the cards say."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from projects.demo import (
    DEMOS,
    LAND,
    POSE,
    DetectionDemo,
    SearchDemo,
    SingleStageDemo,
    demo_of,
)
from projects.demo.demo_objects import draw_objects, draw_poses
from projects.demo.demo_report import (
    against_uniform,
    demo_table,
    draw_demo,
    draw_segmentation,
    ends_line,
    finetune_table,
    starts_apart,
)
from projects.demo.draw_objects import draw_boxes
from projects.demo.finetuning import PEOPLE, TREES
from projects.demo.scalenet import LONG, QUICK
from projects.demo.uniform import cheapest, uniforms
from scalenas.arch import dump, from_file, named
from scalenas.complexity import Cost, Counter
from scalenas.config import DictAction, read_config
from scalenas.evaluation.config_net import config_net
from scalenas.paths import resource

from .demo_worlds import exported, searched, trained_digits


@pytest.fixture
def demo(tmp_path):
    return searched(LAND, tmp_path)


@pytest.fixture
def demos(tmp_path):
    land = searched(LAND, tmp_path / 'land')
    done = DetectionDemo(PEOPLE, tmp_path / 'after', tmp_path / 'people', land)
    exported(land)
    nothing = SearchDemo(LAND, tmp_path / 'nothing', tmp_path / 'earth', quick=True)
    alone = DetectionDemo(TREES, tmp_path / 'alone', tmp_path / 'trees', nothing)
    exported(searched(LAND, alone.work, alone.source.work))
    return {
        'segmentation': land,
        'pose': searched(POSE, tmp_path / 'pose'),
        'detection': done,
        'detection alone': alone,
        'scalenet': trained_digits(tmp_path / 'digits', QUICK),
        'scalenet long': trained_digits(tmp_path / 'long', LONG),
        'bignas': SingleStageDemo(tmp_path / 'bignas', tmp_path / 'digits', quick=True),
    }


KINDS = (
    'segmentation',
    'pose',
    'detection',
    'detection alone',
    'scalenet',
    'scalenet long',
    'bignas',
)


def all_steps(demo):
    return [step for part in demo.PARTS for step in getattr(demo, part)()]


@pytest.mark.parametrize('kind', KINDS)
def test_every_step_hands_on_what_a_later_one_needs(demos, kind):
    steps = all_steps(demos[kind])
    made = {path for step in steps for path in step.makes}
    for n, step in enumerate(steps):
        for path in step.needs:
            assert path.is_file() or path in made, (step.title, path)
        earlier = {path for before in steps[:n] for path in before.makes}
        later = made - earlier - set(step.makes)
        assert not later & set(step.needs), step.title


@pytest.mark.parametrize('kind', KINDS)
def test_every_tool_exists_and_nothing_runs_outside_the_package(demos, kind):
    demo = demos[kind]
    for step in all_steps(demo):
        tool = step.command[1]
        assert tool.endswith('.py')
        assert (demo.work / tool).is_file(), tool  # absolute paths stay what they are
        assert '/tools/' in tool


@pytest.mark.parametrize('kind', KINDS)
def test_every_option_is_one_of_the_config(demos, kind):
    """What a step changes with --cfg-options is in its config: nothing is set beside it."""
    checked = 0
    for step in all_steps(demos[kind]):
        words = list(step.command)
        tool, rest = words[1].rsplit('/', 1)[-1], words[2:]
        if '--cfg-options' not in rest or '.mim/' in words[1]:
            continue
        start = rest.index('--cfg-options') + 1
        options = dict(word.split('=', 1) for word in rest[start:] if not word.startswith('--'))
        config = rest[rest.index('--config') + 1] if tool == 'export.py' else rest[0]
        plain = read_config(config)
        for name in options:
            if '.init_cfg.' in name:
                continue  # the weights that a detector starts from: it has none by itself
            value = plain
            for key in name.split('.'):
                value = value[int(key)] if isinstance(value, list) else value[key]
        checked += len(options)
    assert checked > 5


def test_the_iterations_are_those_of_the_configs():
    for task in (LAND, POSE):
        for stage, count in task.iterations.items():
            cfg = read_config(str(task.config(stage)))
            assert cfg.train_cfg.max_iters == count == cfg.param_scheduler[1].end
    for name in ('detection', 'trees'):
        detector = demo_of(name)
        cfg = read_config(str(detector.config))
        assert cfg.train_cfg.max_iters == detector.iters == cfg.param_scheduler[1].end
        assert cfg.test_evaluator.ann_file == f'{detector.data}/annotations/{detector.task.truth}'


def test_each_demo_has_folders_of_its_own():
    found = [demo_of(name, quick=quick) for name in DEMOS for quick in (False, True)]
    assert len({demo.work for demo in found}) == 2 * len(DEMOS) == 12
    assert str(demo_of('segmentation').work) == 'work_dirs/demo'
    assert demo_of('detection').land == demo_of('segmentation')


def test_a_detector_starts_from_what_the_segmentation_demo_found(demos):
    detection, land = demos['detection'], demos['segmentation']
    assert [step.title for step in detection.backbone()] == ['get the data: people']
    assert detection.search() == detection.export() == []
    trained = [step for step in detection.finetune() if 'train.py' in step.command[1]]
    assert len(trained) == 9
    for n, step in enumerate(trained):
        start = detection.task.starts[n % 3]
        net = 'uniform' if start == 'uniform' else 'best'
        assert f'model.backbone.arch={land.exported / net}.yaml' in step.command
        weights = f'model.backbone.init_cfg.checkpoint={land.exported / net}.pth'
        assert (weights in step.command) == (start != 'random')
    seeds = [word for step in trained for word in step.command if word.startswith('randomness')]
    assert seeds == [f'randomness.seed={seed}' for seed in (0, 0, 0, 1, 1, 1, 2, 2, 2)]


def test_without_the_segmentation_demo_a_short_form_of_it_runs(demos):
    alone = demos['detection alone']
    assert alone.weights('searched') == alone.work / 'pretraining/exported/best.pth'
    tools = [step.command[1].rsplit('/', 1)[-1] for step in all_steps(alone)[:-12]]
    assert tools == [
        *('get_demo_data.py', 'get_demo_data.py', 'train.py', 'train.py', 'search.py'),
        *('train.py', 'export.py', 'test.py', 'export.py', 'test.py'),
    ]
    long = replace(alone, land=replace(alone.land, quick=False))
    assert long.source.iters('teacher') == long.PRETRAINING
    (long.source.work / 'supernet' / f'iter_{long.PRETRAINING}.pth').write_bytes(b'weights')
    search = long.search()[0].command
    assert search[search.index('--num-evaluations') + 1] == str(long.CANDIDATES)
    assert 'search.algorithm.num_initial=8' in search


def test_the_shipped_backbone_is_in_the_space_of_the_segmentation_demo():
    from scalenas.space import from_dict

    cfg = read_config(str(LAND.config('teacher')))
    arch = from_file(resource('configs/scalenas_det/trees/uniform_w16.yaml'))
    assert arch in from_dict(cfg.model.architecture.backbone.space.to_dict())


def test_the_two_nets_come_from_the_end_and_the_middle_of_the_front(demo):
    exports = [step.command for step in demo.export() if 'export.py' in step.command[1]]
    chosen = [c[c.index('--index') + 1] for c in exports if '--index' in c]
    assert chosen == ['4', '2']
    assert len(exports) == 3


@pytest.mark.parametrize('task', [LAND, POSE], ids=['land', 'pose'])
def test_the_uniform_net_is_the_cheapest_that_costs_no_less(task):
    net = config_net(read_config(str(task.config('teacher'))))
    count = Counter(net.size, net.head)
    costs = sorted(count(arch)['macs'] for arch in uniforms(net.arch))
    for target in (costs[0], costs[5] + 1, 100_000_000, costs[-1]):
        macs = count(cheapest(net.arch, net.head, net.size, target))['macs']
        assert macs >= target
        assert not [cost for cost in costs if target <= cost < macs]


@pytest.mark.parametrize('task', [LAND, POSE], ids=['land', 'pose'])
def test_the_uniform_net_is_trained_by_the_teachers_config(task, tmp_path):
    """It is a network of the space that its options make of the teacher's, and fits the head."""
    demo = searched(task, tmp_path)
    training = demo.export()[0]
    assert training.command[2] == str(task.config('teacher'))
    words = training.command[training.command.index('--cfg-options') + 1 :]
    pairs = (word.split('=', 1) for word in words)
    options = {name: DictAction._parse_iterable(value) for name, value in pairs}
    cfg = read_config(str(task.config('teacher')), options)
    net = config_net(cfg)
    arch = from_file(cfg.model.sampler.arch)
    assert arch in net.space
    assert Counter(net.size, net.head)(arch)['macs'] >= 100_000_000
    depths = {d for stage in arch.stages for module in stage.modules for d in module.depths}
    assert len(depths) == 1
    seen = cfg.model.architecture[task.head].in_channels
    assert (tuple(seen) if isinstance(seen, list) else (seen,)) == arch.out_channels


def card(name, macs, search, test, exported):
    return {
        'name': name,
        'cost': {'macs': macs, 'params': 2_500_000, 'acts': 1},
        'metrics': {
            'search': {'mIoU': search},
            'test': {'mIoU': test},
            'exported': {'mIoU': exported},
        },
    }


def test_table(demo):
    cards = [card('best', 123_000_000, 50.0, 48.12345, 48.12345)]
    line = demo_table(cards, [{'mIoU': 48.12}], 'mIoU').splitlines()[-1]
    assert line == '| best | 2.500 M | 123.0 M | 50.00 | 48.1234 | 48.1234 | 48.12 |'


def test_a_net_that_was_not_searched_has_no_score_of_the_search():
    given = card('uniform', 141_000_000, 0.0, 45.0, 45.0)
    given['metrics']['search'] = {}
    line = demo_table([given], [{'mIoU': 45.0}], 'mIoU').splitlines()[-1]
    assert line == '| uniform | 2.500 M | 141.0 M |  | 45.0000 | 45.0000 | 45.00 |'


@pytest.mark.parametrize(('uniform', 'word'), [(0.45, 'beats'), (0.475, 'does not beat')])
def test_the_verdict_is_of_the_best_net(uniform, word):
    line = against_uniform({'best': 0.47, 'small': 0.48}, uniform, (100.0, 103.0), 'AP', 100.0)
    apart = [f'{100 * (score - uniform):+.2f}' for score in (0.47, 0.48)]
    assert f'`best` {word} the uniform HRNet of 3% more' in line
    assert f'`best` {apart[0]}, `small` {apart[1]}' in line


def test_what_was_not_searched_stands_below_the_table():
    largest = {'macs': 218_723_328, 'params': 3_755_255}
    given = ({'largest': 46.2196}, {'largest': 46.8658, 'smallest': 47.5822}, largest, 'mIoU')
    line = ends_line(*given)
    assert '(3.755 M params, 218.7 M macs): 46.22;' in line
    assert 'the largest net: 46.87, the smallest: 47.58.' in line


def test_pictures(demo, tmp_path):
    for folder in (demo.found, demo.random):
        (folder / 'all.csv').write_text('slot,macs,mIoU\n0,100,40.0\n1,200,50.0\n')
    arch = tmp_path / 'best.yaml'
    arch.write_text(dump(named('scalenas_s1')))
    cards = [card('best', 200, 50.0, 48.0, 48.0), card('small', 100, 40.0, 39.0, 39.0)]
    draw_demo(tmp_path, demo.found, demo.random, cards, arch, 'mIoU')
    rng = np.random.default_rng(0)
    for n in range(13):
        for folder, shape in (
            ('data/images/validation', (8, 8, 3)),
            ('data/annotations/validation', (8, 8)),
            ('predicted', (8, 8)),
        ):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 2, shape, dtype=np.uint8)
            Image.fromarray(values).save(tmp_path / folder / f'{n:05d}.png')
    palette = [[0, 0, 0], [255, 255, 255]]
    draw_segmentation(tmp_path, tmp_path / 'data', tmp_path / 'predicted', ['a', 'b'], palette)
    for name in ('front.png', 'net.png', 'predictions.png'):
        width, height = Image.open(tmp_path / name).size
        assert min(width, height) > 100, name


def test_another_supernet_is_searched_anew(demo):
    before = demo.found
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'other weights')
    assert demo.found != before


def test_table_of_another_scale_and_more_metrics():
    given = card('best', 90_000_000, 0, 0, 0)
    given['metrics'] = {
        'search': {'coco/AP': 0.5},
        'test': {'coco/AP': 0.4512345},
        'exported': {'coco/AP': 0.4512345},
    }
    tested = {'coco/AP': 0.451234, 'PCK': 0.82}
    lines = demo_table([given], [tested], 'coco/AP', 100.0, also=('PCK',)).splitlines()
    assert [line.count('|') for line in lines] == [9, 9, 9]
    assert lines[-1] == ('| best | 2.500 M | 90.0 M | 50.00 | 45.1234 | 45.1234 | 45.12 | 82.00 |')


def detected(*scores):
    return [{'coco/bbox_mAP': s, 'coco/bbox_mAP_50': 2 * s} for s in scores]


def test_table_of_detectors():
    scores = {'searched': detected(0.1, 0.2, 0.3), 'random': detected(0.05, 0.05, 0.05)}
    costs = {
        'searched': Cost(macs=34_500_000, params=1_200_000),
        'random': Cost(macs=35_500_000, params=1_300_000),
    }
    lines = finetune_table(scores, (0, 1, 2), costs).splitlines()
    assert lines[2] == (
        '| searched | 1.200 M | 34.5 M | 10.0 | 20.0 | 30.0 | 20.0 ± 10.0 | 40.0 ± 20.0 |'
    )
    assert lines[3] == '| random | 1.300 M | 35.5 M | 5.0 | 5.0 | 5.0 | 5.0 ± 0.0 | 10.0 ± 0.0 |'
    assert len({line.count('|') for line in lines}) == 1


def test_starts_are_compared_seed_by_seed():
    scores = {
        'searched': detected(0.1, 0.2, 0.3),
        'uniform': detected(0.2, 0.2, 0.2),
        'random': detected(0.05, 0.15, 0.25),
    }
    line = starts_apart(scores)
    assert '+0.0 ± 10.0 AP against uniform (ahead with 1 of 3 seeds)' in line
    assert '+5.0 ± 0.0 AP against random (ahead with 3 of 3 seeds)' in line


@pytest.mark.parametrize(
    ('kind', 'start'), [('detection', 'uniform'), ('detection alone', 'searched')]
)
def test_the_cost_of_a_detector_is_that_of_the_model_that_is_tested(demos, kind, start):
    from mmengine.registry import DefaultScope

    from scalenas.evaluation.trace import trace
    from scalenas.registry import MODELS

    demo = demos[kind]
    options = {
        'model.backbone.arch': str(demo.weights(start).with_suffix('.yaml')),
        'model.neck.in_channels': list(demo.arch(start).out_channels),
    }
    cfg = read_config(str(demo.config), options)
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    assert demo.cost(start) == trace(model, demo.task.size)


def test_pictures_of_people_and_trees(tmp_path, monkeypatch):
    from ...configs.demo_objects import make_demo_people, make_demo_trees

    make_demo_people(tmp_path / 'people')
    truth = json.loads((tmp_path / 'people/annotations/person_keypoints_test.json').read_text())
    rows = [{**row, 'score': 0.7} for row in truth['annotations']]
    (tmp_path / 'points.json').write_text(json.dumps(rows))
    draw_poses(tmp_path, tmp_path / 'people', 'test', tmp_path / 'points.json')
    make_demo_trees(tmp_path / 'trees')
    boxes = [
        {'image_id': 1, 'bbox': [4, 4, 20, 20], 'score': 0.2},
        {'image_id': 1, 'bbox': [3, 3, 20, 20], 'score': 0.3},
        {'image_id': 1, 'bbox': [1, 1, 62, 62], 'score': 0.1},
    ]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    drawn = []
    monkeypatch.setattr(
        'projects.demo.demo_objects.draw_boxes',
        lambda rows, path: drawn.extend(rows) or draw_boxes(rows, path),
    )
    found = {'net': tmp_path / 'boxes.json'}
    draw_objects(tmp_path, tmp_path / 'trees', TREES.truth, found)
    for name in ('poses.png', 'boxes.png'):
        assert min(Image.open(tmp_path / name).size) > 100, name
    # As many boxes as labels, the surest.
    (_, first), (_, second) = drawn
    assert first['label'].tolist() == [[5, 5, 20, 20], [30, 30, 20, 20]]
    assert first['net'].tolist() == [[3, 3, 20, 20], [4, 4, 20, 20]]
    assert second['net'].shape == (0, 4)
