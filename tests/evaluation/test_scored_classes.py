"""A class that no image of the search holds is told before the search, or left out of its score."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from PIL import Image

from scalenas.errors import DataError, EvaluationError
from scalenas.evaluation import SubnetEvaluator
from scalenas.evaluation.precision import unrounded
from scalenas.search.fingerprint import what_counts
from scalenas.search.plan import SearchPlan
from scalenas.tasks.label_maps import files as checked
from tests.errors import raises

from .world import CLASSES, archs


def score(stray: int, present: bool, nan_to_num: int | None = None) -> float:
    """mIoU of 10,000 pixels of two classes, all found but `stray`, which are taken for a third."""
    truth = torch.zeros(1, 100, 100, dtype=torch.int64)
    truth[:, 50:] = 1
    found = truth.clone()
    found.flatten()[:stray] = 2
    config = {'type': 'mmseg.IoUMetric', 'nan_to_num': nan_to_num}
    evaluator = unrounded(Evaluator(config), present)
    evaluator.dataset_meta = {'classes': ('a', 'b', 'c')}
    evaluator.process([{'pred_sem_seg': {'data': found}, 'gt_sem_seg': {'data': truth}}])
    return float(evaluator.evaluate(1)['mIoU'])


def test_one_stray_pixel() -> None:
    """As mmseg counts it falls by a third; over the classes that are there, by its share."""
    assert score(0, present=False) == 100
    assert score(1, present=False) == pytest.approx(66.66, abs=0.01)
    assert score(0, present=True) == 100
    assert score(1, present=True) == pytest.approx(100 * (4999 / 5000 + 1) / 2, abs=1e-9)
    assert score(1, present=True, nan_to_num=0) == score(1, present=True)


@pytest.fixture
def world(root: Path, tmp_path: Path) -> Path:
    """The search's images without the last class."""
    path = tmp_path / 'world'
    shutil.copytree(root, path)
    for file in (path / 'ann/search').iterdir():
        found = np.asarray(Image.open(file)).copy()
        found[found == 3] = 1
        Image.fromarray(found).save(file)
    return path


def config_of(world: Path) -> Config:
    text = (world / 'supernet.py').read_text()
    old = Config.fromfile(world / 'supernet.py').train_dataloader.dataset.data_root
    (world / 'moved.py').write_text(text.replace(old, str(world)))
    return Config.fromfile(world / 'moved.py')


def evaluator(world: Path, **changes: Any) -> SubnetEvaluator:
    cfg = config_of(world)
    cfg.merge_from_dict(changes)
    return SubnetEvaluator.from_config(cfg, world / 'supernet.pth')


def test_a_search_says_so_before_it_begins(world: Path) -> None:
    with pytest.raises(EvaluationError) as error:
        evaluator(world)
    assert error.value.where == 'search_dataloader'
    assert CLASSES[3] in error.value.problem
    assert "search.classes='present'" in error.value.hint


def test_metrics_that_do_not_mind(world: Path) -> None:
    """A mean over what is true, one over pixels, and one in which what is nowhere counts as 0."""
    arch = archs(3)[2]
    by_class, by_pixel, zero = (
        evaluator(world, **changes)(arch)
        for changes in (
            {'search.objectives': ['mAcc', 'macs']},
            {'search.objectives': ['aAcc', 'macs']},
            {'val_evaluator.nan_to_num': 0},
        )
    )
    assert by_class == by_pixel
    assert (zero['aAcc'], zero['mIoU']) == (by_pixel['aAcc'], by_pixel['mIoU'])
    assert zero['mAcc'] == pytest.approx(by_class['mAcc'] * 3 / 4, abs=1e-9)


def test_the_score_over_classes_that_are_there(world: Path) -> None:
    arch = archs(3)[2]
    stock = evaluator(world, **{'search.objectives': ['aAcc', 'macs']})(arch)
    ours = evaluator(world, **{'search.classes': 'present'})(arch)
    assert ours['aAcc'] == stock['aAcc']
    assert ours['mAcc'] == pytest.approx(stock['mAcc'], abs=1e-12)
    # Random weights find the fourth class somewhere, and mmseg counts it as 0.
    assert ours['mIoU'] == pytest.approx(stock['mIoU'] * 4 / 3, abs=1e-9)


def test_it_belongs_to_the_settings_of_a_study() -> None:
    search: dict[str, Any] = {'objectives': ('mIoU', 'macs'), 'algorithm': {'type': 'nsga2'}}
    before = what_counts({'search': search})
    assert what_counts({'search': {**search, 'classes': 'all'}}) == before
    assert what_counts({'search': {**search, 'classes': 'present'}}) != before
    SearchPlan.from_dict({**search, 'classes': 'present'})


def test_another_value_is_refused(world: Path) -> None:
    with raises(where='search.classes', got='some'):
        evaluator(world, **{'search.classes': 'some'})


def test_every_label_of_the_search_is_looked_at(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, 'SAMPLE', 2)
    path = world / 'ann/search/003.png'
    found = np.asarray(Image.open(path)).copy()
    found[0, 0] = 9
    Image.fromarray(found).save(path)
    for metric in ('mIoU', 'aAcc'):
        with pytest.raises(DataError) as error:
            evaluator(world, **{'search.objectives': [metric, 'macs']})(archs(1)[0])
        assert str(path) in error.value.where
        assert error.value.got == [9]


@pytest.mark.parametrize('loader', ['search', 'calibration'])
def test_every_batch_is_of_one_size(
    loader: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, 'SAMPLE', 2)
    folder = 'search' if loader == 'search' else 'train'
    for part in ('img', 'ann'):
        path = world / part / folder / '001.png'
        Image.open(path).resize((96, 96), 0).save(path)
    with pytest.raises(DataError) as error:
        evaluator(world, **{'search.classes': 'present'})(archs(1)[0])
    assert error.value.where == f'{loader}_dataloader.batch_size'
    assert '001.png' in error.value.problem
