"""Bottom-up recipes: what they build costs what table 3 prints, as it runs and by its plan."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from scalenas.complexity import Cost
from scalenas.evaluation.trace import trace
from scalenas.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'configs/scalenas_pose/coco_bottomup'
ROWS = {  # exact parameters and multiply-adds, as in tests/arch/test_bottomup_head.py; printed
    'higher_hrnet_w32_8xb12-300e_coco-512x512': (28_645_331, 46_203_404_288, '28.6', '47.9'),
    'higher_scalenas_p1_8xb12-300e_coco-512x512': (28_592_851, 45_216_694_272, '28.6', '46.9'),
    'higher_hrnet_w48_8xb10-300e_coco-640x640': (63_827_139, 149_468_774_400, '63.8', '154.3'),
    'higher_scalenas_p4_8xb10-300e_coco-640x640': (64_397_331, 138_305_126_400, '64.4', '141.5'),
}


def traced(path: Path, side: int) -> Cost:
    cfg = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
        model = MODELS.build(cfg.model)
    found = trace(model, (side, side))
    assert found['params'] == sum(p.numel() for p in model.parameters())
    return found


@pytest.mark.parametrize('name', ROWS)
def test_rows_of_table_3(name: str) -> None:
    params, macs, millions, giga = ROWS[name]
    side, path = int(name[-3:]), FOLDER / f'{name}.py'
    found = traced(path, side)
    assert (found['params'], found['macs']) == (params, macs)
    assert f'{millions} M parameters, {giga} G multiply-adds at {side}x{side}' in path.read_text()
    scales = FOLDER / f'{name.replace("300e", "300e-multiscale")}.py'
    assert scales.exists() == (side == 640)
    if scales.exists():
        assert traced(scales, side) == found
