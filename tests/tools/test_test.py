"""tools/test.py: plain nets, sub-nets of a supernet, and what it refuses."""

import json

import pytest
import torch

from scalenas.arch import dump
from scalenas.space import HRSpace

from .conftest import REPO, one_line

SPACE = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
PLAIN = """
model = dict(
    _delete_=True,
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 64)),
    backbone=dict(type='scalenas.ScaleHRNet', arch={arch!r}),
    decode_head=dict(
        type='FCNHead',
        in_channels=[8, 16, 32, 64],
        in_index=(0, 1, 2, 3),
        channels=120,
        input_transform='resize_concat',
        num_classes=8,
        dropout_ratio=-1,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
"""


@pytest.fixture
def trained(tool, config, tmp_path):
    """A supernet after three steps."""
    arguments = ('--no-validate', '--cfg-options', 'train_cfg.max_iters=3')
    assert tool('train', config(), '--work-dir', str(tmp_path / 'work'), *arguments) == 0
    return str(tmp_path / 'work' / 'iter_3.pth')


def metrics_in(folder):
    (log,) = folder.glob('*/*.json')
    return json.loads(log.read_text().splitlines()[-1])


@pytest.mark.parametrize('arch', ['smallest', 'largest', 'file'])
def test_a_subnet_of_a_supernet(tool, config, tmp_path, trained, arch):
    name = arch
    if arch == 'file':
        (tmp_path / 'mine.yaml').write_text(dump(SPACE.smallest()))
        arch, name = str(tmp_path / 'mine.yaml'), 'mine'
    out = tmp_path / 'out'
    path = config(name='test.py')
    assert tool('test', path, trained, '--arch', arch, '--work-dir', str(out)) == 0
    assert 0 <= metrics_in(out)[f'{name}/mIoU'] <= 100


def test_the_teacher_is_needed_to_train_only(tool, config, tmp_path, trained):
    path = tmp_path / 'distilled.py'
    path.write_text(
        "_base_ = './tiny.py'\n"
        "model = dict(init_from='gone.pth', distillation=dict(tap='decode_head.conv_seg'))"
    )
    out = tmp_path / 'out'
    assert tool('test', str(path), trained, '--work-dir', str(out)) == 0
    assert 0 <= metrics_in(out)['mIoU'] <= 100


def test_a_plain_net_of_mmseg(tool, config, tmp_path):
    """Any config of the task package runs: train, then test with predictions written."""
    path = config(PLAIN.format(arch=SPACE.smallest().to_dict()), 'plain.py')
    work, out = tmp_path / 'work', tmp_path / 'out'
    assert tool('train', path, '--work-dir', str(work), '--no-validate') == 0
    masks, painted = tmp_path / 'masks', tmp_path / 'painted'
    arguments = ('--out', str(masks), '--show-dir', str(painted))
    again = config(PLAIN.format(arch=SPACE.smallest().to_dict()), 'again.py')
    done = tool('test', again, str(work / 'iter_6.pth'), '--work-dir', str(out), *arguments)
    assert done == 0
    assert 0 <= metrics_in(out)['mIoU'] <= 100
    assert len(list(masks.glob('*.png'))) == 2
    assert list(painted.rglob('*.png'))


