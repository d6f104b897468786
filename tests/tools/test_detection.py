"""A search with a detector as task model, from training to mmdet's own tools/test.py."""

from __future__ import annotations

import contextlib
import json
import re
import runpy
from pathlib import Path

import mmdet
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub

from scalenas.arch import RCNNHead, from_file
from scalenas.complexity import Counter
from scalenas.evaluation.precision import unrounded
from scalenas.training.launch import build_runner
from scalenas.training.tap import tapped
from tests.configs.shrink import SIZE, Worlds, shrink
from tests.configs.test_configs import teacher_of

REPO = Path(__file__).parents[2]
CONFIG = 'configs/scalenas_det/coco/search_w32_faster_rcnn_coco.py'


@pytest.fixture
def small(tmp_path: Path) -> Config:
    """The shipped search config in small, which learns to find rectangles in some steps."""
    cfg = shrink(Config.fromfile(REPO / CONFIG), Worlds(tmp_path), tmp_path / 'work')
    torch.manual_seed(0)
    cfg.model.init_from.checkpoint = teacher_of(cfg, tmp_path / 'teacher.pth')
    cfg.train_cfg.max_iters = cfg.train_cfg.val_interval = 30
    cfg.optim_wrapper.optimizer = {'type': 'Adam', 'lr': 0.003}
    cfg.param_scheduler = []
    cfg.model.distillation.weight = 0.01  # the teacher here knows nothing
    return cfg


def run_tool(monkeypatch: pytest.MonkeyPatch, path: Path, *arguments: object) -> None:
    """As its command line would; ours end by exit code 0, mmdet's without."""
    monkeypatch.setattr('sys.argv', [str(path), *map(str, arguments)])
    ours = REPO in path.parents
    with pytest.raises(SystemExit) if ours else contextlib.nullcontext() as end:
        runpy.run_path(str(path), run_name='__main__')
    assert not ours or end.value.code == 0


def test_train_search_export_stock_test(
    small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = build_runner(small, ('train_dataloader', 'val_dataloader'))
    runner.train()
    kd, _ = runner.message_hub.get_scalar('train/loss_kd').data
    assert all(0 < loss < float('inf') for loss in kd)
    weights, config, found = (
        tmp_path / 'work/iter_30.pth',
        tmp_path / 'search.py',
        tmp_path / 'found',
    )
    small.dump(config)
    run_tool(monkeypatch, REPO / 'tools/search.py', config, weights, '--work-dir', found)
    front = json.loads((found / 'front.json').read_text())
    # Costs are of the whole detector.
    head = RCNNHead(80, channels=16, hidden=32)
    for entry in front:
        arch = from_file(found / entry['arch'])
        cost = dict(Counter((SIZE, SIZE), head)(arch))
        assert entry['cost']['macs'] == cost['macs']
        assert 'coco/bbox_mAP' in entry['metrics']

    run_tool(
        monkeypatch,
        *(REPO / 'tools/export.py', found, weights, '--config', config),
        *('--out', tmp_path / 'out', '--name', 'mine', '--size', SIZE, SIZE),
    )
    card = json.loads((tmp_path / 'out/mine.json').read_text())
    inside, alone = card['metrics']['test'], card['metrics']['exported']
    assert inside == alone
    assert inside['coco/bbox_mAP'] > 0

    stock = Path(mmdet.__file__).parent / '.mim/tools/test.py'
    out = tmp_path / 'stock'
    exported = tmp_path / 'out/mine.py', tmp_path / 'out/mine.pth'
    run_tool(monkeypatch, stock, *exported, '--work-dir', out)
    (scores,) = (json.loads(path.read_text()) for path in out.glob('*/*.json'))
    for name, value in inside.items():
        assert scores[name] == round(value, 3), name
    ours = set(re.findall(r"'(scalenas[.\w]*)'", exported[0].read_text()))
    assert ours == {'scalenas.models', 'scalenas.ScaleHRNet'}


def test_a_net_that_finds_nothing_scores_zero(small: Config) -> None:
    """mmdet's metric leaves its scores out then, which would end a search."""
    small.model.architecture.test_cfg.rcnn.score_thr = 1.0
    small.model.init_from = None
    small.model.distillation = None
    runner = build_runner(small, ())
    evaluator = unrounded(runner.build_evaluator(small.search_evaluator))
    loader = runner.build_dataloader(small.search_dataloader)
    evaluator.dataset_meta = loader.dataset.metainfo
    model = runner.model.eval()
    with torch.no_grad():
        for batch in loader:
            evaluator.process(data_samples=model.test_step(batch), data_batch=batch)
    scores = evaluator.evaluate(len(loader.dataset))
    assert scores['coco/bbox_mAP'] == 0.0


@pytest.mark.parametrize('tap', ['rpn_head.rpn_cls', 'neck.reduction_conv'])
def test_what_a_detector_can_be_distilled_on(small: Config, tap: str) -> None:
    """Teacher and student run the layer equally often: the teacher's own copy has no loss."""
    small.model.distillation.tap = tap
    small.model.sampler = {'type': 'fixed', 'arch': 'largest'}
    small.model.architecture.backbone.norm_eval = True
    runner = build_runner(small, ('train_dataloader',))
    runner.model.init_weights()
    runner.model.train()
    batch = next(iter(runner.build_dataloader(small.train_dataloader)))
    MessageHub.get_current_instance().update_info('iter', 0)
    losses = runner.model(**runner.model.data_preprocessor(batch, True), mode='loss')
    assert losses['loss_kd'] == 0.0
    assert losses['loss_cls'] > 0


def test_distillation_compares_the_objectness_of_every_level(small: Config) -> None:
    """By hand: the mean over the five levels of the squared difference, for a smaller net."""
    small.model.distillation.weight = 0.7
    small.model.sampler = {'type': 'fixed', 'arch': 'smallest'}
    runner = build_runner(small, ('train_dataloader',))
    model = runner.model
    model.init_weights()
    model.train()
    batch = next(iter(runner.build_dataloader(small.train_dataloader)))
    data = model.data_preprocessor(batch, True)
    MessageHub.get_current_instance().update_info('iter', 0)
    teacher = model._teacher[0].model
    with torch.no_grad(), tapped(teacher, 'rpn_head.rpn_cls') as wanted:
        teacher.rpn_head(teacher.extract_feat(data['inputs']))
    with tapped(model.architecture, 'rpn_head.rpn_cls') as found:
        losses = model(**data, mode='loss')
    assert len(found) == len(wanted) == 5
    assert len({level.shape for level in found}) == 5
    squared = [((a - b) ** 2).mean() for a, b in zip(found, wanted, strict=True)]
    assert losses['loss_kd'] > 0
    assert torch.allclose(losses['loss_kd'], 0.7 * sum(squared) / 5)
