"""tools/train.py: a run, a run that was stopped and resumed, and every mistake as one line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from tests.errors import contains, raises

from .conftest import REPO, one_line, weights


@HOOKS.register_module()
class StopAt(Hook):
    """Ctrl-C in the middle of a run."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


def assert_same(a, b):
    for key, value in a['state_dict'].items():
        assert torch.equal(value, b['state_dict'][key]), key
    for key, state in a['optimizer']['state'].items():
        for name, value in state.items():
            assert value is None or torch.equal(value, b['optimizer']['state'][key][name])
    assert a['param_schedulers'] == b['param_schedulers']


def test_resumed_is_the_same_as_never_stopped(tool, config, tmp_path, capsys):
    """Six steps at once, and three, a stop, three more: equal weights, momentum and schedule."""
    path = config()
    straight, stopped = tmp_path / 'straight', tmp_path / 'stopped'
    assert tool('train', path, '--no-validate', '--work-dir', str(straight)) == 0
    stop = """
custom_hooks = [dict(type='scalenas.SpaceHook'), dict(type='StopAt', iteration=4)]
"""
    assert (
        tool('train', config(stop, 'stop.py'), '--no-validate', '--work-dir', str(stopped)) == 130
    )
    assert (stopped / 'iter_3.pth').is_file()
    assert not (stopped / 'iter_6.pth').exists()
    arguments = ('--no-validate', '--work-dir', str(stopped), '--resume')
    assert tool('train', config(name='again.py'), *arguments) == 0
    assert_same(weights(straight / 'iter_6.pth'), weights(stopped / 'iter_6.pth'))
    assert 'resumed epoch: 0, iter: 3' in capsys.readouterr().out
    first, last = weights(straight / 'iter_3.pth'), weights(straight / 'iter_6.pth')
    assert any(not torch.equal(v, last['state_dict'][k]) for k, v in first['state_dict'].items())


