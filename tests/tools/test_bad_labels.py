"""What no sample shows is found in the batch that holds it, before the loss or the metric fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalenas.tasks.label_maps import files as checked

from .conftest import one_line

Tool = Callable[..., object]


@pytest.fixture
def data(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scenes to spoil, of which the sample is the first."""
    shutil.copytree(scenes, tmp_path / 'scenes')
    monkeypatch.setattr(checked, 'SAMPLE', 1)
    return tmp_path / 'scenes'


def spoiled(data: Path, value: int, split: str = 'training', index: int = 3) -> Path:
    path = sorted((data / 'annotations' / split).iterdir())[index]
    found = np.asarray(Image.open(path)).copy()
    found[0, 0] = value
    Image.fromarray(found).save(path)
    return path


def places(data: Path) -> str:
    """Lines for a config: every loader reads `data`."""
    names = ('train', 'val', 'test', 'calibration')
    return '\n'.join(f"{n}_dataloader['dataset']['data_root'] = '{data}'" for n in names)


def test_a_label_that_is_no_class_stops_a_training(
    tool: Tool,
    config: Callable[..., str],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = spoiled(data, 8)
    work = ('--no-validate', '--work-dir', str(tmp_path / 'work'))
    assert tool('train', config(places(data)), *work) == 2
    line = one_line(capsys.readouterr().err)
    assert str(path) in line
    assert 'got [8]' in line


@pytest.mark.parametrize('workers', [0, 1])
def test_a_file_that_cannot_be_read_is_named(
    tool: Tool,
    config: Callable[..., str],
    data: Path,
    workers: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = sorted((data / 'images/training').iterdir())[3]
    path.write_bytes(path.read_bytes()[:60])
    more = f"{places(data)}\ntrain_dataloader['num_workers'] = {workers}"
    work = ('--no-validate', '--work-dir', str(tmp_path / 'work'))
    assert tool('train', config(more), *work) == 2
    line = one_line(capsys.readouterr().err)
    assert str(path) in line
    assert 'Traceback' not in line


@pytest.mark.parametrize('loop', ['ValLoop', 'scalenas.SubnetValLoop'])
def test_a_label_that_is_no_class_is_not_scored(
    tool: Tool,
    config: Callable[..., str],
    data: Path,
    loop: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = spoiled(data, 8, 'validation', 1)
    more = f"""
{places(data)}
val_cfg = dict(type='{loop}')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1, val_interval=1)
"""
    assert tool('train', config(more), '--work-dir', str(tmp_path / 'work')) == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith(f'error: val_dataloader: {path}')
