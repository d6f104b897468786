"""From a trained, wrapped supernet and a search's front to an exported net, with the real tools."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from scalenas.complexity import Budget
from scalenas.evaluation import SubnetEvaluator
from scalenas.export import choose, export_subnet, load_exported
from scalenas.search.objectives import Objectives
from scalenas.search.record import Record
from scalenas.search.report import write_report
from tests.evaluation.world import SPACE, config


def test_train_search_export(root: Path, tmp_path: Path) -> None:
    cfg = config(root, wrapped=True)
    cfg.work_dir, cfg.experiment_name = str(tmp_path), tmp_path.name
    runner = Runner.from_cfg(cfg)
    runner.train()
    weights = tmp_path / 'iter_4.pth'

    evaluate = SubnetEvaluator.from_config(cfg, weights)
    counter, rng = evaluate.counter((64, 64)), random.Random(0)
    records = [
        Record(slot=n, arch=arch, cost=counter(arch), metrics=evaluate(arch), generation=0)
        for n, arch in enumerate([SPACE.smallest(), *(SPACE.sample(rng) for _ in range(3))])
    ]
    write_report(records, Objectives.from_dict(('mIoU', 'macs')), tmp_path)
    smallest = records[0].cost['macs']
    choice = choose(str(tmp_path), 'mIoU', budget=Budget(macs=(None, smallest)))
    assert choice.arch == SPACE.smallest()

    exported = export_subnet(choice, cfg, weights, tmp_path / 'out')
    assert exported.difference.equal
    assert exported.alone == pytest.approx(exported.in_supernet, abs=1e-6)
    assert exported.cost == choice.cost
    static = load_exported(tmp_path / 'out/subnet_0000.py', tmp_path / 'out/subnet_0000.pth')
    trained = torch.load(weights, weights_only=False)['state_dict']
    for name in ('backbone.conv1.weight', 'decode_head.conv_seg.weight'):
        assert torch.equal(static.state_dict()[name], trained[f'architecture.{name}'])