def test_mistakes_are_one_line(tool, config, tmp_path, trained, capsys):
    plain = config(PLAIN.format(arch=SPACE.smallest().to_dict()), 'plain.py')
    broken, alien = tmp_path / 'broken.pth', tmp_path / 'alien.pth'
    with open(trained, 'rb') as file:
        broken.write_bytes(file.read()[:5000])
    content = torch.load(trained, weights_only=False)  # written by this test
    content['meta']['scalenas']['space']['depth'] = [2, 3]
    torch.save(content, alien)
    bad = tmp_path / 'bad.yaml'
    bad.write_text('family: hrnet\nstages: 3\n')
    several = config("test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop')", 'several.py')
    accuracy = config("test_evaluator = dict(_delete_=True, type='mmpretrain.Accuracy')", 'acc.py')
    cases = [
        ((config(), 'gone.pth'), 'gone.pth: no such file'),
        ((config(), str(broken)), 'truncated'),
        ((config(), str(alien)), 'alien.pth: depth: was trained in another space'),
        ((config(), trained, '--arch', 'scalenas_s1'), 'not in the space'),
        ((config(), trained, '--arch', 'scalenas_s9'), "got 'scalenas_s9'"),
        ((config(), trained, '--arch', str(bad)), 'bad.yaml'),
        ((plain, trained, '--arch', 'largest'), "model.type: expected 'scalenas.SuperNet'"),
        ((plain, trained, '--tta'), 'has no tta_pipeline'),
        ((config(), trained, '--tta'), '--tta: a supernet has none; export the sub-net'),
        ((config(), trained, '--tta', '--arch', 'largest'), '--tta: a supernet has none'),
        ((accuracy, trained, '--out', str(tmp_path / 'masks')), 'Accuracy keeps no predictions'),
        ((several, trained, '--out', str(tmp_path / 'masks')), '--out: '),
        ((several, trained, '--show-dir', str(tmp_path / 'masks')), 'name one with --arch'),
        ((config(), trained, '--out', str(bad)), 'bad.yaml: cannot be a folder'),
        ((config(), trained, '--work-dir', str(bad)), 'bad.yaml: cannot be a folder'),
        ((str(REPO / 'configs/_base_/default_runtime_seg.py'), trained), 'seg.py: model: '),
    ]
    for arguments, words in cases:
        work = () if '--work-dir' in arguments else ('--work-dir', str(tmp_path / 'out'))
        code = tool('test', *arguments, *work)
        line = one_line(capsys.readouterr().err)
        assert words in line, line
        assert code == 2


def test_the_checkpoint_of_another_net_is_refused(tool, config, tmp_path, trained, capsys):
    """mmengine itself loads what fits, tests the rest at random, and prints a score."""
    plain = config(PLAIN.format(arch=SPACE.smallest().to_dict()), 'plain.py')
    content = torch.load(trained, weights_only=False)  # written by this test
    state = content['state_dict']
    first = 'architecture.backbone.conv1.weight'
    changed = {
        'lost': {key: value for key, value in state.items() if key != first},
        'more': {**state, 'architecture.extra': torch.ones(1)},
        'shape': {**state, first: torch.ones(16, 4, 3, 3)},
    }
    for name, weights in changed.items():
        torch.save({**content, 'state_dict': weights}, tmp_path / f'{name}.pth')
    cases = [
        (plain, trained, 'are missing (the first is'),
        (config(), tmp_path / 'lost.pth', f"1 are missing (the first is '{first}')"),
        (config(), tmp_path / 'more.pth', "1 are unknown (the first is 'architecture.extra')"),
        (config(), tmp_path / 'shape.pth', f"another shape (the first is '{first}': (16, 4, 3, 3)"),
    ]
    for path, checkpoint, words in cases:
        out = tmp_path / 'out'
        assert tool('test', path, str(checkpoint), '--work-dir', str(out)) == 2
        line = one_line(capsys.readouterr().err)
        assert f'{checkpoint}: does not fit the model' in line
        assert words in line
        assert not list(out.glob('*/*.json'))


def test_wrapped_and_old_checkpoints_are_taken(tool, config, tmp_path, trained):
    """As mmengine does: 'module.' before all names, no counts of batches."""
    content = torch.load(trained, weights_only=False)  # written by this test
    content['state_dict'] = {
        f'module.{key}': value
        for key, value in content['state_dict'].items()
        if not key.endswith('num_batches_tracked')
    }
    torch.save(content, tmp_path / 'old.pth')
    out = tmp_path / 'out'
    assert tool('test', config(), str(tmp_path / 'old.pth'), '--work-dir', str(out)) == 0
    again = tmp_path / 'again'
    assert tool('test', config(), trained, '--work-dir', str(again)) == 0
    assert metrics_in(out)['mIoU'] == metrics_in(again)['mIoU']
