"""The single-file backbone where this package cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scalenas import family_of
from scalenas.arch import list_archs, named
from scalenas.export import Exported, load_exported
from scalenas.export.standalone import class_name, module_name, standalone_source
from tests.evaluation.world import archs
from tests.models.world import INNER, lively
from tests.processes import run_code

SCRIPT = """
import sys, warnings
sys.path.insert(0, r'{folder}')
sys.modules['scalenas'] = None
for name in ('mmcv', 'mmseg'):
    sys.modules[name] = None
import torch
torch.set_num_threads({threads})
import mmengine.model
from mmengine.registry import MODELS
warnings.simplefilter('error')
import {module}
net = MODELS.build(dict(type='{name}', init_cfg=dict(
    type='Pretrained', checkpoint=r'{weights}', prefix='backbone.')))
net.init_weights()
net.eval()
with torch.no_grad():
    maps = net(torch.load(r'{images}', weights_only=True))
torch.save(maps, r'{maps}')
assert not [name for name in sys.modules if name.startswith('scalenas.')]
"""


def test_it_gives_the_same_maps_without_the_package(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    images = torch.randn(2, 3, 64, 96)
    torch.save(images, tmp_path / 'images.pt')
    code = SCRIPT.format(
        module='drawn_backbone',
        name='ScaleHRNet_drawn',
        weights=root / 'out/drawn.pth',
        images=tmp_path / 'images.pt',
        maps=tmp_path / 'maps.pt',
        folder=root / 'out',
        threads=torch.get_num_threads(),
    )
    done = run_code(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    static = load_exported(root / 'out/drawn.py', root / 'out/drawn.pth')
    with torch.no_grad():
        expected = static.backbone(images)
    found = torch.load(tmp_path / 'maps.pt', weights_only=True)
    assert len(found) == len(expected) == 4
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize('name', ['hrnet_w18_small', 'inner', 'efficientnet_b0', 'regnety_200mf'])
def test_a_net_of_every_family_gives_the_same_maps_alone(name: str, tmp_path: Path) -> None:
    arch = INNER.smallest() if name == 'inner' else named(name)
    net = lively(family_of(arch).net(arch)).float()
    (tmp_path / f'{module_name(name)}.py').write_text(standalone_source(arch, name))
    state = {f'backbone.{key}': value for key, value in net.state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'net.pth')
    images = torch.randn(1, 3, 64, 96)
    torch.save(images, tmp_path / 'images.pt')
    code = SCRIPT.format(
        module=module_name(name),
        name=class_name(arch, name),
        weights=tmp_path / 'net.pth',
        images=tmp_path / 'images.pt',
        maps=tmp_path / 'maps.pt',
        folder=tmp_path,
        threads=torch.get_num_threads(),
    )
    done = run_code(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    with torch.no_grad():
        expected = net(images)
    found = torch.load(tmp_path / 'maps.pt', weights_only=True)
    assert len(found) == len(expected) >= 1
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    'name',
    [
        *(n for n in list_archs('hrnet') if n.endswith(('s1', 'p4', 'small'))),
        *('bignas_s', 'scalenet_s1', 'regnetz_4gf', 'resnet50'),
    ],
)
def test_named_archs_make_source_that_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    (tmp_path / 'net.py').write_text(standalone_source(named(name), name))
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-m', 'py_compile', str(tmp_path / 'net.py')],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_source_imports_torch_and_mmengine_only() -> None:
    assert class_name(archs(1)[0], 'a b-1') == 'ScaleHRNet_a_b_1'
    for arch in (archs(1)[0], named('bignas_s'), named('regnety_200mf')):
        assert_of_torch_and_mmengine_only(standalone_source(arch, 'a b-1'))


def assert_of_torch_and_mmengine_only(source: str) -> None:
    top = {
        line.split()[1].split('.')[0]
        for line in source.splitlines()
        if line.startswith(('import', 'from'))
    }
    assert {name for name in top if name not in sys.stdlib_module_names} == {'torch', 'mmengine'}
    assert 'import scalenas' not in source
    assert 'from scalenas' not in source
    done = subprocess.run(
        [sys.executable, '-m', 'ruff', 'check', '--isolated', '--select', 'F', '-'],
        input=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
