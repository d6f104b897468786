"""The released supernets: every key is used, none is missing, and the function stays."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scalenas.arch import named
from scalenas.errors import CheckpointError
from scalenas.models import ScaleHRNet, SuperScaleHRNet
from scalenas.models.checkpoint import load_checkpoint
from scalenas.models.hrnet_official import from_official, to_official
from scalenas.space import HRSpace
from tests.errors import contains, raises

from .released import released

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {'seg': (4023, 4014, 9), 'pose': (4016, 4014, 2)}


def state_of(head: str) -> dict[str, torch.Tensor]:
    """Tensors of the released shapes that take no memory."""
    kinds = {True: torch.long, False: torch.float32}
    return {
        key: torch.ones((), dtype=kinds[key.endswith('num_batches_tracked')]).expand(shape)
        for key, shape in released(head).items()
    }


@pytest.mark.parametrize('head', ['seg', 'pose'])
def test_the_supernet_has_the_released_keys(head: str) -> None:
    total, backbone, rest = COUNTS[head]
    shapes = released(head)
    assert len(shapes) == total
    space = HRSpace(width=32, output='multi' if head == 'seg' else 'single')
    with torch.device('meta'):
        ours = {key: tuple(v.shape) for key, v in SuperScaleHRNet(space).state_dict().items()}
    assert len(ours) == backbone
    left = set(shapes) - set(ours)
    assert len(left) == rest
    assert all(key.startswith(('last_layer.', 'final_layer.')) for key in left)
    assert {key: shapes[key] for key in ours} == ours


def mmlab_model(head: str) -> nn.Module:
    """The mmseg or mmpose model that the converted weights are for."""
    from mmengine.registry import DefaultScope

    backbone = {
        'type': 'scalenas.SuperScaleHRNet',
        'space': {'family': 'hrnet', 'width': 32, 'output': 'multi' if head == 'seg' else 'single'},
    }
    if head == 'seg':
        from mmseg.registry import MODELS
        from mmseg.utils import register_all_modules

        cfg = {
            'type': 'EncoderDecoder',
            'backbone': backbone,
            'decode_head': {
                'type': 'FCNHead',
                'in_channels': [32, 64, 128, 256],
                'in_index': (0, 1, 2, 3),
                'channels': 480,
                'input_transform': 'resize_concat',
                'kernel_size': 1,
                'num_convs': 1,
                'concat_input': False,
                'dropout_ratio': -1,
                'num_classes': 19,
                'norm_cfg': {'type': 'BN'},
                'align_corners': False,
            },
        }
    else:
        from mmpose.registry import MODELS
        from mmpose.utils import register_all_modules

        cfg = {
            'type': 'TopdownPoseEstimator',
            'backbone': backbone,
            'head': {
                'type': 'HeatmapHead',
                'in_channels': 32,
                'out_channels': 17,
                'deconv_out_channels': None,
            },
        }
    register_all_modules(init_default_scope=False)
    scope = 'mmseg' if head == 'seg' else 'mmpose'
    with torch.device('meta'), DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(cfg)


@pytest.mark.parametrize('head', ['seg', 'pose'])
def test_converted_keys_are_those_of_the_task_model(head: str) -> None:
    state, space = from_official(state_of(head), 'x.pth')
    assert space == HRSpace(width=32, output='multi' if head == 'seg' else 'single')
    model = {key: tuple(value.shape) for key, value in mmlab_model(head).state_dict().items()}
    assert {key: tuple(value.shape) for key, value in state.items()} == model
    # The bias of the first convolution of the head lives on in the mean of its norm.
    assert len(state) == COUNTS[head][0] - (head == 'seg')


@pytest.mark.parametrize('head', ['seg', 'pose'])
def test_there_and_back(head: str) -> None:
    released_state = {
        key: torch.full((), n, dtype=value.dtype).expand(value.shape)
        for n, (key, value) in enumerate(state_of(head).items())
    }
    ours, space = from_official(released_state, 'x.pth')
    back = to_official(ours, space, 'y.pth')
    assert set(back) == set(released_state)
    moved = {'last_layer.0.bias', 'last_layer.1.running_mean'}
    for key, value in released_state.items():
        if key not in moved:
            assert torch.equal(back[key], value), key
    again, _ = from_official(back, 'z.pth')
    assert all(torch.equal(again[key], value) for key, value in ours.items())


def test_the_bias_moves_without_a_change_of_the_function() -> None:
    torch.manual_seed(0)
    state = state_of('seg')
    for key in state:
        if key.startswith('last_layer.') and state[key].dtype == torch.float32:
            state[key] = torch.rand(state[key].shape) + 0.5
    ours, _ = from_official(state, 'x.pth')
    x = torch.rand(2, 480, 5, 5)

    def normed(y: torch.Tensor, table: dict[str, torch.Tensor], name: str) -> torch.Tensor:
        mean, var = table[f'{name}.running_mean'], table[f'{name}.running_var']
        return F.batch_norm(y, mean, var, table[f'{name}.weight'], table[f'{name}.bias'])

    theirs = F.conv2d(x, state['last_layer.0.weight'], state['last_layer.0.bias'])
    theirs = normed(theirs, state, 'last_layer.1')
    mine = F.conv2d(x, ours['decode_head.convs.0.conv.weight'])
    mine = normed(mine, ours, 'decode_head.convs.0.bn')
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-3)


def test_wrappers_and_old_checkpoints_are_understood() -> None:
    state = state_of('seg')
    wrapped = {f'module.model.{key}': value for key, value in state.items()}
    wrapped |= {'module.loss.criterion.weight': torch.ones(19)}
    assert set(from_official(wrapped, 'x')[0]) == set(from_official(state, 'x')[0])
    old = {key: v for key, v in state.items() if not key.endswith('num_batches_tracked')}
    converted, _ = from_official(old, 'x')
    assert converted['backbone.bn1.num_batches_tracked'] == 0
    assert len(converted) == 4022


def broken() -> Iterator[tuple[dict[str, torch.Tensor], str]]:
    full = state_of('seg')
    lost = 'stage3.1.fuse_layers_2.0.2.0.weight'
    yield {k: v for k, v in full.items() if k != lost}, {'where': f'x.pth: {lost}'}
    yield {**full, 'stage5.0.weight': torch.ones(1)}, {'where': 'x.pth: stage5.0.weight'}
    four = {**full, 'conv1.weight': torch.ones(64, 4, 3, 3)}
    yield four, {'where': 'x.pth: conv1.weight', 'got': (64, 4, 3, 3), 'allowed': contains(3)}
    yield {'a': torch.ones(1)}, {'where': 'x.pth', 'allowed': contains('last_layer')}
    static = ScaleHRNet('hrnet_w18_small').state_dict()
    yield static, {'where': 'x.pth', 'allowed': contains('last_layer')}


@pytest.mark.parametrize('case', range(5))
def test_a_foreign_checkpoint_is_one_line(case: int) -> None:
    state, fields = list(broken())[case]
    with raises(CheckpointError, **fields):
        from_official(state, 'x.pth')


def test_only_what_the_release_can_say_goes_back() -> None:
    ours, space = from_official(state_of('pose'), 'x.pth')
    other = 'auxiliary_head.conv.weight'
    with raises(CheckpointError, where='y.pth', got=other):
        to_official({**ours, other: torch.ones(1)}, space, 'y.pth')
    del ours['backbone.conv1.weight']
    with raises(CheckpointError, where='y.pth: conv1.weight', names=('missing',)):
        to_official(ours, space, 'y.pth')


@pytest.mark.parametrize(
    ('other', 'name'),
    [
        (HRSpace(depth=(5,)), 'depth'),
        (HRSpace(upsample='bilinear'), 'upsample'),
        (HRSpace().where('s3.*.depth', (2, 3)), 'where'),
    ],
)
def test_another_space_does_not_go_back(other: HRSpace, name: str) -> None:
    """Its weights have the released keys and shapes, and mean another set of nets."""
    ours, _ = from_official(state_of('seg'), 'x.pth')
    with raises(CheckpointError, where=f'y.pth: space.{name}', got=other.to_dict()[name]):
        to_official(ours, other, 'y.pth')


@pytest.fixture
def tool(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The tool within this process: exit code, and what it prints."""
    script = ROOT / 'tools' / 'model_converters' / 'scalenas_official.py'

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr('sys.argv', [str(script), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name='__main__')
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out + shown.err

    return run


def test_the_tool(tmp_path: Path, tool: Callable[..., tuple[int, str]]) -> None:
    source, ours, back, alone = (tmp_path / f'{n}.pth' for n in ('released', 'ours', 'back', 'p1'))
    torch.save(state_of('pose'), source)
    assert tool(source, ours) == (0, f'{ours}: 4016 keys\n')
    content = load_checkpoint(ours)
    assert content['meta']['scalenas']['space'] == HRSpace(32, output='single').to_dict()
    assert all(key.startswith('architecture.') for key in content['state_dict'])

    assert tool(ours, back, '--reverse')[0] == 0
    assert set(load_checkpoint(back)['state_dict']) == set(released('pose'))

    assert tool(source, alone, '--arch', 'scalenas_p1')[0] == 0
    with torch.device('meta'):
        net = ScaleHRNet(named('scalenas_p1'))
    assert set(load_checkpoint(alone)['state_dict']) == {
        *(f'backbone.{key}' for key in net.state_dict()),
        *('head.final_layer.weight', 'head.final_layer.bias'),
    }

    before = ours.stat()
    for arguments, words in [
        ((source, ours), 'exists already'),
        ((source, tmp_path / 'no' / 'x.pth'), 'no such folder'),
        ((tmp_path / 'none.pth', tmp_path / 'x.pth'), 'no such file'),
        ((back, tmp_path / 'x.pth', '--reverse'), 'names no space'),
        ((source, tmp_path / 'x.pth', '--arch', 'scalenas_s3'), 'not in the space'),
    ]:
        code, text = tool(*arguments)
        assert code == 2
        assert words in text
        assert len(text.splitlines()) == 1
    assert (ours.stat().st_mtime_ns, ours.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert not (tmp_path / 'x.pth').exists()
