"""A checkpoint that cannot be trusted is one line, by whichever way it comes in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from scalenas.arch import dump
from scalenas.errors import CheckpointError
from scalenas.evaluation import SubnetEvaluator
from scalenas.training.launch import build_runner

from ..evaluation.world import (
    SPACE,
    architecture,
    archs,
    checkpoint,
    config,
    segmentor,
    supernet,
    write_pictures,
)
from ..models.released import released
from .test_bad_input import files, run

STEM = 'backbone.conv1.weight'
WRAPPED = f'architecture.{STEM}'


def nan(content: Any, key: str) -> None:
    content['state_dict'][key].view(-1)[5] = float('nan')


def int8(content: Any, key: str) -> None:
    content['state_dict'][key] = (content['state_dict'][key] * 50).to(torch.int8)


def listed(content: Any, key: str) -> None:
    content['state_dict'][key] = content['state_dict'][key].tolist()


def flipped(path: Path) -> None:
    """One bit of a weight, which then is another finite number."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[..., None]] = {'nan': nan, 'int8': int8, 'list': listed}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, configs, and a sound checkpoint of every kind."""
    path = tmp_path_factory.mktemp('bad')
    write_pictures(path, {'train': 5, 'search': 3, 'test': 3})
    net = supernet()
    checkpoint(path / 'supernet.pth', net)
    config(path)
    config(path, wrapped=True)
    meta = {'scalenas': {'space': SPACE.to_dict()}}
    wrapped = {f'architecture.{key}': value for key, value in net.state_dict().items()}
    torch.save({'meta': meta, 'state_dict': wrapped}, path / 'wrapped.pth')
    training = {
        'meta': {**meta, 'epoch': 0, 'iter': 2},
        'optimizer': {'state': {0: {'momentum_buffer': torch.zeros(3)}}, 'param_groups': []},
        'message_hub': {'log_scalars': {}, 'runtime_info': {}, 'resumed_keys': {}},
    }
    torch.save({**training, 'state_dict': wrapped}, path / 'iter_2.pth')
    arch = archs(3)[2]
    (path / 'mine.yaml').write_text(dump(arch))
    alone = segmentor({'type': 'scalenas.ScaleHRNet', 'arch': arch.to_dict()})
    torch.save({'meta': {}, 'state_dict': alone.state_dict()}, path / 'mine.pth')
    plain = Config.fromfile(path / 'supernet.py')
    backbone = {'type': 'scalenas.ScaleHRNet', 'arch': arch.to_dict()}
    plain.model = architecture(backbone)
    plain.val_cfg, plain.test_cfg = {'type': 'ValLoop'}, {'type': 'TestLoop'}
    plain.default_hooks.checkpoint.save_best = None
    plain.dump(path / 'mine.py')
    state = {key: torch.rand(shape) + 0.5 for key, shape in released('seg').items()}
    torch.save({key: v for key, v in state.items() if v.dim()}, path / 'released.pth')
    return path


# tool, its arguments, the checkpoint, and the weight of it that is broken
COMMANDS: dict[str, tuple[list[str], str, str]] = {
    'search': (['supernet.py', 'X', '--work-dir', 'out'], 'supernet.pth', STEM),
    'export': (['mine.yaml', 'X', '--config', 'supernet.py'], 'supernet.pth', STEM),
    'rank_study': (['supernet.py', 'X', '--work-dir', 'out'], 'supernet.pth', STEM),
    'test': (['mine.py', 'X', '--work-dir', 'out'], 'mine.pth', STEM),
    'test_subnet': (
        ['wrapped.py', 'X', '--work-dir', 'out'],
        'wrapped.pth',
        f'architecture.{STEM}',
    ),
    'transfer': (['X', 'faster_rcnn', '--arch', 'mine.yaml', '--out', 'out'], 'mine.pth', STEM),
    'model_converters/scalenas_official': (['X', 'out.pth'], 'released.pth', 'conv1.weight'),
}


def broken(world: Path, name: str, key: str, damage: str, to: Path) -> Path:
    """A copy of a checkpoint with something wrong."""
    if damage == 'flipped':
        to.write_bytes((world / name).read_bytes())
        flipped(to)
        return to
    content = torch.load(world / name, weights_only=True)
    content = content if 'state_dict' in content else {'state_dict': content}
    DAMAGES[damage](content, key)
    torch.save(content, to)
    return to


SLOW = 'model_converters/scalenas_official'  # makes 2,000 weights
PAIRS = [(tool, damage) for tool in COMMANDS for damage in ('nan', 'int8', 'flipped')]
PAIRS = [pair for pair in PAIRS if pair[0] != SLOW or pair[1] == 'nan']


