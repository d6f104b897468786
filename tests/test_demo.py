"""The demo: its commands are those of the tools, and its report says what the cards say."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from scalenas.arch import dump, named
from scalenas.complexity import Cost
from scalenas.config import read_config
from scalenas.demo import (
    DEMOS,
    LAND,
    POSE,
    DetectionDemo,
    ScaleNetDemo,
    SearchDemo,
    SingleStageDemo,
    demo_of,
)
from scalenas.demo.alone import TrainedAlone
from scalenas.demo.report import report
from scalenas.demo.scalenet import LONG, QUICK
from scalenas.demo.scalenet_report import spread_table
from scalenas.errors import UserError
from scalenas.paths import resource
from scalenas.search import Comparison, rank_study
from scalenas.visualization.demo_objects import draw_objects, draw_poses
from scalenas.visualization.demo_report import (
    demo_table,
    draw_demo,
    draw_segmentation,
    finetune_table,
)
from scalenas.visualization.draw_objects import draw_boxes


def searched(task, folder):
    """A demo of a search with its supernet trained and searched, as far as files tell."""
    demo = SearchDemo(task, folder / 'work', folder / 'data', quick=True)
    (demo.work / 'supernet').mkdir(parents=True)
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'weights')
    demo.random.mkdir(parents=True)
    front = [{'slot': slot} for slot in range(5)]
    (demo.found / 'front.json').write_text(json.dumps(front))
    return demo


def trained_digits(folder, size):
    """The demo of ScaleNet with its supernets trained, as far as files tell."""
    demo = ScaleNetDemo(folder / 'work', folder / 'data', size)
    for run in demo.runs():
        checkpoint = demo.checkpoint(*run)
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b'weights')
    return demo


@pytest.fixture
def demo(tmp_path):
    return searched(LAND, tmp_path)


@pytest.fixture
def demos(tmp_path):
    land = searched(LAND, tmp_path / 'land')
    trees = tmp_path / 'trees'
    done = DetectionDemo(tmp_path / 'after', trees, land)
    land.exported.mkdir()
    for suffix in ('yaml', 'pth'):
        (land.exported / f'best.{suffix}').write_text('net')
    alone = SearchDemo(LAND, tmp_path / 'nothing', tmp_path / 'earth', quick=True)
    return {
        'segmentation': land,
        'pose': searched(POSE, tmp_path / 'pose'),
        'detection': done,
        'detection alone': DetectionDemo(tmp_path / 'alone', trees, alone),
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
    detector = demo_of('detection')
    cfg = read_config(str(detector.config))
    assert cfg.train_cfg.max_iters == detector.iters == cfg.param_scheduler[1].end


def test_each_demo_has_folders_of_its_own():
    found = [demo_of(name, quick=quick) for name in DEMOS for quick in (False, True)]
    assert len({demo.work for demo in found}) == 2 * len(DEMOS) == 10
    assert str(demo_of('segmentation').work) == 'work_dirs/demo'
    assert demo_of('detection').land == demo_of('segmentation')


def test_a_detector_starts_from_what_the_segmentation_demo_found(demos):
    detection, alone = demos['detection'], demos['detection alone']
    assert detection.source.weights == demos['segmentation'].exported / 'best.pth'
    assert [step.title for step in detection.backbone()] == ['get the data: trees']
    assert alone.source.weights == alone.work / 'pretrained/uniform.pth'
    assert 'iter_20.pth' in ' '.join(alone.backbone()[-1].command)
    trained = [step for step in detection.finetune() if 'train.py' in step.command[1]]
    assert len(trained) == 6
    for step in trained:
        with_weights = any('init_cfg.checkpoint' in word for word in step.command)
        assert with_weights == ('from exported weights' in step.title)
    seeds = [word for step in trained for word in step.command if word.startswith('randomness')]
    assert seeds == [f'randomness.seed={seed}' for seed in (0, 0, 1, 1, 2, 2)]


def test_the_shipped_backbone_is_in_the_space_of_the_segmentation_demo():
    from scalenas.arch import load_file
    from scalenas.space import from_dict

    cfg = read_config(str(LAND.config('teacher')))
    arch = load_file(resource(f'{DetectionDemo.CONFIGS}/uniform_w16.yaml'))
    assert arch in from_dict(cfg.model.architecture.backbone.space.to_dict())


def test_the_two_nets_come_from_the_end_and_the_middle_of_the_front(demo):
    exports = [step.command for step in demo.export() if 'export.py' in step.command[1]]
    assert [command[command.index('--index') + 1] for command in exports] == ['4', '2']


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


def test_table_of_detectors():
    def runs(*scores):
        return [{'coco/bbox_mAP': s, 'coco/bbox_mAP_50': 2 * s} for s in scores]

    scores = {'exported': runs(0.1, 0.2, 0.3), 'random': runs(0.05, 0.05, 0.05)}
    lines = finetune_table(scores, (0, 1, 2), Cost(34_500_000, 1_200_000)).splitlines()
    start = '1.200 M | 34.5 M'
    assert lines[2] == f'| exported | {start} | 10.0 | 20.0 | 30.0 | 20.0 ± 10.0 | 40.0 ± 20.0 |'
    assert lines[3] == f'| random | {start} | 5.0 | 5.0 | 5.0 | 5.0 ± 0.0 | 10.0 ± 0.0 |'
    assert len({line.count('|') for line in lines}) == 1


def test_the_cost_of_a_detector_is_that_of_the_model_that_is_tested(demos):
    from mmengine.registry import DefaultScope

    from scalenas.evaluation.trace import trace
    from scalenas.registry import MODELS

    demo = demos['detection alone']
    demo.source.folder.mkdir(parents=True)
    arch = resource(f'{demo.CONFIGS}/uniform_w16.yaml')
    demo.source.arch.write_text(arch.read_text(encoding='utf-8'), encoding='utf-8')
    cfg = read_config(str(demo.config), {'model.backbone.arch': str(arch)})
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    assert demo.cost() == trace(model, demo.SIZE)


def test_pictures_of_people_and_trees(tmp_path, monkeypatch):
    from .configs.demo_objects import make_demo_people, make_demo_trees

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
        'scalenas.visualization.demo_objects.draw_boxes',
        lambda rows, path: drawn.extend(rows) or draw_boxes(rows, path),
    )
    draw_objects(tmp_path, tmp_path / 'trees', 'test', {'net': tmp_path / 'boxes.json'})
    for name in ('poses.png', 'boxes.png'):
        assert min(Image.open(tmp_path / name).size) > 100, name
    # As many boxes as labels, the surest.
    (_, first), (_, second) = drawn
    assert first['label'].tolist() == [[5, 5, 20, 20], [30, 30, 20, 20]]
    assert first['net'].tolist() == [[3, 3, 20, 20], [4, 4, 20, 20]]
    assert second['net'].shape == (0, 4)


def test_the_long_form_has_three_seeds_of_both_samplings(tmp_path):
    demo = demo_of('scalenet', long=True)
    assert str(demo.work) == 'work_dirs/demo_scalenet_long'
    assert demo.runs() == [(s, n) for n in range(3) for s in ('hierarchical', 'uniform')]
    trained = [step.command for step in demo.train()[1:]]
    seeds = [word for command in trained for word in command if word.startswith('randomness')]
    assert seeds == [f'randomness.seed={n}' for n in (0, 0, 1, 1, 2, 2)]
    ranked = [step.command for step in trained_digits(tmp_path, LONG).rank()]
    assert ['--archs' in command for command in ranked] == [False] + 5 * [True]
    for options in ({'name': 'pose', 'long': True}, {'name': 'scalenet', 'quick': True}):
        with pytest.raises(UserError, match='--long'):
            demo_of(**{'long': True, **options})


def test_both_samplings_have_the_same_networks():
    """Uniform: the factors of all stages in one; so every path of one is a path of the other."""
    from scalenas.space import from_dict

    demo = demo_of('scalenet')
    spaces = [
        from_dict(read_config(str(demo.config(name))).model.architecture.backbone.space.to_dict())
        for name in demo.SAMPLINGS.values()
    ]
    assert spaces[1] == spaces[0].merged()
    assert len(spaces[0].stages) == demo.STAGES + 1


def test_spread_over_seeds():
    x = [1.0, 2.0, 3.0, 4.0]
    rows = {
        f'{name}, seed {seed}': [Comparison('multiply-adds', x, y, rank_study(x, y, resamples=9))]
        for seed, y in enumerate(([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]))
        for name in ('hierarchical', 'uniform')
    }
    lines = spread_table(rows).splitlines()
    assert lines[2].startswith('| hierarchical | multiply-adds | 2 | 0.900 ± 0.141 | 0.900 ± 0.1')
    assert lines[3].endswith('| 0.833 ± 0.236 |')


def test_the_family_as_its_files_say(tmp_path, monkeypatch):
    """Costs and factors are of the arch files, scores of the cards and of the tests."""
    from scalenas.arch import ClassificationHead, Scaling
    from scalenas.arch.rounding import CEIL
    from scalenas.complexity import Counter
    from scalenas.scaling import SearchedScalings
    from scalenas.search import comparisons_text
    from scalenas.space import from_dict

    monkeypatch.setattr('scalenas.demo.scalenet_report.PATHS', 500)
    demo = trained_digits(tmp_path, QUICK)
    space = read_config(str(demo.search_config)).model.architecture.backbone.space.to_dict()
    base = from_dict(space).base.smallest()
    x, y = [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]
    compared = [Comparison('multiply-adds', x, y, rank_study(x, y, resamples=9))]
    for run in demo.runs():
        demo.ranks(*run).mkdir()
        (demo.ranks(*run) / 'ranks.json').write_text(comparisons_text(compared))
    (demo.found / 'stages').mkdir(parents=True)
    (demo.work / 'exported').mkdir()
    searched = SearchedScalings({1: Scaling(1.2, 1.15, 1.1), 2: Scaling(1.4, 1.3, 1.3)}, CEIL)
    (demo.found / 'scalings.yaml').write_text(searched.dump())
    (demo.found / 'iterations.png').write_bytes(b'picture')
    for j, path in enumerate(demo.family):
        path.write_text(dump(base.scaled(searched(j), CEIL)))
        metrics = {'test': {'accuracy/top1': 70 + j}, 'exported': {'accuracy/top1': 70 + j}}
        if j <= demo.STAGES:
            (demo.work / f'exported/s{j}.json').write_text(json.dumps({'metrics': metrics}))
        log = demo.found / f'alone/s{j}/test/20260101/20260101.json'
        log.parent.mkdir(parents=True)
        log.write_text(json.dumps({'accuracy/top1': 90 + j}))
    table, pictures = report(demo)
    *_, first, second, third, fourth = table.splitlines()
    cost = Counter(None, ClassificationHead(10))(base)
    shown = f'{cost.params / 1e3:.1f} k | {cost.macs / 1e6:.2f} M'
    assert first == f'| 0 | 1.00, 1.00, 1.00 | {shown} | 70.00 | 70.00 | 90.00 |'
    assert second.startswith('| 1 | 1.20, 1.15, 1.10 | ')
    assert third.endswith(' | 72.00 | 72.00 | 92.00 |')
    assert fourth.startswith('| 3 | 1.60, 1.45, 1.70 | ')
    assert fourth.endswith(' |  |  | 93.00 |')
    for name in pictures:
        assert (demo.work / name).is_file()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['max_iters'], 'expected KEY=VALUE, got max_iters'),
        (['train_cfg.max_iters=many'], "expected a number, got 'many'"),
    ],
)
def test_options_of_a_training_alone_that_are_none(options, message):
    config = demo_of('scalenet').alone_config
    with pytest.raises(UserError, match=message):
        TrainedAlone.by(config, [], config.parent, *options)
    supernet = demo_of('scalenet').search_config
    with pytest.raises(UserError, match='expected a config with train_cfg'):
        TrainedAlone.by(supernet, [], supernet.parent)


def test_trained_alone_again_after_a_change_of_a_base_config_or_of_the_data(tmp_path):
    base, config = tmp_path / 'base.py', tmp_path / 'alone.py'
    base.write_text('train_cfg = dict(max_iters=2)\nlr = 0.1\n')
    config.write_text("_base_ = 'base.py'\nmodel = dict(backbone=dict(arch='a.yaml'))\n")
    (tmp_path / 'data').mkdir()
    note = tmp_path / 'data/meta.json'
    note.write_text('{}')

    def fingerprints():
        root = f'train_dataloader.dataset.data_root={note.parent}'
        job = TrainedAlone.by(config, [tmp_path / 'a.yaml'], tmp_path / 'work', root)
        return [step.fingerprint() for step in job.steps()]

    first = fingerprints()
    assert fingerprints() == first
    base.write_text(base.read_text().replace('0.1', '0.2'))
    second = fingerprints()
    note.write_text('{"sha256": 1}')
    for before, between, after in zip(first, second, fingerprints(), strict=True):
        assert len({before, between, after}) == 3


def test_single_stage_runs_are_single_changes_of_one_config(tmp_path):
    """Every net alone is the slice that it is compared with, and every arm leaves one rule out."""
    from mmengine.config import DictAction

    from scalenas.arch import from_dict
    from scalenas.complexity import Counter
    from scalenas.demo.single_stage import ARMS, CONTROL, FULL_RATE, MACS, NETS
    from scalenas.space import from_dict as space_from_dict

    demo = SingleStageDemo(tmp_path / 'work', tmp_path / 'digits')
    cfg = read_config(str(demo.config))
    assert (cfg.train_cfg.max_iters, cfg.train_cfg.val_interval) == (demo.iters, demo.interval)
    assert cfg.optim_wrapper.optimizer.lr == FULL_RATE
    whole = space_from_dict(cfg.model.architecture.backbone.space.to_dict())
    sliced = {'smallest': whole.smallest(), 'largest': whole.largest()}
    sliced['middle'] = from_dict(cfg.val_cfg.archs[1].to_dict(), 'middle')
    for net, options in NETS.items():
        alone = read_config(str(demo.config_alone))
        pairs = (option.split('=', 1) for option in options)
        alone.merge_from_dict({k: DictAction._parse_iterable(v) for k, v in pairs})
        space = space_from_dict(alone.model.architecture.backbone.space.to_dict())
        assert space.smallest() == space.largest() == sliced[net]
        assert Counter(None)(sliced[net]).macs == MACS[net]
        assert alone.model.distillation is None
        assert alone.model.sampler.type == 'fixed'
        for same in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'train_dataloader'):
            assert alone[same] == cfg[same], same
    assert len(demo.train()) == len(demo.seeds) * (len(ARMS) + len(NETS)) == 27
    assert len({run.folder for run in demo.runs}) == 27
    assert {run.kind for run in demo.runs[-3:]} == {CONTROL}


def test_single_stage_results_come_from_the_logs(tmp_path):
    demo = SingleStageDemo(tmp_path, tmp_path / 'digits', quick=True)
    for n, run in enumerate(demo.runs):
        path = demo.folder(run) / '20260101_000000/vis_data/scalars.json'
        path.parent.mkdir(parents=True)
        nets = ('largest',) if run.alone else ('smallest', 'net2', 'largest')
        rows = [{'step': s, **{f'{net}/accuracy/top1': n + s for net in nets}} for s in (4, 8)]
        path.write_text('\n'.join(json.dumps(row) for row in rows))
    table, pictures = report(demo)
    assert [line.count('|') for line in table.splitlines()] == [5] * 9
    assert '| all rules | 12.0 ± 5.7 | 12.0 ± 5.7 | 12.0 ± 5.7 |' in table
    assert '| each net alone | 17.0 ± 5.7 | 18.0 ± 5.7 | 19.0 ± 5.7 |' in table
    for name in (*pictures, 'results.json'):
        assert (tmp_path / name).is_file()
