"""The way of a user: tools/scale.py grows a network, tools/train.py trains the config it wrote."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from scalenas.arch import dump, from_dict, from_file
from scalenas.scaling import grow
from tests.configs.shrink import SIZE, Worlds, narrow
from tests.models.test_families import SMALL_Z

from .conftest import REPO


@pytest.fixture(scope='module')
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp('worlds'))


def small_run(worlds: Worlds, kind: str) -> list[str]:
    """What a user adds to try a config out: own data, two steps, small batches, no GPU."""
    found = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'env_cfg.cudnn_benchmark=False']
    for split in ('train', 'val'):
        found += [
            f'{split}_dataloader.dataset.data_root={worlds.of(kind)}',
            f'{split}_dataloader.batch_size=2',
            f'{split}_dataloader.num_workers=0',
            f'{split}_dataloader.persistent_workers=False',
        ]
    if kind == 'ImageNet':
        # Of the weights an average is kept, which begins before the end.
        return [*found, 'custom_hooks.1.begin_iter=1', 'custom_hooks.1.interval=1']
    return [
        *found,
        f'model.data_preprocessor.size=({SIZE},{SIZE})',
        'model.backbone.norm_cfg.type=BN',
        'model.decode_head.norm_cfg.type=BN',
        'model.decode_head.loss_decode.min_kept=500',
        f'train_dataloader.dataset.pipeline.2.scale=({SIZE},{SIZE})',
        f'train_dataloader.dataset.pipeline.3.crop_size=({SIZE},{SIZE})',
        f'val_dataloader.dataset.pipeline.1.scale=({SIZE},{SIZE})',
    ]


def assert_trained(work: Path, config: Path, arch: Path) -> None:
    """Two steps moved the weights of the very network that was written, all finite."""
    state = torch.load(work / 'iter_2.pth', weights_only=False)['state_dict']  # of this test
    cfg, grown = Config.fromfile(config), from_file(arch)
    assert from_dict(cfg.model.backbone.arch) == grown
    size = grown.size or (64, 64)
    for layer in grown.layers(size):
        shape = (layer.c_out, layer.c_in // layer.groups, layer.kernel, layer.kernel)
        assert tuple(state[f'backbone.{layer.name}.weight'].shape) == shape
    assert all(value.isfinite().all() for value in state.values() if value.is_floating_point())


SMALL = {
    # Name of the base, its arch, what is asked, the datasets of the written config.
    'z': (SMALL_Z, ('fast', '--max-macs', '4e8'), 'ImageNet'),
    's1': (
        from_dict(narrow('scalenas_s1')),
        ('compound', '--factor', '2', '--size', '1024', '2048', '--head', 'seg:19'),
        'scalenas.CityscapesCities',
    ),
}


@pytest.mark.parametrize('name', SMALL)
def test_a_small_network_is_grown_and_trained(tool, worlds, tmp_path, monkeypatch, name):
    base, asked, kind = SMALL[name]
    monkeypatch.chdir(tmp_path)
    Path('base.yaml').write_text(dump(base))
    arguments = ['base.yaml', *asked, '--out', 'big.yaml', '--config', 'big.py']
    monkeypatch.setattr('sys.argv', ['scale.py', *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(REPO / 'tools' / 'scale.py'), run_name='__main__')
    assert not end.value.code
    assert from_file('big.yaml').num_blocks > base.num_blocks
    options = [*small_run(worlds, kind), f'visualizer.name={name}']
    assert tool('train', 'big.py', '--work-dir', 'work', '--cfg-options', *options) == 0
    assert_trained(Path('work'), Path('big.py'), Path('big.yaml'))


PUBLISHED = [
    (('regnetz_500mf', 'fast', '--max-macs', '4e9'), 'ImageNet'),
    (
        ('scalenas_s1', 'compound', '--factor', '2', '--size', '1024', '2048', '--head', 'seg:19'),
        'scalenas.CityscapesCities',
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(('asked', 'kind'), PUBLISHED, ids=['regnetz', 's1'])
def test_a_published_network_is_grown_and_trained(asked, kind, worlds, tmp_path):
    """The two commands as they are given in a shell."""
    environment = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}

    def run(tool: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(REPO / 'tools' / tool), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run('scale.py', *asked, '--out', 'big.yaml', '--config', 'big.py')
    run('train.py', 'big.py', '--work-dir', 'work', '--cfg-options', *small_run(worlds, kind))
    assert_trained(tmp_path / 'work', tmp_path / 'big.py', tmp_path / 'big.yaml')


def test_pictures_grow_with_the_network(tmp_path, monkeypatch):
    """Twice the macs of a dense net: part of them lies in its input."""
    monkeypatch.chdir(tmp_path)
    base, asked, _ = SMALL['s1']
    Path('base.yaml').write_text(dump(base))
    arguments = ['base.yaml', *asked, '--config', 'big.py']
    monkeypatch.setattr('sys.argv', ['scale.py', *arguments])
    with pytest.raises(SystemExit):
        runpy.run_path(str(REPO / 'tools' / 'scale.py'), run_name='__main__')
    cfg = Config.fromfile('big.py')
    grown, _ = grow(base, 'compound', 2, size=(1024, 2048))
    by = grown.reached.resolution
    assert grown.size[0] == 1024 * by
    assert by == pytest.approx(2 ** (1 / 6), rel=0.01)
    assert cfg.val_dataloader.dataset.pipeline[1].scale == (round(2048 * by), grown.size[0])
    crop = (round(512 * by), round(1024 * by))
    assert cfg.train_dataloader.dataset.pipeline[3].crop_size == crop
    assert cfg.model.data_preprocessor.size == crop
