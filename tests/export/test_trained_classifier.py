"""Classification, from training through evaluation to export: what leaves the supernet is exact."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner

from scalenas.arch import ClassificationHead, dump
from scalenas.complexity import Budget, Counter
from scalenas.evaluation import SubnetEvaluator, calibrated
from scalenas.export import Graphs, choose, export_subnet, load_exported
from scalenas.models.checkpoint import load_checkpoint
from scalenas.search import SearchPlan
from scalenas.space import AbstractSpace, from_dict
from tests.errors import contains, raises

from .classifier import BIG, CLASSES, SCALED, config, write_pictures

RECIPES: dict[str, tuple[AbstractSpace[Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    'bignas': (
        BIG,
        {'type': 'scalenas.SuperMBConvNet', 'zero_init_residual': True},
        {'type': 'scalenas.SuperLinearClsHead', 'in_channels': 32},
        {'type': 'sandwich', 'num_random': 1},
    ),
    'scalenet': (
        SCALED,
        {'type': 'scalenas.ChoiceMBConvNet'},
        {'type': 'LinearClsHead', 'in_channels': 24},
        {'type': 'hierarchical', 'eta': 'size'},
    ),
}


def recipe(root: Path, name: str) -> Config:
    """The config of one of the recipes."""
    space, backbone, head, sampler = RECIPES[name]
    backbone = {**backbone, 'space': space.to_dict(), 'resize': True}
    return config(root, backbone, head, sampler)


@pytest.fixture(scope='module', params=list(RECIPES))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name of the recipe, its config and its checkpoint after three iterations."""
    root = tmp_path_factory.mktemp(request.param)
    write_pictures(root, {'train': 6, 'search': 3, 'test': 4})
    cfg = recipe(root, request.param)
    cfg.work_dir, cfg.experiment_name = str(root), root.name
    Runner.from_cfg(cfg).train()
    return request.param, cfg, root / 'iter_3.pth'


def test_the_checkpoint_names_its_space_and_every_weight_was_trained(trained: Any) -> None:
    name, cfg, weights = trained
    checkpoint = load_checkpoint(weights)
    space = RECIPES[name][0]
    assert from_dict(checkpoint['meta']['scalenas']['space']) == space
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    assert model.state_dict().keys() == checkpoint['state_dict'].keys()
    momentum = checkpoint['optimizer']['state']
    if name == 'bignas':  # the largest net of every step runs them all
        assert len(momentum) == len(list(model.parameters()))


def test_a_sub_net_scores_the_same_whatever_ran_before(trained: Any) -> None:
    name, cfg, weights = trained
    space, rng = RECIPES[name][0], random.Random(0)
    evaluate = SubnetEvaluator.from_config(cfg, weights)
    archs = [space.smallest(), space.largest(), space.sample(rng)]
    before = {k: v.clone() for k, v in evaluate.model.state_dict().items()}
    first = [evaluate(arch) for arch in archs]
    assert first == [evaluate(arch) for arch in archs]
    after = evaluate.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_costs_are_those_of_the_networks_at_their_own_resolution(trained: Any) -> None:
    name, cfg, weights = trained
    space, rng = RECIPES[name][0], random.Random(1)
    plan = SearchPlan.from_dict(cfg.search)
    evaluate = SubnetEvaluator.from_config(cfg, weights)
    counter = evaluate.counter(plan.size)
    wanted = Counter(head=ClassificationHead(len(CLASSES)))
    for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(5))]:
        assert counter(arch) == wanted(arch)
    search = plan.with_(
        num_total=4, budget=Budget(macs=(None, wanted(space.largest())['macs'] / 2))
    ).build(space, counter)
    found = search.generation(0, [], rng)
    assert len(found) == 4
    assert all(wanted(arch)['macs'] <= wanted(space.largest())['macs'] / 2 for arch in found)
    with raises(where='search.size', got=(32, 32)):
        evaluate.counter((32, 32))


def test_exported_nets_are_the_sub_nets(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cfg, weights = trained
    space = RECIPES[name][0]
    archs = {'small': space.smallest(), 'any': space.sample(random.Random(2))}
    for title, arch in {**archs, 'large': space.largest()}.items():
        path = tmp_path / f'{title}.yaml'
        path.write_text(dump(arch))
        graphs = Graphs(onnx=title == 'any')  # of the net's own resolution
        exported = export_subnet(choose(str(path)), cfg, weights, tmp_path / 'out', graphs=graphs)
        assert exported.difference.double <= 1e-10
        assert exported.alone == pytest.approx(exported.in_supernet, abs=1e-6)
        plain = Config.fromfile(tmp_path / f'out/{title}.py')
        assert plain.model.type == 'ImageClassifier'
        assert plain.model.backbone.type == 'scalenas.ScaleMBConvNet'
        assert plain.model.head.type == 'LinearClsHead'
        assert plain.model.head.in_channels == arch.conv_out
        static = load_exported(tmp_path / f'out/{title}.py', tmp_path / f'out/{title}.pth')
        # Any image of the right crop, at the crop's own size: the net resizes by itself.
        assert static(torch.zeros(1, 3, 32, 32), mode='tensor').shape == (1, len(CLASSES))
    with raises(where='--size', got=(32, 32), hint='leave it out'):
        export_subnet(choose(str(path)), cfg, weights, tmp_path / 'out', size=(32, 32))
    with raises(where='--prune', got='mbconv', allowed=contains('hrnet')):
        export_subnet(choose(str(path)), cfg, weights, tmp_path / 'out', prune=True)
    own = f'{name}_alone'  # a module of one's own, for both nets are imported by this process
    export_subnet(choose(str(path)), cfg, weights, tmp_path / 'alone', own, standalone=True)
    monkeypatch.syspath_prepend(tmp_path / 'alone')
    alone = load_exported(tmp_path / f'alone/{own}_standalone.py', tmp_path / f'alone/{own}.pth')
    assert alone.backbone.resize is static.backbone.resize is True
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(alone(x, mode='tensor'), static(x, mode='tensor'))


@pytest.mark.parametrize('trained', ['bignas'], indirect=True)
def test_a_resolution_that_was_not_trained_is_scored_and_exported(
    trained: Any, tmp_path: Path
) -> None:
    """BigNAS, section 4.1: after calibration, at the new resolution, as any other network."""
    _, cfg, weights = copy.deepcopy(trained)
    cfg.model.architecture.backbone.space.resolution = [24, 28, 40]
    evaluate = SubnetEvaluator.from_config(cfg, weights)
    arch = evaluate.space.where('resolution', (28,)).largest()
    near = arch.with_(resolution=24)
    statistics = []
    for one in (arch, near):
        with calibrated(evaluate.model, one, evaluate.calibration):
            statistics.append(evaluate.model.backbone.steps[0].bn.running_var.clone())
    assert not torch.equal(*statistics)
    assert evaluate(arch)['accuracy/top1'] >= 0
    assert evaluate.counter(None)(near)['macs'] < evaluate.counter(None)(arch)['macs']
    path = tmp_path / 'unseen.yaml'
    path.write_text(dump(arch))
    exported = export_subnet(choose(str(path)), cfg, weights, tmp_path / 'out')
    assert exported.difference.double <= 1e-10
    assert Config.fromfile(tmp_path / 'out/unseen.py').model.backbone.arch.resolution == 28
    cfg.model.architecture.backbone.space.resolution = [24, 72]
    evaluate = SubnetEvaluator.from_config(cfg, weights)
    with raises(where='resize', got=(32, 32), names=('72x72',)):
        evaluate(evaluate.space.smallest())
