"""A search must not see, unnoticed, the images that are reported or trained on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from scalenas.evaluation.batches import images, warn_of_overlap

SPLITS = {'val_dataloader': 'other', 'test_dataloader': 'test', 'train_dataloader': 'train'}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    monkeypatch.setattr(
        'scalenas.evaluation.batches.print_log',
        lambda text, _, level=logging.INFO: lines.append((level, text)),
    )
    return lines


def check(cfg: Config) -> None:
    with DefaultScope.overwrite_default_scope('mmseg'):
        searched = DATASETS.build(dict(cfg.search_dataloader.dataset))
    assert len(images(searched)) == len(searched)
    warn_of_overlap(searched, cfg)


def prefix(split: str) -> dict[str, str]:
    return {'img_path': f'img/{split}', 'seg_map_path': f'ann/{split}'}


@pytest.fixture
def apart(cfg: Config, root: Path, tmp_path: Path) -> Config:
    """The config with a validation split of one image that no other split has."""
    for kind in ('img', 'ann'):
        (tmp_path / kind / 'other').mkdir(parents=True)
        content = (root / kind / 'test/000.png').read_bytes()
        (tmp_path / kind / 'other/000.png').write_bytes(content)
    cfg.val_dataloader.dataset.data_root = str(tmp_path)
    cfg.val_dataloader.dataset.data_prefix = prefix('other')
    return cfg


def test_splits_that_share_nothing_are_silent(apart: Config, said: list[object]) -> None:
    check(apart)
    assert said == []


@pytest.mark.parametrize('loader', SPLITS)
def test_the_same_pictures_are_seen_however_they_are_named(
    loader: str, apart: Config, root: Path, tmp_path: Path, said: list[tuple[int, str]]
) -> None:
    """By another root, through a link, wrapped, and with another pipeline: strings all differ."""
    (tmp_path / 'link').symlink_to(root)
    dataset = apart[loader].dataset
    dataset.data_root = str(tmp_path / 'link')
    dataset.data_prefix = prefix('search')
    dataset.indices = 2
    wrapped = {'type': 'RepeatDataset', 'times': 2, 'dataset': dataset}
    apart[loader].dataset = wrapped
    check(apart)
    ((level, text),) = said
    assert level == logging.WARNING
    assert f'2 of its 7 images are of {loader} too' in text


def test_a_split_that_is_not_there_is_said_and_left(
    apart: Config, said: list[tuple[int, str]]
) -> None:
    apart.test_dataloader.dataset.data_prefix = prefix('nowhere')
    check(apart)
    ((level, text),) = said
    assert level == logging.INFO
    assert 'not compared with test_dataloader' in text