@pytest.mark.parametrize(('tool', 'damage'), [*PAIRS, ('search', 'list')])
def test_no_tool_takes_it(
    tool: str,
    damage: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    words, name, key = COMMANDS[tool]
    path = str(broken(world, name, key, damage, tmp_path / 'bad.pth'))
    before = files(world)
    code = run(monkeypatch, tool.removesuffix('_subnet'), [path if w == 'X' else w for w in words])
    said = capsys.readouterr().err
    assert code == 2, said
    (line,) = [text for text in said.splitlines() if text.startswith('error: ')]
    assert path in line
    assert 'Traceback' not in said
    written = {p for p in files(world) if p not in before and not p.endswith(('.log', '.py'))}
    assert not written


WAYS: dict[str, tuple[str, str, Callable[[Config, str], None]]] = {
    'load_from': ('wrapped.py', 'wrapped.pth', lambda cfg, path: cfg.update(load_from=path)),
    'resume': (
        'wrapped.py',
        'iter_2.pth',
        lambda cfg, path: cfg.update(load_from=path, resume=True),
    ),
    'init_from': ('wrapped.py', 'wrapped.pth', lambda cfg, path: cfg.model.update(init_from=path)),
    'teacher': (
        'wrapped.py',
        'wrapped.pth',
        lambda cfg, path: cfg.model.update(
            distillation={
                'tap': 'decode_head.conv_seg',
                'teacher': {'type': 'frozen', 'checkpoint': path},
            }
        ),
    ),
    'Pretrained': (
        'mine.py',
        'mine.pth',
        lambda cfg, path: cfg.model.backbone.update(
            init_cfg={'type': 'Pretrained', 'checkpoint': path, 'prefix': 'backbone.'}
        ),
    ),
    'SupernetInit': (
        'mine.py',
        'wrapped.pth',
        lambda cfg, path: cfg.model.backbone.update(
            init_cfg={'type': 'scalenas.SupernetInit', 'checkpoint': path}
        ),
    ),
}


@pytest.mark.parametrize('damage', ['nan', 'int8', 'flipped'])
@pytest.mark.parametrize('way', WAYS)
def test_no_training_starts_from_it(way: str, damage: str, world: Path, tmp_path: Path) -> None:
    written, name, change = WAYS[way]
    cfg = Config.fromfile(world / written)
    key = STEM if name == 'mine.pth' else WRAPPED
    path = broken(world, name, key, damage, tmp_path / 'bad.pth')
    change(cfg, str(path))
    cfg.work_dir, cfg.launcher, cfg.experiment_name = str(tmp_path / 'out'), 'none', tmp_path.name
    with pytest.raises(CheckpointError) as error:
        build_runner(cfg, ('train_dataloader',)).train()
    assert str(path) in error.value.where
    assert '\n' not in str(error.value)
    assert not list(tmp_path.glob('out/*.pth'))


@pytest.mark.parametrize('where', ['optimizer', 'ema_state_dict'])
def test_nothing_is_resumed_from_what_an_optimizer_lost(
    where: str, world: Path, tmp_path: Path
) -> None:
    content = torch.load(world / 'iter_2.pth', weights_only=True)
    if where == 'optimizer':
        content['optimizer']['state'][0]['momentum_buffer'][1] = float('nan')
    else:
        content['ema_state_dict'] = {'w.weight': torch.tensor([float('inf')])}
    torch.save(content, tmp_path / 'bad.pth')
    cfg = Config.fromfile(world / 'wrapped.py')
    WAYS['resume'][2](cfg, str(tmp_path / 'bad.pth'))
    cfg.work_dir, cfg.launcher = str(tmp_path), 'none'
    with pytest.raises(CheckpointError) as error:
        build_runner(cfg, ('train_dataloader',))
    assert str(tmp_path / 'bad.pth') in error.value.where
    assert where in f'{error.value.where} {error.value.problem}'


def test_a_plain_net_that_overflows_is_not_scored(
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its weights are finite; what it computes of an image is not."""
    monkeypatch.chdir(world)
    content = torch.load(world / 'mine.pth', weights_only=True)
    content['state_dict']['decode_head.conv_seg.weight'].fill_(1e38)
    torch.save(content, tmp_path / 'huge.pth')
    words = ['mine.py', str(tmp_path / 'huge.pth'), '--work-dir', str(tmp_path / 'out')]
    assert run(monkeypatch, 'test', words) == 2
    assert 'model.decode_head.conv_seg' in capsys.readouterr().err
    assert not [p for p in tmp_path.glob('out/*/*.json') if 'mIoU' in p.read_text()]


def test_float16_is_scored_as_what_it_is(world: Path, tmp_path: Path) -> None:
    content = torch.load(world / 'supernet.pth', weights_only=True)
    state = {k: v.half() if v.is_floating_point() else v for k, v in content['state_dict'].items()}
    torch.save({**content, 'state_dict': state}, tmp_path / 'half.pth')
    rounded = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    torch.save({**content, 'state_dict': rounded}, tmp_path / 'rounded.pth')
    cfg, arch = Config.fromfile(world / 'supernet.py'), archs(3)[2]
    scores = [
        SubnetEvaluator.from_config(cfg, tmp_path / name)(arch)
        for name in ('half.pth', 'rounded.pth')
    ]
    assert scores[0] == scores[1]
