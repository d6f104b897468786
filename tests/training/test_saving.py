"""Checkpoints under kills: whenever a run ends, `last_checkpoint` names a whole one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from scalenas.errors import TrainingError
from scalenas.staging import STAGED
from scalenas.training.saving import WholeFiles, doubts, save_whole


@pytest.fixture(autouse=True)
def no_description_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks compilers for their versions, which takes most of such a run."""
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)


class Killed(BaseException):
    """No handler of errors runs after a kill, and none catches this."""


class Tiny(BaseModel):
    """One weight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x: Any, mode: str = 'tensor') -> Any:
        return {'loss': self.layer(torch.stack(list(x))).sum()}


def run(
    folder: Path, count: int, resume: bool = False, name: str | None = None, **options: Any
) -> None:
    hook = {'type': 'scalenas.WholeCheckpointHook', 'by_epoch': False, 'interval': 1, **options}
    hooks = dict.fromkeys(('logger', 'timer', 'runtime_info', 'param_scheduler', 'sampler_seed'))
    if resume:
        hooks.pop('runtime_info')
    runner = Runner(
        Tiny(),
        str(folder),
        train_dataloader=DataLoader(
            [torch.ones(1)] * 4, batch_size=1, collate_fn=lambda x: {'x': x}
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=count),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
        default_hooks={**hooks, 'checkpoint': hook},
        resume=resume,
        default_scope=None,
        experiment_name=name or f'saving{os.urandom(4).hex()}',
    )
    runner.train()


def staged_in(folder: Path) -> list[Path]:
    """What somebody writes there, or was writing when it was killed."""
    return [path for path in folder.iterdir() if STAGED.fullmatch(path.name)]


@pytest.mark.parametrize('keep', [1, 2])
def test_a_kill_at_any_moment_leaves_a_good_checkpoint(
    keep: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each step of each write, and in the middle of the bytes."""
    left = [0]

    def counted(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return real(*args, **options)

        return call

    for name in ('fsync', 'replace'):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(WholeFiles, 'remove', counted(WholeFiles.remove))
    for moment in range(1, 30):
        folder, left[0] = tmp_path / str(moment), moment
        try:
            run(folder, 3, max_keep_ckpts=keep)
        except Killed:
            pass
        else:
            break
        left[0] = 0
        record = folder / 'last_checkpoint'
        there = sorted(folder.glob('iter_*.pth'))
        assert record.exists() or len(there) <= 1
        for path in there:
            torch.load(path, weights_only=False)
        if record.exists():
            assert Path(record.read_text()) in there
        assert len(there) <= keep + 1
    assert moment > 12
    assert len(list(folder.glob('iter_*.pth'))) == keep
    assert not staged_in(folder)


def test_runs_of_one_second_keep_their_own_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experiments are named by the second, and runs of one name share mmengine's message hub."""
    monkeypatch.setattr('time.strftime', lambda *_: 'the_same_second')
    for folder, count in (('first', 6), ('second', 3)):
        run(tmp_path / folder, count, name='a_name', interval=3, max_keep_ckpts=2)
        assert (tmp_path / folder / f'iter_{count}.pth').is_file()


def test_what_a_kill_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / f'.iter_9.pth.{"0" * 32}.staged'
    left.write_text('half')
    assert staged_in(tmp_path) == [left]
    run(tmp_path, 1)
    assert not left.exists()
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_1.pth')


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, 1)
    before = (tmp_path / 'iter_1.pth').read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(TrainingError) as error:
        run(tmp_path, 2)
    assert error.value.where.endswith('iter_1.pth')
    assert (tmp_path / 'iter_1.pth').read_bytes() == before
    assert not staged_in(tmp_path)


def test_it_is_taken_where_a_config_has_mmengines_own() -> None:
    own = {'default_hooks': {'checkpoint': {'type': 'mine.Hook'}}}
    stock = {'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'interval': 3}}}
    for given, kind in ((own, 'mine.Hook'), (stock, 'scalenas.WholeCheckpointHook'), ({}, None)):
        cfg = Config(given)
        save_whole(cfg)
        assert cfg.default_hooks.checkpoint.type == (kind or 'scalenas.WholeCheckpointHook')
    assert issubclass(type(CheckpointHook()), CheckpointHook)


ITERATIONS = dict(type='IterBasedTrainLoop', max_iters=100)
EPOCHS = dict(type='EpochBasedTrainLoop', max_epochs=10)


@pytest.mark.parametrize(
    ('loop', 'hook', 'count'),
    [
        (ITERATIONS, dict(by_epoch=False, interval=50), 0),
        (ITERATIONS, dict(by_epoch=False, interval=100), 1),
        (ITERATIONS, dict(by_epoch=False, interval=2000), 1),
        (ITERATIONS, dict(by_epoch=False, interval=10, save_begin=200), 1),
        (ITERATIONS, dict(by_epoch=False, interval=60, save_last=False), 0),
        (ITERATIONS, dict(by_epoch=False), 1),
        (ITERATIONS, dict(interval=1), 1),
        (EPOCHS, dict(interval=1), 0),
        (EPOCHS, dict(interval=10), 1),
        (EPOCHS, dict(interval=30, save_last=False), 1),
        (EPOCHS, dict(interval=500, by_epoch=False), 0),
        (dict(by_epoch=True, max_epochs=3), dict(interval=3), 1),
        (dict(by_epoch=False, max_iters=3), dict(interval=1, by_epoch=False), 0),
    ],
)
def test_a_run_without_a_checkpoint_on_its_way_is_told(
    loop: dict[str, Any], hook: dict[str, Any], count: int
) -> None:
    hooks = {'checkpoint': {'type': 'CheckpointHook', **hook}}
    assert len(doubts({'train_cfg': loop, 'default_hooks': hooks})) == count


@pytest.mark.parametrize(
    ('schedule', 'count'),
    [
        (dict(type='PolyLR', end=100), 1),
        (dict(type='PolyLR', end=100, by_epoch=False), 0),
        (dict(type='PolyLR', end=100, convert_to_iter_based=True), 0),
        (dict(type='ReduceOnPlateauLR'), 0),
        (dict(type='ReduceOnPlateauLR', by_epoch=False), 1),
    ],
)
def test_a_schedule_that_never_steps_is_told(schedule: dict[str, Any], count: int) -> None:
    hooks = {'checkpoint': {'interval': 10, 'by_epoch': False}}
    cfg = {'train_cfg': ITERATIONS, 'default_hooks': hooks, 'param_scheduler': [schedule]}
    assert len(doubts(cfg)) == count