@pytest.mark.parametrize('left', ['whole', 'half', 'nothing'])
def test_a_name_that_a_kill_cut_off_loses_no_training(tool, config, tmp_path, capsys, left):
    """The last checkpoint is half written, or whole, and `last_checkpoint` is empty: the newest
    whole one is taken; where there is none, a line says so."""
    work = tmp_path / 'work'
    arguments = ('--no-validate', '--work-dir', str(work), '--resume', 'auto')
    assert tool('train', config(), *arguments) == 0
    straight = weights(work / 'iter_6.pth')
    (work / 'last_checkpoint').write_text('')
    if left != 'whole':
        content = (work / 'iter_6.pth').read_bytes()
        (work / 'iter_6.pth').write_bytes(content[: len(content) // 2])
    if left == 'nothing':
        (work / 'iter_3.pth').write_bytes(b'')
    capsys.readouterr()
    code = tool('train', config(name='again.py'), *arguments)
    shown = capsys.readouterr()
    if left == 'nothing':
        assert code == 2
        assert 'last_checkpoint' in one_line(shown.err)
        return
    assert code == 0
    assert f'resumed epoch: 0, iter: {6 if left == "whole" else 3}' in shown.out
    assert_same(straight, weights(work / 'iter_6.pth'))


def test_checkpoints_name_their_space(tool, config, tmp_path):
    path = config()
    assert tool('train', path, '--no-validate', '--work-dir', str(tmp_path / 'work')) == 0
    meta = weights(tmp_path / 'work' / 'iter_6.pth')['meta']['scalenas']
    assert meta['space']['width'] == 8
    assert meta['space']['depth'] == [1, 2, 3]
    assert meta['version']


def test_teacher_then_distilled_supernet(tool, config, tmp_path):
    teacher = "model = dict(sampler=dict(_delete_=True, type='fixed'))"
    work = tmp_path / 'teacher'
    arguments = ('--no-validate', '--work-dir', str(work))
    path = tmp_path / 'teacher.py'
    path.write_text("_base_ = './tiny.py'\n" + teacher)
    config()
    assert tool('train', str(path), *arguments) == 0
    child = tmp_path / 'child.py'
    child.write_text(
        "_base_ = './tiny.py'\n"
        f"model = dict(init_from='{(work / 'iter_6.pth').as_posix()}',\n"
        "             distillation=dict(tap='decode_head.conv_seg'))\n"
        f"visualizer = dict(name='{child.as_posix()}')\n"
    )
    assert tool('train', str(child), '--work-dir', str(tmp_path / 'child')) == 0
    logs = list((tmp_path / 'child').glob('*/vis_data/scalars.json'))
    rows = [json.loads(line) for line in logs[0].read_text().splitlines()]
    assert all(row['loss_kd'] > 0 for row in rows if 'loss_kd' in row)
    assert any('mIoU' in row for row in rows)


PARALLEL = {
    # sampler, space, find_unused_parameters, inactive -> is it refused?
    'one drawn': ({'type': 'grouped'}, {}, False, 'skip', True),
    'one drawn, found': ({'type': 'grouped'}, {}, True, 'skip', False),
    'one drawn, decayed': ({'type': 'grouped'}, {}, False, 'decay', False),
    'sandwich': ({'type': 'sandwich'}, {}, False, 'skip', False),
    'largest': ({'type': 'fixed'}, {}, False, 'skip', False),
    'smallest': ({'type': 'fixed', 'arch': 'smallest'}, {}, False, 'skip', True),
    'single output': ({'type': 'sandwich'}, {'output': 'single'}, False, 'skip', True),
    'restricted': ({'type': 'fixed'}, {'where': [['s3.*.depth', [1, 2]]]}, False, 'skip', True),
}


@pytest.mark.parametrize('case', PARALLEL)
def test_ddp_that_would_fail_is_refused(config, case):
    """DDP dies in the second step when a weight got no gradient and none was expected to lack."""
    from mmengine.registry import MODELS, DefaultScope

    from scalenas.config import read_config
    from scalenas.errors import ConfigError
    from scalenas.training.launch import check_parallel

    sampler, space, finds, inactive, refused = PARALLEL[case]
    cfg = read_config(config())
    cfg.model.sampler, cfg.model.inactive = sampler, inactive
    cfg.model.architecture.backbone.space.update(space)
    if 'output' in space:
        head = {'in_channels': [8], 'in_index': [0], 'channels': 8}
        cfg.model.architecture.decode_head.update(head)
    cfg.find_unused_parameters = finds
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    cfg.launcher = 'none'
    check_parallel(cfg, model)
    cfg.launcher = 'pytorch'
    if not refused:
        check_parallel(cfg, model)
        if finds:
            # mmengine does not read the variable beside a wrapper that is described.
            cfg.model_wrapper_cfg = {'type': 'MMDistributedDataParallel'}
            with raises(ConfigError, where=contains('model_wrapper_cfg: find_unused_parameters')):
                check_parallel(cfg, model)
        return
    with raises(ConfigError, where=contains(': find_unused_parameters'), got=False):
        check_parallel(cfg, model)


TOLD = """
import os
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from scalenas.arch import dump


@HOOKS.register_module()
class TellAll(Hook):
    def __init__(self, folder):
        self.folder, self.archs, self.images = folder, [], []

    def before_train(self, runner):
        model = runner.model.module
        active = model.active

        def told(arch):
            self.archs.append(dump(arch))
            return active(arch)

        model.active = told

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.images += [sample.img_path for sample in data_batch['data_samples']]

    def after_train(self, runner):
        model = runner.model.module
        found = dict(
            archs=self.archs,
            images=self.images,
            weights={name: p.detach() for name, p in model.named_parameters()},
        )
        torch.save(found, os.path.join(self.folder, f'rank{os.environ["RANK"]}.pt'))
"""


def test_torchrun_without_gpus(config, tmp_path):
    """The tool itself under torchrun: both ranks train the same sub-nets, on other images."""
    work = tmp_path / 'two'
    (tmp_path / 'told.py').write_text(TOLD)
    more = (
        "custom_imports = dict(imports=['scalenas.models', 'scalenas.training', "
        "'scalenas.evaluation', 'told'])\n"
        "custom_hooks = [dict(type='scalenas.SpaceHook'), "
        f"dict(type='TellAll', folder='{tmp_path.as_posix()}')]\n"
    )
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PORT': port}
    environment['PYTHONPATH'] = f'{REPO}:{tmp_path}'
    environment['PATH'] = f'{Path(sys.executable).parent}:{environment["PATH"]}'
    done = subprocess.run(
        [
            'bash',
            str(REPO / 'tools' / 'dist_train.sh'),
            config(more),
            '2',
            '--no-validate',
            '--work-dir',
            str(work),
            '--cfg-options',
            'train_cfg.max_iters=3',
        ],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (weights(tmp_path / f'rank{rank}.pt') for rank in range(2))
    assert len(first['archs']) == 3
    assert len(set(first['archs'])) > 1
    assert first['archs'] == second['archs']
    assert len(first['images']) == 6
    assert not set(first['images'][:4]) & set(second['images'][:4])  # of an epoch's eight
    written = weights(work / 'iter_3.pth')['state_dict']
    for name, value in first['weights'].items():
        assert torch.equal(value, second['weights'][name]), name
        assert torch.equal(value, written[name]), name


def test_resume_with_nothing_to_resume_starts_as_the_config_says(tool, config, tmp_path):
    """The same command on a cluster, first time or not: load_from counts until there is more."""
    arguments = ('--no-validate', '--cfg-options', 'optim_wrapper.optimizer.lr=0.0')
    first = ('--work-dir', str(tmp_path / 'first'), *arguments, 'train_cfg.max_iters=1')
    assert tool('train', config(), *first) == 0
    given = tmp_path / 'first' / 'iter_1.pth'
    again = ('--work-dir', str(tmp_path / 'again'), '--resume', *arguments, f'load_from={given}')
    for steps in (3, 6):
        assert tool('train', config(), *again, f'train_cfg.max_iters={steps}') == 0
        found = weights(tmp_path / 'again' / f'iter_{steps}.pth')
        start = weights(given)['state_dict']
        for key, value in start.items():
            if not key.endswith(('running_mean', 'running_var', 'num_batches_tracked')):
                assert torch.equal(found['state_dict'][key], value), key
    assert found['meta']['iter'] == 6


def test_a_run_asks_for_its_own_iteration(config, tmp_path):
    """Not for that of the Runner that was built last, which mmengine calls the current one."""
    from scalenas.config import read_config
    from scalenas.training.launch import build_runner

    runners = []
    for name in ('one', 'two'):
        cfg = read_config(config(name=f'{name}.py'))
        cfg.update(work_dir=str(tmp_path / name), launcher='none')
        cfg.train_cfg.max_iters = 2
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        runners.append(build_runner(cfg, ('train_dataloader',)))
    first, second = runners
    second.train()
    seen = []
    sampler = first.model.sampler
    draw = sampler.archs
    sampler.archs = lambda iteration: (seen.append(iteration), draw(iteration))[1]
    first.train()
    assert seen == [0, 1]
    assert first.model.message_hub is None  # a loop of one's own says the iteration itself
