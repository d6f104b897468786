"""A pose supernet from training to mmpose's own tools, by the tools' command lines."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from scalenas.arch import from_file, pruned
from tests.configs.shrink import Worlds, shrink

REPO = Path(__file__).parents[2]
POSE = REPO / 'configs' / 'scalenas_pose' / 'coco'
STOCK_TEST = Path(mmpose.__file__).parent / '.mim' / 'tools' / 'test.py'


@pytest.fixture
def call(monkeypatch):
    """A tool in this process, as its command line would run it: its exit code."""

    def run(tool, *arguments):
        monkeypatch.setattr('sys.argv', [str(tool), *map(str, arguments)])
        monkeypatch.setenv('LOCAL_RANK', '0')
        try:
            with DefaultScope.overwrite_default_scope(None):
                runpy.run_path(str(tool), run_name='__main__')
        except SystemExit as end:
            return end.code
        return 0

    return run


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Shrunk configs of teacher and search beside the people that they read."""
    folder = tmp_path_factory.mktemp('pose')
    worlds = Worlds(folder)
    for name, source in (
        ('teacher', 'teacher_w32_8xb48-210e_coco-256x192.py'),
        ('search', 'search_w32_coco-256x192.py'),
    ):
        cfg = shrink(Config.fromfile(POSE / source), worlds, folder / name)
        if name == 'search':
            cfg.model.init_from.checkpoint = str(folder / 'teacher' / 'iter_2.pth')
        cfg.dump(folder / f'{name}.py')
    return folder


@pytest.fixture
def exported(world, tmp_path, call, capsys):
    """A net of the front in `out`: trained, searched and exported once, by the tools."""
    kept, tools = world / 'out', REPO / 'tools'
    if not kept.exists():
        assert call(tools / 'train.py', world / 'teacher.py') == 0
        assert call(tools / 'train.py', world / 'search.py') == 0
        supernet = world / 'search' / 'iter_2.pth'
        found = ('--work-dir', world / 'found')
        capsys.readouterr()
        assert call(tools / 'search.py', world / 'search.py', supernet, *found) == 0
        shown = capsys.readouterr().out
        assert 'networks evaluated' in shown
        assert 'Average Precision' not in shown, "COCO's page for each candidate"
        options = ('--config', world / 'search.py', '--out', kept, '--name', 'net', '--prune')
        assert call(tools / 'export.py', world / 'found', supernet, *options, '--index', 0) == 0
    shutil.copytree(kept, tmp_path / 'out')
    return tmp_path / 'out'


def stock_test(call, folder, *options):
    """The metrics that mmpose's own tools/test.py writes."""
    out = folder / 'metrics.json'
    names = (folder / 'net.py', folder / 'net.pth', '--out', out, '--work-dir', folder / 'work')
    assert call(STOCK_TEST, *names, *options) == 0
    return json.loads(out.read_text())


def test_the_stock_test_gives_the_score_in_the_supernet(world, exported, call):
    card = json.loads((exported / 'net.json').read_text())
    inside, alone = card['metrics']['test'], card['metrics']['exported']
    assert inside['coco/AP'] == alone['coco/AP'] > 0
    assert 'scalenas.SuperNet' not in (exported / 'net.py').read_text()
    flipped = stock_test(call, exported)
    assert flipped['coco/AP'] == pytest.approx(inside['coco/AP'], abs=1e-12)
    # The mirror image takes part: without it the score is another.
    plain = stock_test(call, exported, '--cfg-options', 'model.test_cfg.flip_test=False')
    assert plain != flipped


def test_what_nothing_reads_is_not_written(world, exported):
    front = json.loads((world / 'found' / 'front.json').read_text())
    whole, written = from_file(world / 'found' / front[0]['arch']), from_file(exported / 'net.yaml')
    assert written == pruned(whole)
    card = json.loads((exported / 'net.json').read_text())
    assert card['pruned']['blocks'] == whole.num_blocks - written.num_blocks
    assert card['pruned']['fusions'] == whole.num_fusions - written.num_fusions
    assert card['pruned']['params'] == front[0]['cost']['params'] - card['cost']['params']
    assert card['metrics']['search'] == front[0]['metrics']


def test_the_usual_options(exported, world, call):
    """Detected boxes instead of true ones, painted predictions, and predictions in a file."""
    boxes = [
        {'image_id': 101 + i, 'category_id': 1, 'bbox': [2, 2, 60, 60], 'score': 0.9 - 0.1 * i}
        for i in range(2)
    ]
    detected = exported / 'boxes.json'
    detected.write_text(json.dumps(boxes))
    options = ('--show-dir', exported / 'shown', '--dump', exported / 'predictions.pkl')
    boxes_of = f'test_dataloader.dataset.bbox_file={detected}'
    found = stock_test(call, exported, *options, '--cfg-options', boxes_of)
    assert set(found) >= {'coco/AP', 'coco/AR'}
    assert len(list((exported / 'shown').glob('*.jpg'))) == len(boxes)
    assert (exported / 'predictions.pkl').stat().st_size > 0

    # Ours, with a supernet's option too; a box file that is missing is one line.
    ours = REPO / 'tools' / 'test.py'
    names = (exported / 'net.py', exported / 'net.pth', '--work-dir', exported / 'ours')
    options = ('--show-dir', exported / 'painted', '--out', exported / 'kept')
    assert call(ours, *names, *options, '--cfg-options', boxes_of) == 0
    assert len(list((exported / 'painted').glob('*.jpg'))) == len(boxes)
    kept = json.loads((exported / 'kept' / 'predictions.keypoints.json').read_text())
    assert len(kept) == len(boxes)


def test_a_box_file_that_is_missing_is_one_line(exported, call, capsys):
    ours = REPO / 'tools' / 'test.py'
    names = (exported / 'net.py', exported / 'net.pth', '--work-dir', exported / 'ours')
    missing = f'test_dataloader.dataset.bbox_file={exported / "gone.json"}'
    assert call(ours, *names, '--cfg-options', missing) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith('error: test_dataloader: /')
    assert 'gone.json' in line


def test_the_inference_of_mmpose_knows_the_joints(exported):
    from mmpose.apis import inference_topdown, init_model
    from mmpose.registry import VISUALIZERS
    from mmpose.structures import merge_data_samples

    model = init_model(str(exported / 'net.py'), str(exported / 'net.pth'), device='cpu')
    image = np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)
    (sample,) = inference_topdown(model, image)
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)
    settings = dict(type='PoseLocalVisualizer', name=str(exported))
    visualizer = VISUALIZERS.build(settings)
    visualizer.set_dataset_meta(model.dataset_meta)
    painted = visualizer.add_datasample(
        'net', image, merge_data_samples([sample]), draw_gt=False, kpt_thr=0.0
    )
    assert not np.array_equal(visualizer.get_image(), image)
    assert painted is None or painted.shape[2] == 3
