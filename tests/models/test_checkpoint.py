"""Checkpoints: those of mmengine are read, nothing in them runs, and writing is all or nothing."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from scalenas.errors import CheckpointError
from scalenas.models.checkpoint import check_space, check_weights, load_checkpoint, save_plain
from scalenas.models.weights import OTHER_NET
from scalenas.space import HRSpace, hull_of, scalenet_scaled_space
from tests.errors import check_line, contains, raises

from .world import DEMO, INNER


class Numbers(Dataset):
    METAINFO = {'classes': ('a', 'b')}  # noqa: RUF012
    metainfo = METAINFO

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((2,), float(index))


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1)

    def forward(self, *x: torch.Tensor, mode: str = 'tensor') -> Any:
        y = self.line(torch.stack(x))
        return {'loss': y.pow(2).mean()} if mode == 'loss' else y


def test_a_checkpoint_that_mmengine_wrote_is_read(tmp_path: Path) -> None:
    runner = Runner(
        Line(),
        str(tmp_path),
        train_dataloader={
            'batch_size': 2,
            'dataset': Numbers(),
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'collate_fn': {'type': 'pseudo_collate'},
        },
        train_cfg={'by_epoch': False, 'max_iters': 3},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9}},
        param_scheduler={'type': 'PolyLR', 'by_epoch': False, 'end': 3},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 3, 'by_epoch': False}},
        custom_hooks=[{'type': 'EMAHook'}],
        default_scope='mmengine',
        experiment_name='test_checkpoint',
    )
    runner.train()
    content = load_checkpoint(tmp_path / 'iter_3.pth')
    assert set(content['state_dict']) == {'line.weight', 'line.bias'}
    assert content['meta']['iter'] == 3
    assert content['message_hub']['log_scalars']['train/loss'].mean() > 0
    assert content['optimizer']['state']


class Command:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'touch {self.witness}',)


class Reach:
    """The other door: getattr, which training logs ask for, used for something else."""

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (torch.Tensor, 'numpy')


@pytest.mark.parametrize('where', ['beside', 'within', 'alone', 'pickle'])
def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path, where: str) -> None:
    witness, path = tmp_path / 'witness', tmp_path / 'evil.pth'
    evil = Command(witness)
    if where == 'pickle':
        path.write_bytes(pickle.dumps(evil, protocol=2))
    else:
        content: Any = {'beside': {'state_dict': {}, 'x': evil}, 'within': {'state_dict': evil}}
        torch.save(content.get(where, evil), path)
    with raises(CheckpointError, where=path, got=contains('posix')):
        load_checkpoint(path)
    assert not witness.exists()


def test_getattr_reaches_nothing_but_the_logs(tmp_path: Path) -> None:
    path = tmp_path / 'evil.pth'
    torch.save({'state_dict': {}, 'x': Reach()}, path)
    with raises(CheckpointError, where=path, got='builtins.getattr'):
        load_checkpoint(path)


def test_objects_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / 'model.pth'
    torch.save({'state_dict': {}, 'model': nn.Linear(1, 1)}, path)
    with raises(CheckpointError, where=path, got='torch.nn.modules.linear.Linear'):
        load_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('part', [0.0, 0.05, 0.5, 0.95])
def test_a_truncated_file_is_one_line(tmp_path: Path, zipped: bool, part: float) -> None:
    path = tmp_path / 'net.pth'
    torch.save(
        {'state_dict': {'a': torch.zeros(1000)}}, path, _use_new_zipfile_serialization=zipped
    )
    assert load_checkpoint(path)['state_dict']['a'].shape == (1000,)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with raises(CheckpointError, where=path, problem=contains('truncated')):
        load_checkpoint(path)


@pytest.mark.parametrize('content', [[1, 2], {'epoch': 3}, {}, 'text', {'state_dict': [1]}])
def test_something_else_is_one_line(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / 'net.pth')
    with raises(CheckpointError, where=tmp_path / 'net.pth', problem='not a checkpoint'):
        load_checkpoint(tmp_path / 'net.pth')


def test_missing_files_and_folders_are_one_line(tmp_path: Path) -> None:
    with raises(CheckpointError, where=tmp_path / 'none.pth', problem='no such file'):
        load_checkpoint(tmp_path / 'none.pth')
    with raises(CheckpointError, where=tmp_path, problem='is a folder'):
        load_checkpoint(tmp_path)
    (tmp_path / 'net.yaml').write_text('family: hrnet\n')
    with raises(CheckpointError, where=tmp_path / 'net.yaml', got=b'family: hrne'):
        load_checkpoint(tmp_path / 'net.yaml')


def test_a_bare_state_dict_is_a_checkpoint(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / 'net.pth')
    content = load_checkpoint(tmp_path / 'net.pth')
    assert set(content['state_dict']) == {'weight', 'bias'}
    assert content['meta'] == {}


def test_plain_means_tensors_and_plain_values(tmp_path: Path) -> None:
    path = tmp_path / 'net.pth'
    whole = torch.arange(1_000_000.0)
    meta = {'arch': DEMO.smallest().to_dict(), 'macs': 12, 'sizes': (3, 4), 'none': None}
    save_plain(path, {'a': whole[:3], 'b': nn.Parameter(torch.ones(2))}, meta)
    content = torch.load(path, weights_only=True)
    assert content['state_dict']['a'].tolist() == [0, 1, 2]
    assert not content['state_dict']['b'].requires_grad
    assert content['meta']['sizes'] == [3, 4]
    assert content['meta']['arch'] == DEMO.smallest().to_dict()
    assert path.stat().st_size < 20_000  # the slice, not what it was cut from
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'net.pth'
    save_plain(path, {'a': torch.ones(1)})
    before = path.read_bytes()

    def disk_full(content: Any, part: Path) -> None:
        Path(part).write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(torch, 'save', disk_full)
    with pytest.raises(OSError) as error:
        save_plain(path, {'a': torch.zeros(1)})
    assert error.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_space_of_a_checkpoint_is_checked() -> None:
    fitting = {'meta': {'scalenas': {'space': DEMO.to_dict()}}}
    check_space(fitting, DEMO, 'x.pth')
    other = HRSpace.from_dict({**DEMO.to_dict(), 'depth': [1, 2]})
    with raises(CheckpointError, where='x.pth: depth', got=[1, 2, 3], allowed=contains('[1, 2],')):
        check_space(fitting, other, 'x.pth')
    with raises(CheckpointError, where='x.pth: where'):
        check_space(fitting, DEMO.where('*.depth', (1,)), 'x.pth')
    for bare in ({}, {'meta': {}}, {'meta': None}, {'meta': {'scalenas': {}}}):
        with raises(CheckpointError, where='x.pth', problem=contains('names no space')):
            check_space(bare, DEMO, 'x.pth')
    newer = {'meta': {'scalenas': {'space': {**DEMO.to_dict(), 'kernel': [3, 5]}}}}
    with raises(CheckpointError, where='x.pth: kernel', got=[3, 5]):
        check_space(newer, DEMO, 'x.pth')


def test_a_sub_space_is_evaluated_with_the_weights_of_the_whole() -> None:
    whole, part = DEMO, DEMO.where('*.depth', (1,))
    trained = {'meta': {'scalenas': {'space': whole.to_dict()}}}
    check_space(trained, part, 'x.pth', to_evaluate=True)
    check_space(trained, part.where('*.f*', (False,)), 'x.pth', to_evaluate=True)
    trained = {'meta': {'scalenas': {'space': part.to_dict()}}}
    check_space(trained, part, 'x.pth', to_evaluate=True)
    for other in (whole, DEMO.where('*.depth', (2,))):
        with raises(CheckpointError, where=contains('x.pth: where')):
            check_space(trained, other, 'x.pth', to_evaluate=True)


def test_inner_widths_start_from_any_and_are_evaluated_where_they_were_trained() -> None:
    plain, inner = ({'meta': {'scalenas': {'space': s.to_dict()}}} for s in (DEMO, INNER))
    for checkpoint in (plain, inner):
        for space in (DEMO, INNER):
            check_space(checkpoint, space, 'x.pth')
        check_space(checkpoint, DEMO, 'x.pth', to_evaluate=True)
    check_space(inner, INNER.where('*.inner', (1,)), 'x.pth', to_evaluate=True)
    with raises(CheckpointError, where='x.pth: inner_widths', got=None):
        check_space(plain, INNER, 'x.pth', to_evaluate=True)
    bad = {'meta': {'scalenas': {'space': {**INNER.to_dict(), 'inner_widths': 5}}}}
    with raises(CheckpointError, where='x.pth: inner_widths', got=5):
        check_space(bad, INNER, 'x.pth')


def test_a_scaled_space_that_was_sampled_uniformly_is_searched_all_the_same() -> None:
    """As in table 3 of ScaleNet: the weights are the same, and all networks are there."""
    space = scalenet_scaled_space()
    assert hull_of(space) == hull_of(space.merged())
    uniform = {'meta': {'scalenas': {'space': space.merged().to_dict()}}}
    check_space(uniform, space, 'x.pth', to_evaluate=True)
    with raises(CheckpointError, where=contains('x.pth: stages')):
        check_space(uniform, space, 'x.pth')
    with raises(CheckpointError, where=contains('x.pth: base')):
        check_space(uniform, scalenet_scaled_space(half=True), 'x.pth', to_evaluate=True)
    hierarchical = {'meta': {'scalenas': {'space': space.to_dict()}}}
    with raises(CheckpointError, where=contains('x.pth: stages')):
        check_space(hierarchical, space.merged(), 'x.pth', to_evaluate=True)


def test_weights_are_missing_unknown_or_misshapen() -> None:
    own = {key: torch.zeros(3) for key in 'abcd'}
    check_weights(own, {key: torch.ones(3) for key in 'dcba'}, 'x.pth')
    with raises(
        CheckpointError,
        where='x',
        hint=OTHER_NET,
        names=('4 weights', "2 are missing (the first is 'c')"),
    ) as caught:
        check_weights(own, {'a': torch.zeros(3), 'b': torch.zeros(2), 'other': torch.ones(1)}, 'x')
    check_line(caught.value, "1 are unknown (the first is 'other')", "'b': (2,)", '(3,)')
    for found, key in (
        ({**own, 'e': torch.zeros(1)}, 'e'),
        ({'a': own['a']}, 'b'),
        ({**own, 'a': torch.zeros(3, 1)}, 'a'),
    ):
        with raises(CheckpointError, where='x.pth', hint=OTHER_NET, names=(repr(key),)):
            check_weights(own, found, 'x.pth')
