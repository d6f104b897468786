"""tools/train.py: every mistake is one line, and what broke a run is named."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from scalenas.errors import CheckpointError
from scalenas.models import SuperScaleHRNet
from scalenas.space import HRSpace
from scalenas.training.pretrained import check_pretrained

from .conftest import REPO, one_line, weights

SPACE = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)


@HOOKS.register_module()
class Spoil(Hook):
    """An update that breaks the weights."""

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 2:  # after which the config saves
            next(runner.model.parameters()).data.fill_(float('nan'))


class Runs:
    """Removes a folder when it is read from a pickle."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.rmdir, (str(self.folder),)


MISTAKES = {
    'missing config': (['gone.py'], 'gone.py: no such config'),
    'near config': (['{dir}/tny.py'], "did you mean 'tiny.py'"),
    'suffix': (['{dir}/tiny.txt'], "unknown kind of config '.txt'"),
    'typo in the space': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.space.widht=8'],
        "did you mean 'width'",
    ),
    'typo in the model': (
        ['{config}', '--cfg-options', 'model.architecture.decode_head.num_clases=3'],
        "model.architecture.decode_head (FCNHead): unknown key 'num_clases'; "
        "did you mean 'num_classes'?",
    ),
    'typo in the backbone': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.norm_evl=True'],
        "(scalenas.SuperScaleHRNet): unknown key 'norm_evl'; did you mean 'norm_eval'?",
    ),
    'typo in the wrapper': (
        ['{config}', '--cfg-options', 'model.inactiv=skip'],
        "model (scalenas.SuperNet): unknown key 'inactiv'; did you mean 'inactive'?",
    ),
    'checkpointing of the stem': (
        ['{config}', '--cfg-options', 'activation_checkpointing=architecture.backbone'],
        'set with_cp=True of the backbone',
    ),
    'typo in the optimizer': (
        ['{config}', '--cfg-options', 'optim_wrapper.optimizer.momentun=0.9'],
        "optim_wrapper.optimizer (SGD): unknown key 'momentun'; did you mean 'momentum'?",
    ),
    'typo in a dataset': (
        ['{config}', '--cfg-options', 'train_dataloader.dataset.data_rot=x'],
        "unknown key 'data_rot'; did you mean 'data_root'?",
    ),
    'typo at the top': (
        ['{config}', '--cfg-options', 'train_cgf.max_iters=3'],
        "did you mean 'train_cfg'",
    ),
    'no class of that name': (
        ['{config}', '--cfg-options', 'model.architecture.decode_head.type=FCNHed'],
        "decode_head.type: no class is registered as 'FCNHed'; did you mean 'FCNHead'?",
    ),
    'no class of ours of that name': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.type=scalenas.SuperScaleHRNt'],
        "did you mean 'scalenas.SuperScaleHRNet'?",
    ),
    'typo in the norm': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.norm_cfg.momentun=0.1'],
        "norm_cfg: unknown key 'momentun'",
    ),
    'no norm of that name': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.norm_cfg.type=BM'],
        "norm_cfg.type: no norm is called 'BM'",
    ),
    'no such entry of a list': (
        ['{config}', '--cfg-options', 'train_dataloader.dataset.pipeline.9.type=x'],
        '--cfg-options: train_dataloader.dataset.pipeline.9.type: cannot be set',
    ),
    'no run at all': (
        ['{repo}/configs/_base_/default_runtime_seg.py'],
        "has no 'model'",
    ),
    'a file as work dir': (
        ['{config}', '--work-dir', '{dir}/tiny.py/work'],
        '{dir}/tiny.py/work: cannot be a folder, a file is in its way',
    ),
    'missing sampler': (['{dir}/nosampler.py'], "model (scalenas.SuperNet): key 'sampler' is"),
    'amp without a GPU': (['{config}', '--amp'], '--amp: needs a GPU'),
    'no auto_scale_lr': (['{dir}/noscale.py', '--auto-scale-lr'], 'auto_scale_lr.base_batch_size'),
    'sampler': (
        ['{config}', '--cfg-options', 'model.sampler.type=sandwhich'],
        "did you mean 'sandwich'",
    ),
    'no data': (
        ['{config}', '--cfg-options', 'train_dataloader.dataset.data_root={dir}/none'],
        'none/images/training is missing; make the data with',
    ),
    'no data of a foreign dataset': (
        [
            '{config}',
            '--cfg-options',
            'train_dataloader.dataset.type=BaseSegDataset',
            'train_dataloader.dataset.data_root={dir}/none',
        ],
        'train_dataloader: no such folder or file: {dir}/none; see the head of',
    ),
    'no checkpoint to resume': (
        ['{config}', '--resume', '{dir}/gone.pth'],
        'gone.pth: no such file',
    ),
    'no process group': (
        ['{config}', '--launcher', 'pytorch'],
        '--launcher pytorch: RANK is not set; start it with tools/dist_train.sh',
    ),
    'no job': (['{config}', '--launcher', 'slurm'], 'SLURM_PROCID is not set; start it with'),
    'no pre-trained weights': (
        ['{config}', '--cfg-options', 'model.architecture.backbone.pretrained={dir}/gone.pth'],
        'model.architecture.backbone.init_cfg: {dir}/gone.pth: no such file',
    ),
    'no teacher': (
        ['{config}', '--cfg-options', 'model.init_from={dir}/gone.pth'],
        'gone.pth; train the teacher first',
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_one_line(tool, config, tmp_path, capsys, mistake):
    arguments, words = MISTAKES[mistake]
    names = dict(config=config(), dir=tmp_path.as_posix(), repo=REPO.as_posix())
    (tmp_path / 'tiny.txt').write_text('')
    base = "_base_ = './tiny.py'\n"
    (tmp_path / 'noscale.py').write_text(base + 'auto_scale_lr = None')
    (tmp_path / 'nosampler.py').write_text(
        base + 'model = dict(_delete_=True, type="scalenas.SuperNet",'
        ' architecture=_base_.model.architecture)'
    )
    work = str(tmp_path / 'work')
    code = tool('train', '--work-dir', work, *[a.format(**names) for a in arguments])
    assert code == 2
    assert words.format(**names) in one_line(capsys.readouterr().err)
    assert not list(Path(work).glob('*.pth'))


def test_the_same_mistake_on_a_command_line(config):
    """The script itself: exit code, one line, no traceback."""
    done = subprocess.run(
        [sys.executable, str(REPO / 'tools' / 'train.py'), 'gone.py'],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(REPO)},
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == ['error: gone.py: no such config']


def test_a_loss_that_is_not_finite_names_iteration_and_net(tool, config, tmp_path, capsys):
    arguments = ('--no-validate', '--work-dir', str(tmp_path / 'work'))
    options = (
        '--cfg-options',
        'optim_wrapper.optimizer.lr=1e30',
        'default_hooks.checkpoint.interval=1',
    )
    assert tool('train', config(), *arguments, *options) == 2
    line = one_line(capsys.readouterr().err)
    assert 'the loss is nan' in line
    assert 'blocks' in line
    (found,) = (tmp_path / 'work').glob('invalid_loss_iter_*_net0.yaml')
    from scalenas.arch import load_file
    from scalenas.sampling import GroupedSampler
    from scalenas.space import HRSpace

    at = int(found.stem.split('_')[3])
    assert f'iteration {at}:' in line
    space = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
    assert load_file(found) == GroupedSampler(space, 1).archs(at)[0]
    assert not (tmp_path / 'work' / f'iter_{at + 1}.pth').exists()


def test_auto_scale_lr(tool, config, tmp_path):
    arguments = ('--no-validate', '--auto-scale-lr', '--work-dir', str(tmp_path / 'work'))
    assert tool('train', config(), *arguments) == 0
    (log,) = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    assert json.loads(log.read_text().splitlines()[0])['lr'] == pytest.approx(0.01 * 2 / 4)


def test_what_cannot_be_resumed_is_one_line(tool, config, tmp_path, capsys):
    work = tmp_path / 'work'
    arguments = ('--no-validate', '--work-dir', str(work))
    assert tool('train', config(), *arguments, '--cfg-options', 'train_cfg.max_iters=3') == 0
    content, path = weights(work / 'iter_3.pth'), work / 'iter_3.pth'
    kept = path.read_bytes()
    plain, code = tmp_path / 'plain.pth', tmp_path / 'code.pth'
    torch.save({'state_dict': content['state_dict'], 'meta': {}}, plain)
    torch.save({**content, 'meta': {**content['meta'], 'config': 'raise SystemExit(99)'}}, code)
    other = {**content['state_dict'], 'more': torch.ones(1)}
    torch.save({**content, 'state_dict': other}, tmp_path / 'other.pth')
    capsys.readouterr()
    cases = [
        ([str(plain)], 'plain.pth: cannot be resumed, no training run wrote it (meta.epoch, '),
        ([str(code)], 'code.pth: cannot be resumed: meta.config'),
        ([str(tmp_path / 'other.pth')], "1 are unknown (the first is 'more')"),
    ]
    for given, words in cases:
        assert tool('train', config(), *arguments, '--resume', *given) == 2
        assert words in one_line(capsys.readouterr().err)
    path.write_bytes(kept[:5000])
    assert tool('train', config(), *arguments, '--resume') == 2
    assert 'iter_3.pth: truncated' in one_line(capsys.readouterr().err)
    path.unlink()
    assert tool('train', config(), *arguments, '--resume') == 2
    assert 'last_checkpoint: names' in one_line(capsys.readouterr().err)


def test_training_starts_from_what_fits(tool, config, tmp_path, capsys):
    """Another head is legitimate, and told; a checkpoint that has nothing in common is not."""
    arguments = ('--no-validate', '--cfg-options', 'train_cfg.max_iters=1')
    assert tool('train', config(), '--work-dir', str(tmp_path / 'one'), *arguments) == 0
    content = weights(tmp_path / 'one' / 'iter_1.pth')
    state = content['state_dict']
    head = 'architecture.decode_head.conv_seg.weight'
    near, far = tmp_path / 'near.pth', tmp_path / 'far.pth'
    torch.save({**content, 'state_dict': {**state, head: torch.ones(3, 120, 1, 1)}}, near)
    torch.save({**content, 'state_dict': {f'x.{key}': v for key, v in state.items()}}, far)
    capsys.readouterr()
    given = [*arguments, f'load_from={near}', '--work-dir', str(tmp_path / 'two')]
    assert tool('train', config(name='near.py'), *given) == 0
    assert f'{near}: not all of it is used: 1 are of another shape' in capsys.readouterr().out
    given = [*arguments, f'load_from={far}', '--work-dir', str(tmp_path / 'three')]
    assert tool('train', config(name='far.py'), *given) == 2
    assert f'none of its {len(state)} weights fits' in one_line(capsys.readouterr().err)


def test_pretrained_weights_that_would_not_be_loaded(tool, config, tmp_path, capsys):
    """mmengine would run a pickle, or start at random where no name fits, and go on."""
    arguments = ('--no-validate', '--work-dir', str(tmp_path / 'work'))
    backbone = "model['architecture']['backbone']"
    net = SuperScaleHRNet(SPACE)
    state = {f'architecture.backbone.{key}': value for key, value in net.state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'net.pth')
    (tmp_path / 'evil').mkdir()
    torch.save({'state_dict': {}, 'code': Runs(tmp_path / 'evil')}, tmp_path / 'evil.pth')
    cases = [
        ('net.pth', None, "none of its weights fits; set prefix='architecture.backbone.'"),
        ('net.pth', 'head.', "no weight in it begins with 'head.'"),
        ('evil.pth', None, 'refused: reading it would run'),
    ]
    for number, (name, prefix, words) in enumerate(cases):
        init = dict(type='Pretrained', checkpoint=str(tmp_path / name), prefix=prefix)
        path = config(f'{backbone}.update(init_cfg={init!r})\n', f'case{number}.py')
        assert tool('train', path, *arguments) == 2
        line = one_line(capsys.readouterr().err)
        assert f'model.architecture.backbone.init_cfg: {tmp_path / name}: {words}' in line
    assert (tmp_path / 'evil').is_dir()
    torch.save({f'module.{key}': value for key, value in state.items()}, tmp_path / 'ddp.pth')
    model = SuperScaleHRNet(SPACE)
    for prefix, fits in (('module.architecture.backbone.', True), ('architecture.', False)):
        init = dict(type='Pretrained', checkpoint=str(tmp_path / 'ddp.pth'), prefix=prefix)
        model.init_cfg = init
        with contextlib.nullcontext() if fits else pytest.raises(CheckpointError, match='begins'):
            check_pretrained(model)
    # Others may read what we do not.
    stock = torch.nn.Conv2d(1, 1, 1)
    stock.init_cfg = init
    check_pretrained(stock)
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'net.pth'))
    init['prefix'] = 'architecture.backbone'  # mmengine adds the point
    path = config(f'{backbone}.update(init_cfg={init!r})\n', 'good.py')
    options = ('train_cfg.max_iters=1', 'optim_wrapper.optimizer.lr=0.0')
    assert tool('train', path, *arguments, '--cfg-options', *options) == 0
    trained = weights(tmp_path / 'work' / 'iter_1.pth')['state_dict']
    for key in (key for key in state if key.endswith('conv1.weight')):
        assert torch.equal(trained[key], state[key]), key


def test_weights_that_are_not_finite_are_not_saved(tool, config, tmp_path, capsys):
    """The loss is still finite in the step whose update breaks the weights."""
    more = "custom_hooks = [dict(type='Spoil'), dict(type='scalenas.InvalidLossHook')]\n"
    arguments = ('--no-validate', '--work-dir', str(tmp_path / 'work'))
    assert tool('train', config(more), *arguments) == 2
    line = one_line(capsys.readouterr().err)
    assert "weights are not finite (the first is 'architecture.backbone.conv1.weight')" in line
    assert not list((tmp_path / 'work').glob('*.pth'))
