"""Validation of sub-nets inside mmengine's Runner, its hooks and the stock test tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mmseg
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from scalenas.arch import dump
from scalenas.evaluation import SubnetEvaluator
from tests.errors import raises

from ..processes import run_tool
from .world import SPACE, archs


def runner(cfg: Config, work_dir: Path, **changes: object) -> Runner:
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.merge_from_dict(changes)
    return Runner.from_cfg(cfg)


def test_metrics_are_the_evaluators_under_each_name(
    cfg: Config, root: Path, tmp_path: Path
) -> None:
    arch = archs(3)[2]
    (tmp_path / 'drawn.yaml').write_text(dump(arch))
    cfg.default_hooks.checkpoint.save_best = None
    cfg.val_cfg.archs = ['smallest', str(tmp_path / 'drawn.yaml'), SPACE.largest().to_dict()]
    runs = runner(cfg, tmp_path, load_from=str(root / 'supernet.pth'))
    found = runs.val()
    evaluate = SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    for name, each in zip(
        ('smallest', 'drawn', 'net3'), (SPACE.smallest(), arch, SPACE.largest()), strict=True
    ):
        assert found[f'{name}/mIoU'] == evaluate(each)['mIoU']
    state = torch.load(root / 'supernet.pth', weights_only=True)['state_dict']
    assert all(torch.equal(value, state[key]) for key, value in runs.model.state_dict().items())


def test_training_keeps_the_best_by_one_sub_net(cfg: Config, tmp_path: Path) -> None:
    runs = runner(cfg, tmp_path)
    runs.train()
    assert runs.iter == 4
    assert list(tmp_path.glob('best_largest_mIoU_iter_4.pth'))
    for name in ('smallest', 'largest'):
        assert runs.message_hub.get_scalar(f'val/{name}/mIoU').current() > 0


@pytest.mark.parametrize(
    ('chosen', 'fields'),
    [
        (['hrnet_w18'], {'names': ('not in the space',)}),
        (['larges'], {'got': 'larges'}),
        (['smallest', 'smallest'], {'where': 'archs', 'got': 'smallest'}),
        ([], {'where': 'SubnetValLoop.archs', 'got': []}),
    ],
)
def test_a_wrong_choice(
    cfg: Config, tmp_path: Path, chosen: list[str], fields: dict[str, Any]
) -> None:
    cfg.val_cfg.archs = chosen
    with raises(**fields):
        runner(cfg, tmp_path).val()


def test_the_stock_test_tool_runs_it(cfg: Config, root: Path, tmp_path: Path) -> None:
    tool = Path(mmseg.__file__).parent / '.mim/tools/test.py'
    args = [root / 'supernet.py', root / 'supernet.pth', '--work-dir', tmp_path]
    done = run_tool(tool, *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(next(tmp_path.glob('*/*.json')).read_text())
    evaluate = SubnetEvaluator.from_config(cfg, root / 'supernet.pth', split='test')
    assert found['smallest/mIoU'] == evaluate(SPACE.smallest())['mIoU']
