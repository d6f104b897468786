"""`--deploy`: the written pair computes what the plain pair does, and cannot be trained."""

from __future__ import annotations

import copy
from operator import contains
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.deploy import deployed
from scalenas.errors import ExportError, UserError
from scalenas.export import Exported, choose, export_subnet, load_exported
from scalenas.export.deployed import write_deployed
from scalenas.registry import MODELS
from scalenas.tasks import task_of_model
from tests.errors import raises
from tests.evaluation.world import config
from tests.models.test_drop_in import MODELS as TASK_MODELS
from tests.models.world import lively


@pytest.fixture(scope='module')
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with its deployed form, called `drawn`."""
    out = tmp_path_factory.mktemp('deployed')
    choice = choose(str(root / 'drawn.yaml'))
    found = export_subnet(choice, config(root), root / 'supernet.pth', out, deploy=True)
    assert found.deployed is not None
    assert found.deployed.double <= 1e-10
    assert found.deployed.single > 0  # another order of sums
    assert str(found.deployed) in str(found)
    assert out / 'drawn_deployed.py' in found.files
    return out


def test_the_pair_gives_what_the_plain_pair_gives(folder: Path) -> None:
    plain = load_exported(folder / 'drawn.py', folder / 'drawn.pth')
    ready = load_exported(folder / 'drawn_deployed.py', folder / 'drawn_deployed.pth')
    assert not any(isinstance(module, _BatchNorm) for module in ready.modules())
    for size in ((96, 64), (75, 41)):
        x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted, got = plain(x), ready(x)
        assert wanted.std() > 1e-3
        assert (wanted - got).abs().max() <= 1e-5 * wanted.abs().max()


def test_other_files_are_as_without_it(folder: Path, exported: Exported, root: Path) -> None:
    for suffix in ('py', 'pth', 'yaml', 'json'):
        name = f'drawn.{suffix}'
        assert (folder / name).read_bytes() == (root / 'out' / name).read_bytes()


def test_a_runner_tests_it_and_does_not_train_it(
    folder: Path, exported: Exported, tmp_path: Path
) -> None:
    cfg = Config.fromfile(folder / 'drawn_deployed.py')
    cfg.work_dir, cfg.load_from = str(tmp_path), str(folder / 'drawn_deployed.pth')
    runner = Runner.from_cfg(cfg)
    metrics = runner.test()
    for name, value in exported.alone.items():
        assert metrics[name] == pytest.approx(value, abs=0.01)  # it rounds
    with raises(UserError, where='train()', hint=lambda text: 'plain' in text):
        runner.train()


def test_nothing_is_written_without_the_proof(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: nn.Module) -> nn.Module:
        form: Any = deployed(model)
        with torch.no_grad():
            form.decode_head.conv_seg.bias += 1e-6
        return form

    monkeypatch.setattr('scalenas.export.deployed.deployed', wrong)
    choice = choose(str(root / 'drawn.yaml'))
    problem = lambda text: contains(text, 'is not the exported net')  # noqa: E731
    with raises(ExportError, where='drawn', problem=problem):
        export_subnet(choice, config(root), root / 'supernet.pth', tmp_path, deploy=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('package', 'head', 'kept'),
    [
        ('mmseg', {}, 0),
        ('mmdet', {}, 0),
        ('mmpose', {}, 0),
        # Norms that a config cannot leave out: those of a neck, and of a head's code.
        ('mmpretrain', {}, 20),
        ('mmpose', {'deconv_out_channels': (8,), 'deconv_kernel_sizes': (4,)}, 1),
    ],
)
def test_models_of_every_package(
    package: str, head: dict[str, Any], kept: int, tmp_path: Path
) -> None:
    cfg = copy.deepcopy(TASK_MODELS[package])
    if head:
        cfg['head'].update(head)
    with DefaultScope.overwrite_default_scope(package):
        model: Any = MODELS.build(ConfigDict(cfg))
    lively(model).float()
    variables = {
        'default_scope': package,
        'custom_imports': {'imports': ['scalenas.models'], 'allow_failed_imports': False},
        'model': cfg,
    }
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    batch = {'inputs': x, 'data_samples': None}
    gap = write_deployed(model, variables, 'of a test', {}, tmp_path, 'net', [batch])
    assert gap.double <= 1e-10
    built = load_exported(tmp_path / 'net_deployed.py', tmp_path / 'net_deployed.pth')
    assert sum(isinstance(module, _BatchNorm) for module in built.modules()) == kept
    raw = task_of_model(model).raw_outputs
    with torch.no_grad():
        wanted, got = (raw(m, x) for m in (model, built))
    while not isinstance(wanted, torch.Tensor):
        wanted, got = wanted[0], got[0]
    assert (wanted - got).abs().max() <= 1e-5 * wanted.abs().max()
