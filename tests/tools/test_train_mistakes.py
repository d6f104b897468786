"""tools/train.py: every mistake is one line, and what broke a run is named."""

import contextlib
import json
import math
import os
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from scalenas.errors import CheckpointError
from scalenas.models import SuperScaleHRNet
from scalenas.space import HRSpace
from scalenas.training.checks import check_pretrained
from tests.errors import check_fields, contains, raises
from tests.processes import run_tool

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


HEAD = 'model.architecture.decode_head'
NET = 'model.architecture.backbone'
SGD = 'optim_wrapper.optimizer'
DATA = 'train_dataloader.dataset'
# What is given behind the config or in its place -> fields of the error. Of a text that is
# compared as a whole {dir} is the folder of the configs.
MISTAKES = {
    'missing config': (['gone.py'], {'where': 'gone.py', 'problem': 'no such config'}),
    'near config': (['{dir}/tny.py'], {'where': '{dir}/tny.py', 'hint': contains("'tiny.py'")}),
    'suffix': (['{dir}/tiny.txt'], {'where': '{dir}/tiny.txt', 'got': '.txt'}),
    'typo in the space': (
        {f'{NET}.space.widht': 8},
        {'got': 'widht', 'hint': contains("'width'")},
    ),
    'typo in the model': (
        {f'{HEAD}.num_clases': 3},
        {'where': f'{HEAD} (FCNHead)', 'got': 'num_clases', 'hint': contains("'num_classes'")},
    ),
    'typo in the backbone': (
        {f'{NET}.norm_evl': True},
        {
            'where': f'{NET} (scalenas.SuperScaleHRNet)',
            'got': 'norm_evl',
            'hint': contains("'norm_eval'"),
        },
    ),
    'typo in the wrapper': (
        {'model.inactiv': 'skip'},
        {
            'where': 'model (scalenas.SuperNet)',
            'got': 'inactiv',
            'hint': contains("'inactive'"),
        },
    ),
    'checkpointing of the stem': (
        {'activation_checkpointing': 'architecture.backbone'},
        {'where': 'activation_checkpointing', 'hint': contains('with_cp=True')},
    ),
    'typo in the optimizer': (
        {f'{SGD}.momentun': 0.9},
        {'where': f'{SGD} (SGD)', 'got': 'momentun', 'hint': contains("'momentum'")},
    ),
    'typo in a dataset': (
        {f'{DATA}.data_rot': 'x'},
        {'got': 'data_rot', 'hint': contains("'data_root'")},
    ),
    'typo at the top': (
        {'train_cgf.max_iters': 3},
        {'where': '--cfg-options', 'got': 'train_cgf', 'hint': contains("'train_cfg'")},
    ),
    'no class of that name': (
        {f'{HEAD}.type': 'FCNHed'},
        {'where': f'{HEAD}.type', 'got': 'FCNHed', 'hint': contains("'FCNHead'")},
    ),
    'no class of ours of that name': (
        {f'{NET}.type': 'scalenas.SuperScaleHRNt'},
        {'where': f'{NET}.type', 'hint': contains("'scalenas.SuperScaleHRNet'")},
    ),
    'typo in the norm': (
        {f'{NET}.norm_cfg.momentun': 0.1},
        {'where': contains('norm_cfg'), 'got': 'momentun'},
    ),
    'no norm of that name': (
        {f'{NET}.norm_cfg.type': 'BM'},
        {'where': contains('norm_cfg.type'), 'got': 'BM'},
    ),
    'no such entry of a list': (
        {f'{DATA}.pipeline.9.type': 'x'},
        {'where': f'--cfg-options: {DATA}.pipeline.9.type', 'got': 'x'},
    ),
    'no run at all': (
        ['{repo}/configs/_base_/default_runtime_seg.py'],
        {'where': contains('default_runtime_seg.py: model')},
    ),
    'a file as work dir': (
        ['{config}', '--work-dir', '{dir}/tiny.py/work'],
        {'where': '{dir}/tiny.py/work', 'problem': contains('file')},
    ),
    'missing sampler': (
        ['{dir}/nosampler.py'],
        {'where': 'model (scalenas.SuperNet)', 'problem': contains("'sampler'")},
    ),
    'amp without a GPU': (['{config}', '--amp'], {'where': '--amp', 'problem': contains('GPU')}),
    'no auto_scale_lr': (
        ['{dir}/noscale.py', '--auto-scale-lr'],
        {'where': '--auto-scale-lr', 'problem': contains('auto_scale_lr.base_batch_size')},
    ),
    'sampler': ({'model.sampler.type': 'sandwhich'}, {'hint': contains("'sandwich'")}),
    'no data': (
        {f'{DATA}.data_root': '{dir}/none'},
        {'where': contains('none/images/training'), 'hint': contains('data_root')},
    ),
    'no data of a foreign dataset': (
        {f'{DATA}.type': 'BaseSegDataset', f'{DATA}.data_root': '{dir}/none'},
        {'where': 'train_dataloader: {dir}/none', 'hint': contains('see the head of')},
    ),
    'no checkpoint to resume': (
        ['{config}', '--resume', '{dir}/gone.pth'],
        {'where': '{dir}/gone.pth', 'problem': 'no such file'},
    ),
    'no process group': (
        ['{config}', '--launcher', 'pytorch'],
        {
            'where': '--launcher',
            'got': 'pytorch',
            'problem': contains('RANK'),
            'hint': contains('tools/dist_train.sh'),
        },
    ),
    'no job': (
        ['{config}', '--launcher', 'slurm'],
        {'where': '--launcher', 'got': 'slurm', 'problem': contains('SLURM_PROCID')},
    ),
    'no pre-trained weights': (
        {f'{NET}.pretrained': '{dir}/gone.pth'},
        {'where': f'{NET}.init_cfg: {{dir}}/gone.pth', 'problem': 'no such file'},
    ),
    'no teacher': (
        {'model.init_from': '{dir}/gone.pth'},
        {'where': contains('init_from', 'gone.pth'), 'problem': 'no such file'},
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_one_line(tool, config, tmp_path, capsys, mistake):
    given, fields = MISTAKES[mistake]
    options = ['{config}', '--cfg-options'] if isinstance(given, dict) else given
    if isinstance(given, dict):
        options += [f'{key}={value}' for key, value in given.items()]
    names = dict(config=config(), dir=tmp_path.as_posix(), repo=REPO.as_posix())
    fields = {k: v.format(**names) if isinstance(v, str) else v for k, v in fields.items()}
    (tmp_path / 'tiny.txt').write_text('')
    base = "_base_ = './tiny.py'\n"
    (tmp_path / 'noscale.py').write_text(base + 'auto_scale_lr = None')
    (tmp_path / 'nosampler.py').write_text(
        base + 'model = dict(_delete_=True, type="scalenas.SuperNet",'
        ' architecture=_base_.model.architecture)'
    )
    work = str(tmp_path / 'work')
    assert tool('train', '--work-dir', work, *[text.format(**names) for text in options]) == 2
    check_fields(tool.error, **fields)
    assert one_line(capsys.readouterr().err) == f'error: {tool.error}'
    assert not list(Path(work).glob('*.pth'))


def test_the_same_mistake_on_a_command_line(config):
    """The script itself: exit code, one line, no traceback."""
    done = run_tool('train', 'gone.py')
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
    assert math.isnan(tool.error.got)
    assert 'blocks' in one_line(capsys.readouterr().err)
    (found,) = (tmp_path / 'work').glob('invalid_loss_iter_*_net0.yaml')
    from scalenas.arch import from_file
    from scalenas.sampling import GroupedSampler
    from scalenas.space import HRSpace

    at = int(found.stem.split('_')[3])
    assert tool.error.where == f'iteration {at}'
    space = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
    assert from_file(found) == GroupedSampler(space, 1).archs(at)[0]
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
    other = tmp_path / 'other.pth'
    cases = [
        (plain, {'where': str(plain), 'problem': contains('meta.epoch')}),
        (code, {'where': f'{code}: meta.config'}),
        (other, {'where': str(other), 'problem': contains("1 are unknown (the first is 'more')")}),
    ]
    for given, fields in cases:
        assert tool('train', config(), *arguments, '--resume', str(given)) == 2
        check_fields(tool.error, **fields)
    path.write_bytes(kept[:5000])
    assert tool('train', config(), *arguments, '--resume') == 2
    check_fields(tool.error, where=str(path), problem=contains('truncated'))
    path.unlink()
    assert tool('train', config(), *arguments, '--resume') == 2
    check_fields(tool.error, where=str(work / 'last_checkpoint'), got=str(path))
    one_line(capsys.readouterr().err.splitlines()[-1])


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
    check_fields(tool.error, where=str(far), problem=contains(len(state)))


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
        ('net.pth', None, {'hint': contains("prefix='architecture.backbone.'")}),
        ('net.pth', 'head.', {'got': 'head.'}),
        ('evil.pth', None, {'got': 'posix.rmdir'}),
    ]
    for number, (name, prefix, fields) in enumerate(cases):
        init = dict(type='Pretrained', checkpoint=str(tmp_path / name), prefix=prefix)
        path = config(f'{backbone}.update(init_cfg={init!r})\n', f'case{number}.py')
        assert tool('train', path, *arguments) == 2
        one_line(capsys.readouterr().err)
        check_fields(tool.error, where=f'{NET}.init_cfg: {tmp_path / name}', **fields)
    assert (tmp_path / 'evil').is_dir()
    torch.save({f'module.{key}': value for key, value in state.items()}, tmp_path / 'ddp.pth')
    model = SuperScaleHRNet(SPACE)
    for prefix, fits in (('module.architecture.backbone.', True), ('architecture.', False)):
        init = dict(type='Pretrained', checkpoint=str(tmp_path / 'ddp.pth'), prefix=prefix)
        model.init_cfg = init
        with contextlib.nullcontext() if fits else raises(CheckpointError, got=prefix):
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
    one_line(capsys.readouterr().err)
    assert tool.error.got == 'architecture.backbone.conv1.weight'
    assert not list((tmp_path / 'work').glob('*.pth'))
